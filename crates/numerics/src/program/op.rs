//! The operations.

use super::{Rope, State, Value, Weight};

/// One operation. Every one writes one value, but for those that write a state.
///
/// Widths are checked by [`super::Program::seal`]; each operation works on every row by itself, except where it says
/// otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The rows of a table that the tokens name, each element times `scale` (clause W2).
    Embed {
        /// `[vocabulary][width]`.
        table: Weight,
        /// Factor of every element.
        scale: f32,
        /// The result.
        out: Value,
    },
    /// Rows that the batch brings, in the order of its rows.
    Inject {
        /// Which of the batch's inputs.
        input: u8,
        /// The result.
        out: Value,
    },
    /// Cosines and sines of every row's position (clause P1).
    Angles {
        /// Frequencies and magnitude.
        rope: Rope,
        /// The result, of kind `Angles`.
        out: Value,
    },
    /// Root-mean-square norm of each `size` consecutive elements (clause N1).
    RmsNorm {
        /// Input.
        x: Value,
        /// Elements of one norm: a divisor of the width.
        size: usize,
        /// `[size]`; 1 where there is none.
        gain: Option<Weight>,
        /// What is added to the mean of the squares.
        epsilon: f32,
        /// The result.
        out: Value,
    },
    /// Product with a matrix (clause Q), and a bias added to it.
    Linear {
        /// Input.
        x: Value,
        /// `[out width][x width]`.
        weight: Weight,
        /// `[out width]`.
        bias: Option<Weight>,
        /// The result.
        out: Value,
    },
    /// Rotation of each head by its row's angles (clause P2).
    Rotate {
        /// Heads, one after the other.
        x: Value,
        /// Elements of a head: a divisor of the width.
        head: usize,
        /// The first rotated element of a head.
        first: usize,
        /// Which two elements rotate together.
        style: RopeStyle,
        /// Cosines and sines: half as many pairs as the angles are wide, all within a head.
        angles: Value,
        /// The result.
        out: Value,
    },
    /// Keys and values of every row into the pages of its sequence (clause A1).
    StoreKv {
        /// `[heads * key]`.
        keys: Value,
        /// `[heads * value]`; `None` where values are the first part of keys.
        values: Option<Value>,
        /// Where.
        state: State,
    },
    /// Attention of every query over the visible positions of its sequence (clauses A2 to A4).
    Attend {
        /// `[heads * key]`.
        queries: Value,
        /// Query heads, a multiple of the state's.
        heads: usize,
        /// Factor of every score.
        scale: f32,
        /// Keys and values, stored before.
        state: State,
        /// `[heads * value]`.
        out: Value,
    },
    /// `activation(gate[i]) * up[i]` (clause F6).
    Gate {
        /// What the function is applied to.
        gate: Value,
        /// What its result is multiplied with.
        up: Value,
        /// The function.
        activation: Activation,
        /// The result.
        out: Value,
    },
    /// `a[i] + b[i]` (clause F6).
    Add {
        /// One part.
        a: Value,
        /// The other.
        b: Value,
        /// The result.
        out: Value,
    },
    /// `cap * tanh(x[i] / cap)` (clause F7).
    SoftCap {
        /// Input.
        x: Value,
        /// The bound.
        cap: f32,
        /// The result.
        out: Value,
    },
    /// Choice of experts by their scores, and their weights (clauses E1 and E2).
    Route {
        /// One score for each expert.
        scores: Value,
        /// How they are chosen and weighed.
        rule: RouteRule,
        /// The result, of kind `Choices`.
        out: Value,
    },
    /// The chosen experts' results, weighed and added (clause E3).
    Experts {
        /// Input of every expert.
        x: Value,
        /// Who is chosen, with which weight.
        choices: Value,
        /// `[experts][inner][x width]`.
        gate: Weight,
        /// `[experts][inner][x width]`.
        up: Weight,
        /// `[experts][out width][inner]`.
        down: Weight,
        /// The gate's function.
        activation: Activation,
        /// The result.
        out: Value,
    },
    /// The rows whose results are wanted; put where they are needed by [`super::Program::seal`] alone.
    Select {
        /// Of all rows.
        x: Value,
        /// Of the wanted ones.
        out: Value,
    },
}

/// The function of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)` (clause F3).
    Silu,
    /// The tanh form of GELU (clause F4).
    Gelu,
}

/// Which two elements of a head rotate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Elements `i` and `i + rotated / 2` (GPT-NeoX).
    NeoX,
    /// Elements `2 i` and `2 i + 1`.
    Interleaved,
}

/// How experts are chosen and weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteRule {
    /// Experts for each row.
    pub used: usize,
    /// What scores become.
    pub scoring: Scoring,
    /// Added to what scores became for the choice alone: one number for each expert.
    pub bias: Option<Weight>,
    /// Experts are chosen from the best groups only.
    pub groups: Option<Groups>,
    /// The weights of the chosen are divided by their sum, at least this; not where `None`.
    pub normalised: Option<f32>,
    /// Factor of every weight, after that.
    pub scale: f32,
}

/// What scores of experts become before they are weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// `exp(l - m)` over the sum of all.
    Softmax,
}

/// Choice among groups of consecutive experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Groups of equal size.
    pub count: usize,
    /// Groups that experts are chosen from.
    pub used: usize,
    /// How many of a group's best numbers are added to its score.
    pub best: usize,
}

impl Op {
    /// The value that it writes.
    pub fn output(&self) -> Option<Value> {
        match *self {
            Op::StoreKv { .. } => None,
            Op::Embed { out, .. }
            | Op::Inject { out, .. }
            | Op::Angles { out, .. }
            | Op::RmsNorm { out, .. }
            | Op::Linear { out, .. }
            | Op::Rotate { out, .. }
            | Op::Attend { out, .. }
            | Op::Gate { out, .. }
            | Op::Add { out, .. }
            | Op::SoftCap { out, .. }
            | Op::Route { out, .. }
            | Op::Experts { out, .. }
            | Op::Select { out, .. } => Some(out),
        }
    }

    /// The values that it reads.
    pub fn inputs(&self) -> Vec<Value> {
        let mut inputs = self.clone();
        let mut all = Vec::new();
        inputs.each_input(&mut |value| all.push(*value));
        all
    }

    /// Calls `change` with each value that it reads.
    pub fn each_input(&mut self, change: &mut dyn FnMut(&mut Value)) {
        match self {
            Op::Embed { .. } | Op::Inject { .. } | Op::Angles { .. } => {}
            Op::RmsNorm { x, .. } | Op::Linear { x, .. } | Op::SoftCap { x, .. } | Op::Select { x, .. } => change(x),
            Op::Rotate { x, angles, .. } => [x, angles].into_iter().for_each(change),
            Op::StoreKv { keys, values, .. } => std::iter::once(keys).chain(values).for_each(change),
            Op::Attend { queries, .. } => change(queries),
            Op::Gate { gate, up, .. } => [gate, up].into_iter().for_each(change),
            Op::Add { a, b, .. } => [a, b].into_iter().for_each(change),
            Op::Route { scores, .. } => change(scores),
            Op::Experts { x, choices, .. } => [x, choices].into_iter().for_each(change),
        }
    }

    /// The weights that it uses, in the order in which it is described.
    pub fn weights(&self) -> Vec<Weight> {
        match *self {
            Op::Embed { table, .. } => vec![table],
            Op::RmsNorm { gain, .. } => gain.into_iter().collect(),
            Op::Linear { weight, bias, .. } => std::iter::once(weight).chain(bias).collect(),
            Op::Route { rule, .. } => rule.bias.into_iter().collect(),
            Op::Experts { gate, up, down, .. } => vec![gate, up, down],
            _ => Vec::new(),
        }
    }

    /// The state that it writes, so that it must be done for all rows.
    pub fn writes_state(&self) -> bool {
        matches!(self, Op::StoreKv { .. })
    }

    /// Its name in texts.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::Inject { .. } => "inject",
            Op::Angles { .. } => "angles",
            Op::RmsNorm { .. } => "rms_norm",
            Op::Linear { .. } => "linear",
            Op::Rotate { .. } => "rotate",
            Op::StoreKv { .. } => "store_kv",
            Op::Attend { .. } => "attend",
            Op::Gate { .. } => "gate",
            Op::Add { .. } => "add",
            Op::SoftCap { .. } => "soft_cap",
            Op::Route { .. } => "route",
            Op::Experts { .. } => "experts",
            Op::Select { .. } => "select",
        }
    }
}
