//! A model with something changed on the way: heads and layers off, vectors added, values put in the place of others.
//!
//! An edit is operations beside the model's own, behind the one that makes the value: its numbers are multiplied by 1 or 0, row by
//! row, and rows that the batch brings are added. So an edited model is a program like any other, which every device computes to the
//! same bits, and rows that no edit means keep theirs (but for the sign of a zero). What changes is also said: the program has a
//! line of its own ([`Program::variants`]), so that nobody takes what it computes for the model's.

use super::ranges::Ranges;
use super::refusal::Refusal;
use super::visible::{Source, buffers};
use hefu_numerics::program::{Entry, Factor, Kind, Op, Program, Section, Step, Value, ValueSpec};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Most edits of one text, counted in layers: three steps each have an input of their own, of which a program has 256.
pub const MAX_EDITS: usize = 64;
/// Most numbers that edits bring (4 MiB of them).
pub const MAX_EDIT_NUMBERS: usize = 1 << 20;
/// The name by which a whole layer is switched off.
pub const LAYER: &str = "layer";
/// Part of a fingerprint between the model and the digest of its edits.
const EDITED: &str = "+edited-";
/// Suffix of the name of a changed value, as it was before.
const BEFORE: &str = " (before)";

/// Something that is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The value's name, or [`LAYER`].
    pub name: String,
    /// In which layers; `None` for all that have it.
    pub layers: Option<Ranges>,
    /// Of which heads; `None` for whole rows.
    pub heads: Option<Ranges>,
    /// At which positions; `None` for all.
    pub positions: Option<Ranges>,
    /// The change.
    pub change: Change,
}

/// Change of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Its numbers are 0; a layer hands on what it was given.
    Off,
    /// These numbers are added: one row for all positions, or one for each of them.
    Add(Vec<f32>),
    /// These numbers stand in its place.
    Put(Vec<f32>),
}

/// Rows of one input of an edited program.
#[derive(Debug, Clone)]
enum Feed {
    /// 1, but `inside` at the positions that are meant.
    Factor { positions: Option<Ranges>, inside: f32, outside: f32 },
    /// Rows at the positions that are meant, zeros elsewhere.
    Rows { positions: Option<Ranges>, places: Vec<usize>, width: usize, numbers: Vec<f32> },
}

/// The inputs of an edited program.
#[derive(Debug, Clone, Default)]
pub(super) struct Feeds(Vec<Feed>);

impl Feeds {
    /// Rows of consecutive positions.
    pub(super) fn rows(&self, position: usize, rows: usize) -> Vec<Vec<f32>> {
        self.0.iter().map(|feed| feed.rows(position..position + rows)).collect()
    }
}

impl Feed {
    fn rows(&self, at: std::ops::Range<usize>) -> Vec<f32> {
        match self {
            Feed::Factor { positions, inside, outside } => {
                at.map(|position| if Ranges::has(positions, position) { *inside } else { *outside }).collect()
            }
            Feed::Rows { positions, places, width, numbers } => {
                let mut rows = vec![0.0; at.len() * width];
                for (row, position) in rows.chunks_exact_mut((*width).max(1)).zip(at) {
                    let place =
                        if numbers.len() == *width { Some(0) } else { places.iter().position(|one| *one == position) };
                    let given = place.and_then(|place| numbers.get(place * width..(place + 1) * width));
                    if let Some(given) = given.filter(|_| Ranges::has(positions, position)) {
                        row.copy_from_slice(given);
                    }
                }
                rows
            }
        }
    }
}

/// The digest by which edits are known, in 16 hexadecimal digits; the same for the same edits alone.
pub fn digest(edits: &[Edit]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"hefu edits 1\n");
    for Edit { name, layers, heads, positions, change } in edits {
        let (word, numbers): (&str, &[f32]) = match change {
            Change::Off => ("off", &[]),
            Change::Add(numbers) => ("add", numbers),
            Change::Put(numbers) => ("put", numbers),
        };
        let text = format!("{word} {name:?} {layers:?} {heads:?} {positions:?} {}\n", numbers.len());
        hasher.update(text.as_bytes());
        numbers.iter().for_each(|number| hasher.update(number.to_bits().to_le_bytes()));
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprint of answers of a model with edits, by that of its own.
pub fn edited_fingerprint(own: &str, edits: &[Edit]) -> String {
    if edits.is_empty() { own.to_owned() } else { format!("{own}{EDITED}{}", digest(edits)) }
}

/// True if answers with this fingerprint are of a model with edits, which the fingerprint does not tell.
pub fn is_of_edited(fingerprint: &str) -> bool {
    fingerprint.contains(EDITED)
}

/// A program with edits, for a text of at most so many tokens.
///
/// # Errors
/// A value that is not there or cannot be changed, numbers that do not fit it, or too many of them.
pub(super) fn edited(program: &Program, edits: &[Edit], tokens: usize) -> Result<(Program, Feeds), Refusal> {
    let planned = plan(program, edits, tokens)?;
    let mut writer = Writer { program: program.clone(), feeds: Feeds::default(), current: HashMap::new() };
    for section in 0..writer.program.sections.len() {
        writer.section(section, &planned);
    }
    writer.program.variants.push(format!("edited {}", digest(edits)));
    Ok((writer.program, writer.feeds))
}

/// Change of one value: its columns and its kind.
#[derive(Debug, Clone)]
struct Planned {
    /// Value in place of a layer's output that is switched off.
    instead: Option<Value>,
    /// Columns from and to, in ascending order.
    columns: Vec<(usize, usize)>,
    width: usize,
    positions: Option<Ranges>,
    places: Vec<usize>,
    change: Change,
}

fn plan(program: &Program, edits: &[Edit], tokens: usize) -> Result<HashMap<Value, Vec<Planned>>, Refusal> {
    let (all, mut planned) = (buffers(program), HashMap::<Value, Vec<Planned>>::new());
    let (mut count, mut numbers) = (0, 0_usize);
    for edit in edits {
        let places = (0..tokens).filter(|at| Ranges::has(&edit.positions, *at)).collect::<Vec<_>>();
        let before = count;
        let mut take = |value: Value, plan: Planned| {
            count += 1;
            numbers = numbers.saturating_add(plan.numbers());
            planned.entry(value).or_default().push(plan);
            if count > MAX_EDITS { Err(Refusal::ManyEdits { most: MAX_EDITS }) } else { Ok(()) }
        };
        let is_meant = |layer: Option<u16>| layer.is_none_or(|layer| Ranges::has(&edit.layers, usize::from(layer)));
        if edit.name == LAYER {
            for (value, instead) in
                layers(program).into_iter().filter(|(value, _)| is_meant(program.value(*value).layer))
            {
                if edit.change != Change::Off || edit.heads.is_some() {
                    return Err(Refusal::Edit("a layer as a whole can be switched off, and nothing else".to_owned()));
                }
                let width = program.value(value).numbers();
                let positions = edit.positions.clone();
                let columns = vec![(0, width)];
                let change = Change::Off;
                take(value, Planned { instead: Some(instead), columns, width, positions, places: Vec::new(), change })?;
            }
        }
        for buffer in all.iter().filter(|buffer| buffer.name == edit.name && is_meant(buffer.layer)) {
            let Source::Value(value) = buffer.source else { return Err(made_of_others(&edit.name)) };
            take(value, planned_of(program.value(value), buffer.heads, edit, &places)?)?;
        }
        if count == before {
            return Err(Refusal::NoValue { name: edit.name.clone() });
        }
    }
    match numbers > MAX_EDIT_NUMBERS {
        true => {
            Err(Refusal::Edit(format!("the edits bring {numbers} numbers, but at most {MAX_EDIT_NUMBERS} are taken")))
        }
        false => Ok(planned),
    }
}

fn made_of_others(name: &str) -> Refusal {
    Refusal::Edit(format!(
        "{name} is no row of plain numbers that the model computes with, so it cannot be changed; change a value beside it"
    ))
}

impl Planned {
    fn numbers(&self) -> usize {
        match &self.change {
            Change::Off => 0,
            Change::Add(numbers) | Change::Put(numbers) => numbers.len(),
        }
    }
}

fn planned_of(spec: &ValueSpec, heads: usize, edit: &Edit, places: &[usize]) -> Result<Planned, Refusal> {
    if spec.kind != Kind::Numbers {
        return Err(made_of_others(&edit.name));
    }
    let width = spec.numbers();
    let columns = match &edit.heads {
        None => vec![(0, width)],
        some => {
            let size = width / heads.max(1);
            let columns: Vec<_> = (0..heads)
                .filter(|head| Ranges::has(some, *head))
                .map(|head| (head * size, (head + 1) * size))
                .collect();
            if columns.is_empty() || heads == 1 {
                return Err(Refusal::NoHead { name: edit.name.clone(), heads });
            }
            columns
        }
    };
    let row: usize = columns.iter().map(|(from, to)| to - from).sum();
    if let Change::Add(numbers) | Change::Put(numbers) = &edit.change {
        let fits =
            numbers.len() == row || edit.positions.is_some() && numbers.len() == row.saturating_mul(places.len());
        if !fits || numbers.is_empty() {
            let (name, given, positions) = (&edit.name, numbers.len(), places.len());
            return Err(Refusal::Edit(format!(
                "the edit of {name} brings {given} numbers, but a row there has {row}; give one row, or with positions one for each \
                 of the {positions} that are meant"
            )));
        }
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(Refusal::Edit(format!("the edit of {} brings a number that is none", edit.name)));
        }
    }
    let (positions, places) = (edit.positions.clone(), places.to_vec());
    Ok(Planned { instead: None, columns, width, positions, places, change: edit.change.clone() })
}

/// Every layer's output, with what the layer was given: the output of the one before, or what stands before the first.
fn layers(program: &Program) -> Vec<(Value, Value)> {
    let outputs = program.layer_outputs();
    let Some((&first, body)) = outputs.first().zip(program.section(Entry::Body)) else { return Vec::new() };
    let width = program.value(first).numbers();
    let before = body.steps.iter().take_while(|step| step.layer.is_none()).filter_map(|step| step.op.output());
    let given = before.filter(|value| {
        let spec = program.value(*value);
        spec.kind == Kind::Numbers && spec.numbers() == width
    });
    let given = given.last();
    let inputs = given.into_iter().map(Some).chain(outputs.iter().map(|output| Some(*output)));
    let pairs = outputs.iter().zip(inputs).filter_map(|(output, input)| Some((*output, input?)));
    pairs.filter(|(output, input)| program.value(*output).numbers() == program.value(*input).numbers()).collect()
}

/// Writes the edited program.
struct Writer {
    program: Program,
    feeds: Feeds,
    /// Values in place of those that were changed.
    current: HashMap<Value, Value>,
}

impl Writer {
    fn section(&mut self, index: usize, planned: &HashMap<Value, Vec<Planned>>) {
        let Section { steps, .. } = &mut self.program.sections[index];
        let (steps, mut written) = (std::mem::take(steps), Vec::new());
        for mut step in steps {
            step.op.each_input(&mut |value| *value = self.now(*value));
            let (layer, out) = (step.layer, step.op.output());
            written.push(step);
            let Some((out, plans)) = out.and_then(|out| Some((out, planned.get(&out)?))) else { continue };
            let name = self.program.value(out).name.clone();
            let mut value = out;
            for plan in plans {
                value = self.changed(value, plan, layer, &mut written);
            }
            self.program.values[out.0 as usize].name = format!("{name}{BEFORE}");
            self.program.values[value.0 as usize].name = name;
            self.current.insert(out, value);
        }
        let output = self.now(self.program.sections[index].output);
        (self.program.sections[index].steps, self.program.sections[index].output) = (written, output);
    }

    fn now(&self, value: Value) -> Value {
        self.current.get(&value).copied().unwrap_or(value)
    }

    /// A value like another, of so many numbers.
    fn like(&mut self, other: Value, width: usize) -> Value {
        let spec = self.program.value(other);
        let spec = ValueSpec { name: format!("edit {}", self.program.values.len()), width, ..spec.clone() };
        self.program.values.push(spec);
        Value(self.program.values.len() as u32 - 1)
    }

    fn feed(&mut self, feed: Feed, like: Value, width: usize, to: &mut Steps<'_>) -> Value {
        let (input, out) = (self.feeds.0.len() as u8, self.like(like, width));
        self.feeds.0.push(feed);
        to.push(Op::Inject { input, out });
        out
    }

    fn changed(&mut self, value: Value, plan: &Planned, layer: Option<u16>, written: &mut Vec<Step>) -> Value {
        let to = &mut Steps { layer, written };
        let factor = |inside, outside| Feed::Factor { positions: plan.positions.clone(), inside, outside };
        if let Some(instead) = plan.instead {
            let instead = self.now(instead);
            let (own, given) = (self.feed(factor(0.0, 1.0), value, 1, to), self.feed(factor(1.0, 0.0), value, 1, to));
            let (a, b, out) = [(); 3].map(|()| self.like(value, plan.width)).into();
            to.push(Op::Scale { x: value, by: Factor::Value(own), out: a });
            to.push(Op::Scale { x: instead, by: Factor::Value(given), out: b });
            to.push(Op::Add { a, b, out });
            return out;
        }
        let kept = match plan.change {
            Change::Add(_) => None,
            Change::Off | Change::Put(_) => Some(self.feed(factor(0.0, 1.0), value, 1, to)),
        };
        let row = plan.columns.iter().map(|(from, end)| end - from).sum();
        let added = match &plan.change {
            Change::Off => None,
            Change::Add(numbers) | Change::Put(numbers) => {
                let (positions, places, numbers) = (plan.positions.clone(), plan.places.clone(), numbers.clone());
                Some(self.feed(Feed::Rows { positions, places, width: row, numbers }, value, row, to))
            }
        };
        if plan.columns == [(0, plan.width)] {
            return self.part(value, plan.width, kept, added, to);
        }
        let (mut parts, mut done, mut given) = (Vec::new(), 0, 0);
        for (from, end) in plan.columns.iter().copied().chain([(plan.width, plan.width)]) {
            if from > done {
                parts.push(self.slice(value, plan.width, done, from - done, to));
            }
            if end > from {
                let own = self.slice(value, plan.width, from, end - from, to);
                let added = added.map(|added| self.slice(added, row, given, end - from, to));
                parts.push(self.part(own, end - from, kept, added, to));
                given += end - from;
            }
            done = end;
        }
        let out = self.like(value, plan.width);
        to.push(Op::Join { parts, heads: 1, out });
        out
    }

    /// Multiplied by what is kept of it, and with what is added.
    fn part(&mut self, x: Value, width: usize, kept: Option<Value>, added: Option<Value>, to: &mut Steps<'_>) -> Value {
        let mut value = x;
        if let Some(kept) = kept {
            let out = self.like(x, width);
            to.push(Op::Scale { x: value, by: Factor::Value(kept), out });
            value = out;
        }
        if let Some(b) = added {
            let out = self.like(x, width);
            to.push(Op::Add { a: value, b, out });
            value = out;
        }
        value
    }

    fn slice(&mut self, x: Value, head: usize, first: usize, size: usize, to: &mut Steps<'_>) -> Value {
        if size == head {
            return x;
        }
        let out = self.like(x, size);
        to.push(Op::Slice { x, head, first, size, out });
        out
    }
}

/// Where steps of a layer are written to.
struct Steps<'a> {
    layer: Option<u16>,
    written: &'a mut Vec<Step>,
}

impl Steps<'_> {
    fn push(&mut self, op: Op) {
        self.written.push(Step { layer: self.layer, op });
    }
}
