//! Batches through all parts, and the values that cross between them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use hefu_numerics::device::{Batch, Error, Executable, Footprint, Size, Span, StepObserver, StepReport, check};
use hefu_numerics::program::{Entry, Program, Rows, Value};

use crate::cut::{Cut, Input, Part};
use crate::heads::Heads;

/// The parts of a program, each ready to run on its device.
pub(crate) struct Split {
    program: Arc<Program>,
    cut: Arc<Cut>,
    executables: Vec<Box<dyn Executable>>,
    /// The part after the last layer, where there is one.
    heads: Option<Heads>,
    size: Size,
    probes: Vec<Value>,
    /// Rows of the last batch of what later parts read.
    crossing: HashMap<Value, Vec<f32>>,
    /// Wanted rows of the last batch.
    wanted: Vec<usize>,
}

impl Split {
    pub(crate) fn new(
        program: Arc<Program>,
        cut: Arc<Cut>,
        (executables, heads): (Vec<Box<dyn Executable>>, Option<Heads>),
        size: Size,
        probes: &[Value],
    ) -> Split {
        Split {
            program,
            cut,
            executables,
            heads,
            size,
            probes: probes.to_vec(),
            crossing: HashMap::new(),
            wanted: Vec::new(),
        }
    }

    /// Runs one part, and reads what later ones need of it.
    fn run_part(&mut self, index: usize, batch: &Batch<'_>) -> Result<(), Error> {
        let part = &self.cut.parts[index];
        let input = |input: &Input| match *input {
            Input::Given(input) => batch.inputs[usize::from(input)],
            Input::Value(value) => self.crossing.get(&value).map_or(&[][..], |rows| rows),
        };
        let inputs: Vec<&[f32]> = part.inputs.iter().map(input).collect();
        let tables: Vec<Vec<&[u32]>> = batch.spans.iter().map(|span| own_tables(part, span)).collect();
        let (is_last, has_slots) = (index + 1 == self.cut.parts.len(), part.program.slot_numbers() > 0);
        let spans = batch.spans.iter().zip(&tables).map(|(span, tables)| Span {
            rows: span.rows.clone(),
            position: span.position,
            // Heads are on the last device, so that no other one needs to know what is wanted; values that are probes may.
            wanted: if is_last || !self.probes.is_empty() { span.wanted.clone() } else { 0..0 },
            tables,
            slots: span.slots.filter(|_| has_slots),
            second: span.second,
        });
        let spans: Vec<Span<'_>> = spans.collect();
        let executable = &mut self.executables[index];
        executable.run(&Batch { tokens: batch.tokens, spans: &spans, inputs: &inputs })?;
        let rows = batch.tokens.len();
        for value in &part.outputs {
            let numbers = self.crossing.entry(*value).or_default();
            numbers.resize(rows * self.program.value(*value).numbers(), f32::NAN);
            executable.read(*value, 0..rows, numbers)?;
        }
        Ok(())
    }

    /// Brings the wanted rows of the body's output to the device that has the heads.
    fn run_heads(&mut self) -> Result<(), Error> {
        let Self { cut, executables, heads: Some(heads), wanted, .. } = self else { return Ok(()) };
        let (Some(part), Some(executable)) = (cut.parts.last(), executables.last()) else { return Ok(()) };
        let Some(body) = part.program.section(Entry::Body) else { return Ok(()) };
        let spec = part.program.value(body.output);
        let read = |rows: Range<usize>, to: &mut [f32]| executable.read(body.output, rows, to);
        heads.run(wanted, spec.rows == Rows::Wanted, spec.numbers(), read)
    }
}

impl Executable for Split {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        check(&self.program, &self.size, batch)?;
        let wanted = batch.spans.iter().flat_map(|span| span.wanted.clone().map(|row| span.rows.start + row));
        self.wanted = wanted.collect();
        (0..self.cut.parts.len()).try_for_each(|index| self.run_part(index, batch))?;
        self.run_heads()
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        match &mut self.heads {
            Some(heads) => heads.head(entry, rows),
            None => match self.executables.last_mut() {
                Some(last) => last.head(entry, rows),
                None => Err(Error::bad_batch("there is no part")),
            },
        }
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        let output = self.program.section(Entry::Body).map(|body| body.output);
        if output == Some(value) {
            let (part, executable) = (self.cut.parts.last(), self.executables.last());
            let (Some(part), Some(executable)) = (part, executable) else { return Err(no_probe(value)) };
            let own = part.program.section(Entry::Body).map_or(value, |body| body.output);
            return executable.read(own, rows, to);
        }
        let found = self.cut.parts.iter().zip(&self.executables).find(|(part, _)| part.written.contains(&value));
        match found.filter(|_| self.probes.contains(&value)) {
            Some((part, executable)) if part.program.value(value).rows == self.program.value(value).rows => {
                executable.read(value, rows, to)
            }
            // It crosses for all rows, and is asked for in the wanted ones.
            Some((_, executable)) => {
                let width = self.program.value(value).numbers();
                let some = self.wanted.get(rows.clone()).filter(|some| some.len() * width == to.len());
                let Some(some) = some else {
                    let problem = format!("rows {rows:?} were asked for, of {}", self.wanted.len());
                    return Err(Error::BadBatch { problem });
                };
                let mut pairs = some.iter().zip(to.chunks_exact_mut(width.max(1)));
                pairs.try_for_each(|(row, to)| executable.read(value, *row..*row + 1, to))
            }
            None => Err(no_probe(value)),
        }
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        if let Some(page) = [from, to].into_iter().find(|page| *page as usize >= self.size.pages) {
            return Err(Error::bad_batch(format!("page {page} is not among the cache's {}", self.size.pages)));
        }
        if group >= self.program.groups() {
            return Err(Error::bad_batch(format!("group {group} is not among the {}", self.program.groups())));
        }
        for (part, executable) in self.cut.parts.iter().zip(&mut self.executables) {
            if let Some(own) = part.groups.iter().position(|of| *of == group) {
                executable.copy_page(own, from, to)?;
            }
        }
        Ok(())
    }

    fn pages(&self) -> usize {
        self.size.pages
    }

    fn footprint(&self) -> Footprint {
        let mut all = Footprint::default();
        for executable in self.executables.iter().chain(self.heads.as_ref().map(Heads::executable)) {
            let one = executable.footprint();
            all.weights += one.weights;
            all.states += one.states;
            all.activations += one.activations;
        }
        all
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        let executables = self.executables.iter_mut().chain(self.heads.as_mut().map(Heads::executable_mut));
        for (part, executable) in executables.enumerate() {
            executable.observe(observer.clone().map(|to| Arc::new(OfPart { part, to }) as Arc<dyn StepObserver>));
        }
    }
}

/// Says of every step which part it belongs to.
struct OfPart {
    part: usize,
    to: Arc<dyn StepObserver>,
}

impl StepObserver for OfPart {
    fn step(&self, step: &StepReport<'_>) {
        self.to.step(&StepReport { part: self.part, ..*step });
    }
}

/// The page tables of the groups that a part has.
fn own_tables<'a>(part: &Part, span: &Span<'a>) -> Vec<&'a [u32]> {
    part.groups.iter().map(|group| span.tables[*group]).collect()
}

fn no_probe(value: Value) -> Error {
    Error::bad_batch(format!("value {} is no probe", value.0))
}
