//! A small program with its weights, and the batches that are run through it.

use std::sync::Arc;

use crate::device::{Batch, Device, Error, Files, Size, Slots, Span};
use crate::kv::Profile;
use crate::program::{
    Entry, Kind, Op, Order, Program, Rows, Section, Shape, Source, State, StateSpec, Step, Value, ValueSpec, Weight,
    WeightSpec,
};
use crate::quant::{FORMATS, Format};

/// Bytes by which weights are aligned in the file.
const ALIGNMENT: usize = 64;

/// A program in the making.
pub(super) struct Trial {
    program: Program,
    file: Vec<u8>,
    inputs: u8,
    /// Number of pages and slots.
    pub(super) pages: usize,
    pub(super) slots: usize,
}

/// One batch.
#[derive(Default)]
pub(super) struct Pass {
    pub(super) spans: Vec<Part>,
    /// Tokens of all rows; zeros where nothing is said.
    pub(super) tokens: Vec<u32>,
    /// The rows of every input.
    pub(super) inputs: Vec<Vec<f32>>,
    /// True if the results of all rows are wanted, false if of none.
    pub(super) is_wanted: bool,
}

/// One span.
#[derive(Default)]
pub(super) struct Part {
    pub(super) rows: usize,
    pub(super) position: usize,
    /// Its pages, if the program has a key-value state.
    pub(super) pages: Vec<u32>,
    /// Its slots, if the program has a recurrent state.
    pub(super) slots: Option<PartSlots>,
    /// Beginning of the second of two texts.
    pub(super) second: Option<usize>,
}

/// The slots of a span.
pub(super) struct PartSlots {
    pub(super) read: Option<u32>,
    pub(super) write: u32,
    /// Slots in which it is kept after so many rows.
    pub(super) keep: Vec<(usize, u32)>,
}

/// A file that is only memory.
struct Memory(Vec<u8>);

impl Files for Memory {
    fn bytes(&self, _: usize) -> &[u8] {
        &self.0
    }
}

impl Trial {
    /// An empty program.
    pub(super) fn new() -> Self {
        let body = Section { entry: Entry::Body, steps: Vec::new(), output: Value(0) };
        let program = Program {
            vocabulary: 1,
            context: 1 << 20,
            profile: Profile::F16,
            order: Order::Causal,
            values: Vec::new(),
            weights: Vec::new(),
            states: Vec::new(),
            ropes: Vec::new(),
            sections: vec![body],
            variants: Vec::new(),
        };
        Trial { program, file: Vec::new(), inputs: 0, pages: 0, slots: 0 }
    }

    /// The program, to set what no other function does.
    pub(super) fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// A value that the batch brings.
    pub(super) fn inject(&mut self, width: usize) -> Value {
        self.inject_kind(width, Kind::Numbers)
    }

    /// A value of some kind that the batch brings.
    pub(super) fn inject_kind(&mut self, width: usize, kind: Kind) -> Value {
        let input = self.inputs;
        self.inputs += 1;
        self.step_kind(width, kind, |out| Op::Inject { input, out })
    }

    /// A vector of f32.
    pub(super) fn vector(&mut self, numbers: &[f32]) -> Weight {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.weight(FORMATS[0], Shape::Vector(numbers.len()), &bytes)
    }

    /// A weight in the file's layout.
    pub(super) fn weight(&mut self, format: &'static Format, shape: Shape, bytes: &[u8]) -> Weight {
        self.file.resize(self.file.len().next_multiple_of(ALIGNMENT), 0xaa);
        let rows = shape.rows();
        let source = Source { file: 0, offset: self.file.len(), first: 0, block: rows, stride: rows };
        self.file.extend_from_slice(bytes);
        let tensor = format!("weight_{}", self.program.weights.len());
        self.program.weights.push(WeightSpec { tensor, format, shape, source });
        Weight(self.program.weights.len() as u32 - 1)
    }

    /// A state.
    pub(super) fn state(&mut self, spec: StateSpec) -> State {
        self.program.states.push(spec);
        State(self.program.states.len() as u32 - 1)
    }

    /// An operation that writes numbers.
    pub(super) fn step(&mut self, width: usize, op: impl FnOnce(Value) -> Op) -> Value {
        self.step_kind(width, Kind::Numbers, op)
    }

    /// An operation that writes a value of some kind.
    pub(super) fn step_kind(&mut self, width: usize, kind: Kind, op: impl FnOnce(Value) -> Op) -> Value {
        let out = Value(self.program.values.len() as u32);
        let name = format!("value_{}", out.0);
        self.program.values.push(ValueSpec { name, layer: None, width, kind, rows: Rows::All });
        self.push(op(out));
        out
    }

    /// An operation that writes no value.
    pub(super) fn push(&mut self, op: Op) {
        self.program.sections[0].steps.push(Step { layer: None, op });
    }

    /// The numbers of some values after one batch.
    pub(super) fn run(self, device: &dyn Device, read: &[Value], pass: Pass) -> Result<Vec<f32>, Error> {
        self.run_all(device, read, vec![pass])
    }

    /// The numbers of some values after the last of some batches, of which all results are wanted.
    pub(super) fn run_all(mut self, device: &dyn Device, read: &[Value], passes: Vec<Pass>) -> Result<Vec<f32>, Error> {
        self.program.sections[0].output = *read.last().expect("something is read");
        let program = Arc::new(self.program.seal(&[]).expect("every case is a program"));
        let rows = passes.iter().map(|pass| pass.rows()).max().unwrap_or(0);
        let size = Size { pages: self.pages, slots: self.slots, rows, head_rows: 1 };
        let weights = device.load(&program, &Memory(self.file))?;
        let mut executable = device.compile(&program, &weights, &size, read)?;
        let last = passes.last().map_or(0, Pass::rows);
        for pass in passes {
            pass.with_batch(|batch| executable.run(batch))?;
        }
        let mut results = Vec::new();
        for value in read {
            let mut rows = vec![f32::NAN; last * program.value(*value).numbers()];
            executable.read(*value, 0..last, &mut rows)?;
            results.extend(rows);
        }
        Ok(results)
    }
}

impl Pass {
    /// One span of so many rows, with its inputs; all results are wanted.
    pub(super) fn of(rows: usize, inputs: Vec<Vec<f32>>) -> Pass {
        Pass { spans: vec![Part { rows, ..Part::default() }], inputs, is_wanted: true, ..Pass::default() }
    }

    fn rows(&self) -> usize {
        self.spans.iter().map(|span| span.rows).sum()
    }

    fn with_batch(&self, run: impl FnOnce(&Batch<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let mut tokens = self.tokens.clone();
        tokens.resize(self.rows(), 0);
        let tables: Vec<Vec<&[u32]>> = self.spans.iter().map(|span| span.tables()).collect();
        let (mut spans, mut row) = (Vec::new(), 0);
        for (part, tables) in self.spans.iter().zip(&tables) {
            let slots =
                part.slots.as_ref().map(|slots| Slots { read: slots.read, write: slots.write, keep: &slots.keep });
            let wanted = if self.is_wanted { 0..part.rows } else { 0..0 };
            spans.push(Span {
                rows: row..row + part.rows,
                position: part.position,
                wanted,
                tables,
                slots,
                second: part.second,
            });
            row += part.rows;
        }
        let inputs: Vec<&[f32]> = self.inputs.iter().map(|rows| &rows[..]).collect();
        run(&Batch { tokens: &tokens, spans: &spans, inputs: &inputs })
    }
}

impl Part {
    fn tables(&self) -> Vec<&[u32]> {
        if self.pages.is_empty() { Vec::new() } else { vec![&self.pages] }
    }
}
