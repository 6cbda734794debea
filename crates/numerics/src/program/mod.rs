//! A model as a program: one flat list of operations over values that are each written once.
//!
//! ```text
//! file ─▶ family (data + metadata) ─▶ Program ─▶ seal() ─▶ Device::load ─▶ weights in a device's memory
//!                                                       └▶ Device::compile ─▶ Executable ─▶ run, head, read
//! ```
//!
//! A family does not run: it writes a program once, when a file is opened. One operation is one clause of
//! `docs/readers/numerics.md`, one naive loop of [`crate::reference`] and at least one conformance case. What lies where, what is
//! computed together and by how many threads is the business of a [`crate::device::Device`].
//!
//! Every value is a row of numbers for each row of a batch, `[rows][width]`. [`Program::seal`] finds out which of them are
//! needed for all rows, and which only for the rows whose results are wanted.

mod check;
mod error;
mod layers;
mod op;
mod reads;
mod rule;
mod seal;
mod text;
mod work;

pub use error::SealError;
pub use op::Op;
pub use rule::{Activation, At, DeltaHeads, Factor, Groups, RopeStyle, RouteRule, Scoring, Sharing, Wkv7};
pub use work::{Amount, work};

use crate::kv::Profile;
use crate::quant::Format;
use crate::rope::Frequencies;

/// A value of a program, by its place in [`Program::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// A weight of a program, by its place in [`Program::weights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(pub u32);

/// A state of a program, by its place in [`Program::states`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State(pub u32);

/// A rotation of a program, by its place in [`Program::ropes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rope(pub u32);

/// A model: what is computed, from which weights, with which states.
#[derive(Debug, Clone)]
pub struct Program {
    /// Tokens that a batch may hold: every id is below this.
    pub vocabulary: usize,
    /// Positions that a sequence may have at most.
    pub context: usize,
    /// Format of cached keys and values (clause A1).
    pub profile: Profile,
    /// Order of reading: from left to right, or as a whole.
    pub order: Order,
    /// All values, in the order in which they are written.
    pub values: Vec<ValueSpec>,
    /// All weights.
    pub weights: Vec<WeightSpec>,
    /// All states.
    pub states: Vec<StateSpec>,
    /// Frequencies of the rotations (clause P1).
    pub ropes: Vec<Frequencies>,
    /// The lists of operations: the body first, then the heads.
    pub sections: Vec<Section>,
    /// Lines of the fingerprint beyond file, contract and cache: what makes this program another one than the file's
    /// plain one.
    pub variants: Vec<String>,
}

/// Order in which a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A position sees those before it and itself: what is computed for them can be kept and used again.
    Causal,
    /// Every position sees all of its text: a text is one span of one batch, and nothing is kept.
    Whole,
}

/// A list of operations.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its purpose.
    pub entry: Entry,
    /// The operations, in order.
    pub steps: Vec<Step>,
    /// The result.
    pub output: Value,
}

/// An operation and where it belongs.
#[derive(Debug, Clone)]
pub struct Step {
    /// The layer, counted from 0; `None` before the first and after the last.
    pub layer: Option<u16>,
    /// The operation.
    pub op: Op,
}

/// Sections of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// From tokens to the last layer's output, for all rows of a batch; writes the states.
    Body,
    /// From the body's output to a number for each token of the vocabulary, for some of the wanted rows.
    Logits,
    /// From the body's output to the hidden state that embeddings are made of, for some of the wanted rows.
    Hidden,
    /// From the body's output to the scores of a classifier, of which the first ranks a text, for some of the wanted rows.
    Rank,
}

/// A value.
#[derive(Debug, Clone)]
pub struct ValueSpec {
    /// Name for readers, unique within its layer: `attn_norm`, `queries`, `ffn_hidden`.
    pub name: String,
    /// The layer that it belongs to.
    pub layer: Option<u16>,
    /// Numbers of a row.
    pub width: usize,
    /// Type of a row.
    pub kind: Kind,
    /// For which rows of a batch it is there; [`Program::seal`] says it.
    pub rows: Rows,
}

/// Types of a value's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// f32.
    Numbers,
    /// Cosines, then as many sines: half the width each.
    Angles,
    /// Experts in ascending order with their weights: `width` pairs of an index and an f32.
    Choices,
}

/// For which rows of a batch a value is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Those whose results are wanted, one after the other.
    Wanted,
}

/// A weight. Several operations may use one: tied weights are in memory once.
#[derive(Debug, Clone)]
pub struct WeightSpec {
    /// The tensor's name in the file.
    pub tensor: String,
    /// Format of its numbers.
    pub format: &'static Format,
    /// Its shape in the program.
    pub shape: Shape,
    /// Where the file has it.
    pub source: Source,
}

/// The shape of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Numbers that are used as f32: gains, biases.
    Vector(usize),
    /// `rows` outputs of sums over `columns`.
    Matrix {
        /// Outputs.
        rows: usize,
        /// Length of every sum.
        columns: usize,
    },
    /// Matrices of one shape, one after the other: experts, heads.
    Stack {
        /// Matrices.
        items: usize,
        /// Outputs of each.
        rows: usize,
        /// Length of every sum.
        columns: usize,
    },
}

/// Where the rows of a weight lie among those of its tensor. A vector is one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// File of a split model.
    pub file: usize,
    /// Where in that file the tensor begins, in bytes.
    pub offset: usize,
    /// The weight's first row, counted in rows of the tensor.
    pub first: usize,
    /// Consecutive rows that belong to the weight.
    pub block: usize,
    /// Rows from the beginning of one such block to that of the next; `block` where all rows are consecutive.
    pub stride: usize,
}

/// State of a sequence, kept from batch to batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateSpec {
    /// Keys and values of all positions, in pages (clause A1).
    KeyValue {
        /// States of one group share a page table; groups are numbered from 0.
        group: u8,
        /// Key-value heads.
        heads: usize,
        /// Numbers of a key.
        key: usize,
        /// Values.
        value: Values,
        /// A position sees so many of the latest ones, itself among them; all where `None`.
        window: Option<usize>,
    },
    /// Numbers of fixed count, f32, that each position changes. Those of all layers lie together in one slot.
    Recurrent {
        /// Their count.
        numbers: usize,
    },
}

/// Place where attention finds values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// They are stored beside the keys, so many numbers each.
    Own(usize),
    /// They are the first so many numbers of the keys (latent attention).
    FirstOfKey(usize),
}

impl Values {
    /// Numbers of a value.
    pub fn size(self) -> usize {
        match self {
            Values::Own(size) | Values::FirstOfKey(size) => size,
        }
    }
}

impl Shape {
    /// Rows of all its matrices; a vector is one row.
    pub fn rows(self) -> usize {
        match self {
            Shape::Vector(_) => 1,
            Shape::Matrix { rows, .. } => rows,
            Shape::Stack { items, rows, .. } => items * rows,
        }
    }

    /// Numbers of a row.
    pub fn columns(self) -> usize {
        match self {
            Shape::Vector(columns) | Shape::Matrix { columns, .. } | Shape::Stack { columns, .. } => columns,
        }
    }
}

impl ValueSpec {
    /// Numbers that a row is read as: choices are an index and a weight each.
    pub fn numbers(&self) -> usize {
        match self.kind {
            Kind::Numbers | Kind::Angles => self.width,
            Kind::Choices => 2 * self.width,
        }
    }
}

impl WeightSpec {
    /// Bytes of a row in the file. Shapes were checked when the file was read, so that a row is a whole number of blocks.
    pub fn row_bytes(&self) -> usize {
        self.format.row_bytes(self.shape.columns()).unwrap_or(0)
    }

    /// The stretches of the file that hold the weight, in order: `(offset, rows)`.
    pub fn stretches(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let Source { offset, first, block, stride, .. } = self.source;
        let (rows, row_bytes) = (self.shape.rows(), self.row_bytes());
        // Blocks that follow each other without a gap are one stretch.
        let (block, stride) = if block == stride || block >= rows { (rows, rows) } else { (block, stride) };
        let count = rows.div_ceil(block.max(1));
        (0..count).map(move |i| (offset + (first + i * stride) * row_bytes, block.min(rows - i * block)))
    }
}

impl Program {
    /// The value's description.
    pub fn value(&self, value: Value) -> &ValueSpec {
        &self.values[value.0 as usize]
    }

    /// The weight's description.
    pub fn weight(&self, weight: Weight) -> &WeightSpec {
        &self.weights[weight.0 as usize]
    }

    /// The state's description.
    pub fn state(&self, state: State) -> &StateSpec {
        &self.states[state.0 as usize]
    }

    /// Name of a step in reports, the same in every layer: the tensors that it reads (`attn_q`, without the layer
    /// and `.weight`), or the operation where it reads none.
    pub fn step_name(&self, op: &Op) -> String {
        // Its table may be that of the output too.
        if let Op::Embed { .. } = op {
            return op.name().to_owned();
        }
        let mut names: Vec<&str> = Vec::new();
        for weight in op.weights() {
            let name = short_name(&self.weight(weight).tensor);
            if !name.ends_with(".bias") && !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() { op.name().to_owned() } else { names.join(" + ") }
    }

    /// Bytes of files that the weights are made of.
    pub fn source_bytes(&self) -> usize {
        self.weights.iter().map(|spec| spec.shape.rows() * spec.row_bytes()).sum()
    }

    /// The list of operations for an entry, if the model has it.
    pub fn section(&self, entry: Entry) -> Option<&Section> {
        self.sections.iter().find(|section| section.entry == entry)
    }

    /// Page tables that every span of a batch brings: groups of key-value states.
    pub fn groups(&self) -> usize {
        let group = |state: &StateSpec| match state {
            StateSpec::KeyValue { group, .. } => usize::from(*group) + 1,
            StateSpec::Recurrent { .. } => 0,
        };
        self.states.iter().map(group).max().unwrap_or(0)
    }

    /// Numbers of the recurrent states of one sequence; 0 where it has none, and no span brings slots.
    pub fn slot_numbers(&self) -> usize {
        let numbers = |state: &StateSpec| match state {
            StateSpec::Recurrent { numbers } => *numbers,
            StateSpec::KeyValue { .. } => 0,
        };
        self.states.iter().map(numbers).sum()
    }
}

/// A tensor's name without its layer and `.weight`.
fn short_name(tensor: &str) -> &str {
    let name = tensor.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map_or(tensor, |(_, name)| name);
    name.strip_suffix(".weight").unwrap_or(name)
}
