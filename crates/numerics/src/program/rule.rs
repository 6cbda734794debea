//! Parameters of operations beside their values: functions, factors, shapes, and how experts are chosen.

use super::{Value, Weight};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)` (clause F3).
    Silu,
    /// The tanh form of GELU (clause F4).
    Gelu,
    /// `1 / (1 + exp(-x))` (clause F2).
    Sigmoid,
    /// `ln(1 + exp(x))` (clause F9).
    Softplus,
    /// The hyperbolic tangent (clause F5).
    Tanh,
    /// The error function's form of GELU (clause F10).
    GeluErf,
    /// `max(x, 0)` (clause F11).
    Relu,
    /// `max(x, 0)^2` (clause F11).
    SquaredRelu,
    /// `x`, below 0 `exp(x) - 1` (clause F13).
    Elu,
    /// SiLU of 1.702 times a number that is bounded above, and what it is multiplied with bounded and raised by 1
    /// (clause F12).
    BoundedSilu,
}

/// Row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// That of the row's position.
    Position,
    /// Always the same.
    Row(usize),
    /// The first, and the second for a second text that is read together with a first.
    Part,
}

/// Factors of the elements of a row. Where there are `n` of them, each is that of one of `n` equal parts of the row: one
/// for all, one for each head, or one for each element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Factor {
    /// The same for all elements of all rows.
    Constant(f32),
    /// The same for all rows.
    Weight(Weight),
    /// For each row its own.
    Value(Value),
}

/// Shape of the heads of a gated delta rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaHeads {
    /// Heads of queries and keys: a divisor of `values`.
    pub keys: usize,
    /// Heads of values.
    pub values: usize,
    /// Elements of a query or key.
    pub key_size: usize,
    /// Elements of a value.
    pub value_size: usize,
    /// Value heads that share a key head.
    pub sharing: Sharing,
}

/// Assignment of `v` value heads to the `k` key heads that they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Value head `h` reads key head `h mod k`, as GGUF files of qwen35 order them.
    Tiled,
    /// Value head `h` reads key head `h div (v / k)`, as the model's authors order them.
    Grouped,
}

/// Inputs of the generalised delta rule, `[heads * size]` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wkv7 {
    /// Queries, which read.
    pub queries: Value,
    /// Logarithms of what is kept of each row.
    pub decay: Value,
    /// Keys by which values are taken up.
    pub keys: Value,
    /// Values that are taken up.
    pub values: Value,
    /// Keys whose values are given up.
    pub removal: Value,
    /// Rates of the removal.
    pub rates: Value,
}

impl Wkv7 {
    /// All of them.
    pub fn all(&self) -> [Value; 6] {
        [self.queries, self.decay, self.keys, self.values, self.removal, self.rates]
    }
}

/// Pairs of elements of a head that rotate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Elements `i` and `i + rotated / 2` (GPT-NeoX).
    NeoX,
    /// Elements `2 i` and `2 i + 1`.
    Interleaved,
}

/// Rule of choosing and weighing experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteRule {
    /// Experts for each row.
    pub used: usize,
    /// Function of the scores.
    pub scoring: Scoring,
    /// Added to what scores became, for the choice alone: one number for each expert.
    pub bias: Option<Weight>,
    /// Experts are chosen from the best groups only.
    pub groups: Option<Groups>,
    /// The weights of the chosen are divided by their sum, at least this; not where `None`.
    pub normalised: Option<f32>,
    /// Factor of every weight, after that.
    pub scale: f32,
    /// A factor of each expert's weight, at last.
    pub factors: Option<Weight>,
}

/// Function of experts' scores that makes weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// `exp(l - m)` over the sum of all.
    Softmax,
    /// `sigmoid(l)`.
    Sigmoid,
    /// `exp(l - m)` over the sum of those of the chosen, `m` being the greatest of theirs.
    SoftmaxOfChosen,
    /// For each of the chosen by itself, 1 over the sum of `exp(l - m)` of those that are left and near, `m` being its own
    /// (clause E7).
    SparseMixer,
}

/// Choice among groups of consecutive experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Groups of equal size.
    pub count: usize,
    /// Groups that experts are chosen from.
    pub used: usize,
    /// Number of a group's best scores that are added up for it.
    pub best: usize,
}
