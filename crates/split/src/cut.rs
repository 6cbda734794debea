//! From one program to one for each part.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hefu_numerics::program::{Entry, Factor, Kind, Op, Program, Rows, Section, State, StateSpec, Step, Value, Weight};

/// Reason why a program cannot be cut there; in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutError(pub(crate) String);

impl std::fmt::Display for CutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CutError {}

/// A part of a program, sealed.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) program: Arc<Program>,
    /// Inputs of its batch, in order.
    pub(crate) inputs: Vec<Input>,
    /// Values that later parts read.
    pub(crate) outputs: Vec<Value>,
    /// Its groups of key-value states among the whole program's.
    pub(crate) groups: Vec<usize>,
    /// The values that it writes, as the whole program numbers them.
    pub(crate) written: HashSet<Value>,
}

/// An input of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// One of the whole batch's.
    Given(u8),
    /// A value that an earlier part wrote.
    Value(Value),
}

/// The parts of a program.
#[derive(Debug)]
pub(crate) struct Cut {
    /// Those with layers, in order.
    pub(crate) parts: Vec<Part>,
    /// The part after the last of them, where there is one.
    pub(crate) heads: Option<Part>,
}

impl Part {
    /// Bytes that it is brought of earlier parts for each token, as far as its row is wanted.
    pub(crate) fn crossing(&self, program: &Program) -> usize {
        let numbers = self.inputs.iter().map(|input| match input {
            Input::Value(value) => program.value(*value).numbers(),
            Input::Given(_) => 0,
        });
        numbers.sum::<usize>() * size_of::<f32>()
    }
}

/// The program of layers `first` to `last` alone, as a split device has it; with `heads`, what comes after the last layer
/// belongs to it.
///
/// # Errors
/// Layers that are not there, or a program that cannot be cut before or after them.
pub fn part_of(program: &Program, first: usize, last: usize, heads: bool) -> Result<Arc<Program>, CutError> {
    let count = layers(program);
    if last < first || last >= count || (heads && last + 1 != count) {
        let heads = if heads { " and what comes after them" } else { "" };
        return Err(CutError(format!(
            "layers {first} to {last}{heads} are no part: the model has layers 0 to {}",
            count.saturating_sub(1)
        )));
    }
    let before: Vec<usize> = [first, last + 1].into_iter().filter(|layer| (1..count).contains(layer)).collect();
    let cut = cut(program, &before, !heads)?;
    let part = cut.parts.into_iter().nth(usize::from(first > 0));
    part.map(|part| part.program).ok_or_else(|| CutError("the program has no body".into()))
}

/// The layers of a program: one more than the last.
pub(crate) fn layers(program: &Program) -> usize {
    let layers = program.sections.iter().flat_map(|section| &section.steps).filter_map(|step| step.layer);
    layers.map(|layer| usize::from(layer) + 1).max().unwrap_or(0)
}

/// Cuts a sealed program before each of these layers, which ascend; and after the last one, where heads are a part of their
/// own.
///
/// # Errors
/// A layer that is not there, a state that layers of two parts use, or a value that no batch can bring.
pub(crate) fn cut(program: &Program, before: &[usize], apart: bool) -> Result<Cut, CutError> {
    let count = layers(program);
    if before.iter().any(|layer| !(1..count).contains(layer)) || before.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(CutError(format!(
            "the model has layers 0 to {}, and each part needs one",
            count.saturating_sub(1)
        )));
    }
    let whole = without_selects(program);
    let mut parts_of = Vec::new();
    let mut now = 0;
    let Some(body) = whole.sections.first() else { return Err(CutError("the program has no body".into())) };
    for step in &body.steps {
        let own = step.layer.map_or(now, |layer| before.partition_point(|first| *first <= usize::from(layer)));
        if own < now {
            return Err(CutError(format!("layer {} is computed after a later one", step.layer.unwrap_or(0))));
        }
        now = own;
        parts_of.push(now);
    }
    check_states(&whole, &parts_of)?;
    let last = before.len();
    let cutter = |part| Cutter { whole: &whole, sealed: program, parts_of: &parts_of, part, apart };
    let parts = (0..=last).map(|part| cutter(part).part(last)).collect::<Result<_, _>>()?;
    let heads = apart.then(|| cutter(last).heads()).transpose()?;
    Ok(Cut { parts, heads })
}

/// The program as it was before it was sealed, with the same numbers: `seal` puts its selections where it wants them.
fn without_selects(program: &Program) -> Program {
    let mut whole = program.clone();
    let mut selected: HashMap<Value, Value> = HashMap::new();
    for section in &mut whole.sections {
        section.steps.retain(|step| match step.op {
            Op::Select { x, out } => {
                selected.insert(out, x);
                false
            }
            _ => true,
        });
    }
    let before = |value: Value| selected.get(&value).copied().unwrap_or(value);
    for section in &mut whole.sections {
        section.output = before(section.output);
        for step in &mut section.steps {
            step.op.each_input(&mut |value| *value = before(*value));
        }
    }
    whole
}

/// A state lives in one part.
fn check_states(program: &Program, parts_of: &[usize]) -> Result<(), CutError> {
    let mut homes: HashMap<State, (usize, Option<u16>)> = HashMap::new();
    let steps = program.sections.first().map(|body| &body.steps[..]).unwrap_or_default();
    for (step, part) in steps.iter().zip(parts_of) {
        let Some(state) = step.op.state() else { continue };
        let (home, layer) = *homes.entry(state).or_insert((*part, step.layer));
        if home != *part {
            let [layer, other] = [layer, step.layer].map(Option::unwrap_or_default);
            return Err(CutError(format!("layer {other} reads the cache of layer {layer}: both belong on one device")));
        }
    }
    Ok(())
}

/// Makes one part.
struct Cutter<'a> {
    whole: &'a Program,
    sealed: &'a Program,
    /// The part of each step of the body.
    parts_of: &'a [usize],
    part: usize,
    /// True if heads are a part of their own.
    apart: bool,
}

impl Cutter<'_> {
    fn steps(&self, of: impl Fn(usize) -> bool) -> impl Iterator<Item = &Step> {
        let body = self.whole.sections.first().map(|body| &body.steps[..]).unwrap_or_default();
        body.iter().zip(self.parts_of).filter(move |(_, part)| of(**part)).map(|(step, _)| step)
    }

    fn part(&self, last: usize) -> Result<Part, CutError> {
        let part = self.part;
        let body = self.steps(|of| of == part).cloned().collect::<Vec<Step>>();
        let written: HashSet<Value> = body.iter().filter_map(|step| step.op.output()).collect();
        let mut read: Vec<Value> = body.iter().flat_map(|step| step.op.inputs()).collect();
        let whole_output = self.whole.sections.first().map(|body| body.output);
        let is_last = part == last;
        read.extend(whole_output.filter(|_| is_last));
        let mut needed: Vec<Value> = Vec::new();
        for value in read {
            if !written.contains(&value) && !needed.contains(&value) {
                self.check_crossing(value)?;
                needed.push(value);
            }
        }
        let mut outputs: Vec<Value> = self.steps(|of| of > part).flat_map(|step| step.op.inputs()).collect();
        outputs.extend(whole_output.filter(|_| !is_last));
        outputs.retain(|value| written.contains(value));
        outputs.sort_unstable();
        outputs.dedup();
        let (steps, inputs) = self.with_inputs(body, &needed);
        let output = if is_last { whole_output } else { outputs.last().copied() };
        let Some(output) = output else {
            return Err(CutError(format!("part {part} computes nothing that the others read")));
        };
        let mut sections = vec![Section { entry: Entry::Body, steps, output }];
        if is_last && !self.apart {
            sections.extend(self.whole.sections.iter().skip(1).cloned());
        }
        let (program, groups) = narrowed(Program { sections, ..self.whole.clone() });
        let stay = |value: &Value| self.sealed.value(*value).rows == Rows::All || outputs.contains(value);
        let all: Vec<Value> = written.iter().chain(&needed).copied().filter(stay).collect();
        let program = program.seal(&all).map_err(|error| CutError(error.to_string()))?;
        Ok(Part { program: Arc::new(program), inputs, outputs, groups, written })
    }

    /// The part after the last layer, whose input is the body's output.
    fn heads(&self) -> Result<Part, CutError> {
        let Some(output) = self.whole.sections.first().map(|body| body.output) else {
            return Err(CutError("the program has no body".into()));
        };
        for section in self.whole.sections.iter().skip(1) {
            let written: HashSet<Value> = section.steps.iter().filter_map(|step| step.op.output()).collect();
            let read = section.steps.iter().flat_map(|step| step.op.inputs()).chain([section.output]);
            if let Some(value) = read.into_iter().find(|value| *value != output && !written.contains(value)) {
                let name = &self.sealed.value(value).name;
                return Err(CutError(format!("what comes after the last layer reads `{name}` of an earlier one")));
            }
        }
        let inject = Step { layer: None, op: Op::Inject { input: 0, out: output } };
        let mut sections = vec![Section { entry: Entry::Body, steps: vec![inject], output }];
        sections.extend(self.whole.sections.iter().skip(1).cloned());
        let (program, groups) = narrowed(Program { sections, ..self.whole.clone() });
        let program = program.seal(&[output]).map_err(|error| CutError(error.to_string()))?;
        let inputs = vec![Input::Value(output)];
        Ok(Part { program: Arc::new(program), inputs, outputs: Vec::new(), groups, written: HashSet::new() })
    }

    /// Only rows of numbers can be brought by a batch. What was needed for the wanted rows alone crosses for all of them.
    fn check_crossing(&self, value: Value) -> Result<(), CutError> {
        let spec = self.sealed.value(value);
        if spec.kind != Kind::Choices {
            return Ok(());
        }
        Err(CutError(format!("the model cannot be cut where `{}` crosses, a choice of experts", spec.name)))
    }

    /// The steps with one before them for each value that comes from elsewhere.
    fn with_inputs(&self, body: Vec<Step>, needed: &[Value]) -> (Vec<Step>, Vec<Input>) {
        let mut inputs: Vec<Input> = needed.iter().map(|value| Input::Value(*value)).collect();
        let injected = needed.iter().enumerate();
        let mut steps: Vec<Step> = injected
            .map(|(input, out)| Step { layer: None, op: Op::Inject { input: input as u8, out: *out } })
            .collect();
        for mut step in body {
            if let Op::Inject { input, .. } = &mut step.op {
                inputs.push(Input::Given(*input));
                *input = (inputs.len() - 1) as u8;
            }
            steps.push(step);
        }
        (steps, inputs)
    }
}

/// The program with the weights and states that it uses alone, and which groups of states these are of.
fn narrowed(mut program: Program) -> (Program, Vec<usize>) {
    let (mut weights, mut states): (Vec<Weight>, Vec<State>) = (Vec::new(), Vec::new());
    for section in &mut program.sections {
        for step in &mut section.steps {
            each_weight(&mut step.op, &mut |weight| *weight = Weight(place(&mut weights, *weight)));
            if let Some(state) = state_of(&mut step.op) {
                *state = State(place(&mut states, *state));
            }
        }
    }
    let mut groups: Vec<usize> = Vec::new();
    program.weights = weights.iter().map(|weight| program.weight(*weight).clone()).collect();
    program.states = states.iter().map(|state| *program.state(*state)).collect();
    for state in &mut program.states {
        if let StateSpec::KeyValue { group, .. } = state {
            *group = place(&mut groups, usize::from(*group)) as u8;
        }
    }
    (program, groups)
}

/// The place of something in a list, which it is added to if it is not there.
fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> u32 {
    let found = all.iter().position(|other| *other == one);
    found.unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    }) as u32
}

/// Calls `change` with each weight that an operation uses.
fn each_weight(op: &mut Op, change: &mut dyn FnMut(&mut Weight)) {
    match op {
        Op::Embed { table: weight, .. }
        | Op::Rows { table: weight, .. }
        | Op::HeadLinear { weight, .. }
        | Op::Scale { by: Factor::Weight(weight), .. } => change(weight),
        Op::RmsNorm { gain, .. } => gain.iter_mut().for_each(change),
        Op::LayerNorm { gain, bias, .. } => gain.iter_mut().chain(bias).for_each(change),
        Op::Attend { sinks, .. } => sinks.iter_mut().for_each(change),
        Op::Linear { weight, bias, .. } | Op::ShortConv { weight, bias, .. } => {
            std::iter::once(weight).chain(bias).for_each(change);
        }
        Op::SelectiveScan { rates, .. } => change(rates),
        Op::Decay { rate, bias, .. } => [rate, bias].into_iter().for_each(change),
        Op::Route { rule, .. } => rule.bias.iter_mut().chain(&mut rule.factors).for_each(change),
        Op::Experts { gate, up, down, biases, .. } => {
            gate.iter_mut().chain([up, down]).chain(biases.iter_mut().flatten()).for_each(change);
        }
        _ => {}
    }
}

fn state_of(op: &mut Op) -> Option<&mut State> {
    match op {
        Op::StoreKv { state, .. }
        | Op::Attend { state, .. }
        | Op::ShortConv { state, .. }
        | Op::GatedDelta { state, .. }
        | Op::SelectiveScan { state, .. }
        | Op::TokenShift { state, .. }
        | Op::Wkv7 { state, .. } => Some(state),
        _ => None,
    }
}
