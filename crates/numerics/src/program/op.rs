//! The operations.

use super::rule::{Activation, At, DeltaHeads, Factor, RopeStyle, RouteRule, Wkv7};
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
    /// Rows of a table that do not depend on tokens (clause W2).
    Rows {
        /// `[rows][width]`.
        table: Weight,
        /// The row.
        at: At,
        /// The result.
        out: Value,
    },
    /// One number for each row, which grows with its position (clause P4).
    Temperature {
        /// Positions for which it stays the same: at least 1.
        length: usize,
        /// Its growth.
        factor: f32,
        /// `[1]`.
        out: Value,
    },
    /// Rows that the batch brings, in the order of its rows.
    Inject {
        /// Number of the batch's input.
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
        /// Epsilon that is added to the mean of the squares.
        epsilon: f32,
        /// The result.
        out: Value,
    },
    /// Norm of each `size` consecutive elements about their mean (clause N3).
    LayerNorm {
        /// Input.
        x: Value,
        /// Elements of one norm: a divisor of the width.
        size: usize,
        /// `[size]`; 1 where there is none.
        gain: Option<Weight>,
        /// `[size]`; nothing is added where there is none.
        bias: Option<Weight>,
        /// Added to the variance.
        epsilon: f32,
        /// The result.
        out: Value,
    },
    /// Euclidean norm of each `size` consecutive elements becomes 1 (clause N2).
    L2Norm {
        /// Input.
        x: Value,
        /// Elements of one norm: a divisor of the width.
        size: usize,
        /// Added to the sum of the squares.
        epsilon: f32,
        /// The result.
        out: Value,
    },
    /// Rows with the root mean square of those of another value (clause N4).
    MatchMagnitude {
        /// Input.
        x: Value,
        /// Value whose root mean square they get: as wide.
        like: Value,
        /// The least that the mean of a row's own squares counts as.
        floor: f32,
        /// The result.
        out: Value,
    },
    /// Excess of each element over the row's mean and so many standard deviations, 0 below that (clause N5).
    GaussianTopK {
        /// Input.
        x: Value,
        /// Standard deviations.
        deviations: f32,
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
    /// Product of each head with a matrix of its own (clause Q4).
    HeadLinear {
        /// `[items * columns]`.
        x: Value,
        /// A stack: `[items][rows][columns]`.
        weight: Weight,
        /// `[items * rows]`.
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
        /// Pairs of elements that rotate together.
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
        /// Scores `s` become `cap * tanh(s / cap)` (clause A5).
        cap: Option<f32>,
        /// `[heads]`: a score of each head that belongs to no position (clause A6).
        sinks: Option<Weight>,
        /// Scores fall with the distance, with this greatest exponent of slopes (clause A8).
        alibi: Option<f32>,
        /// Keys and values, stored before.
        state: State,
        /// `[heads * value]`.
        out: Value,
    },
    /// Attention of every query over all of its text, both ways (clause A7); only where a text is read as a whole.
    AttendWhole {
        /// `[heads * key]`.
        queries: Value,
        /// `[key-value heads * key]`.
        keys: Value,
        /// `[key-value heads * value]`.
        values: Value,
        /// Query heads, a multiple of `key_values`.
        heads: usize,
        /// Key-value heads.
        key_values: usize,
        /// Factor of every score.
        scale: f32,
        /// A position sees others that are at most so far away; all where `None`.
        window: Option<usize>,
        /// Scores fall with the distance, with this greatest exponent of slopes (clause A8).
        alibi: Option<f32>,
        /// `[heads * value]`.
        out: Value,
    },
    /// `activation(gate[i]) * up[i]` (clause F6).
    Gate {
        /// Input of the function.
        gate: Value,
        /// Factor of its result.
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
    /// `activation(x[i])` (clause F6).
    Activate {
        /// Input.
        x: Value,
        /// The function.
        activation: Activation,
        /// The result.
        out: Value,
    },
    /// Each element times a factor (clause F8).
    Scale {
        /// Input.
        x: Value,
        /// The factors.
        by: Factor,
        /// The result.
        out: Value,
    },
    /// Some consecutive elements of each head (clause C1).
    Slice {
        /// Heads, one after the other; a row may be one head.
        x: Value,
        /// Elements of a head: a divisor of the width.
        head: usize,
        /// The first element that is taken.
        first: usize,
        /// Number of elements taken.
        size: usize,
        /// `[heads * size]`.
        out: Value,
    },
    /// Heads put together from the heads of several values (clause C2).
    Join {
        /// As many heads each; a head of the result is theirs, one after the other.
        parts: Vec<Value>,
        /// Heads of every part.
        heads: usize,
        /// As wide as all parts together.
        out: Value,
    },
    /// Causal convolution of every channel with a kernel of its own (clause D2).
    ShortConv {
        /// `[channels]`.
        x: Value,
        /// `[channels][taps]`, the tap of the row itself last.
        weight: Weight,
        /// `[channels]`.
        bias: Option<Weight>,
        /// A function of the result.
        activation: Option<Activation>,
        /// The last `taps - 1` inputs of every channel.
        state: State,
        /// `[channels]`.
        out: Value,
    },
    /// `rate * softplus(x + bias)`, the logarithm of what a memory keeps (clause D3).
    Decay {
        /// Input.
        x: Value,
        /// One for each of as many equal parts of a row: `[heads]` or `[width]`.
        rate: Weight,
        /// `[width]`.
        bias: Weight,
        /// The result.
        out: Value,
    },
    /// Gated delta rule: a matrix per head that decays, is corrected by each key and value, and is read by each query
    /// (clause D4).
    GatedDelta {
        /// `[key heads * key size]`.
        queries: Value,
        /// `[key heads * key size]`.
        keys: Value,
        /// `[value heads * value size]`.
        values: Value,
        /// Logarithms of what is kept, `[value heads]`.
        decay: Value,
        /// Strength of the correction of a value, `[value heads]`; nothing is corrected where there is none (clause D5).
        beta: Option<Value>,
        /// Shape of the heads.
        heads: DeltaHeads,
        /// Factor of every result.
        scale: f32,
        /// `value heads * key size * value size` numbers.
        state: State,
        /// `[value heads * value size]`.
        out: Value,
    },
    /// Selective scan: every channel has numbers that decay, each at a rate of its own, and are read by each query
    /// (clause D6).
    SelectiveScan {
        /// Values that are added, times their step: `[channels]`.
        x: Value,
        /// Length of each step, `[channels]`.
        steps: Value,
        /// Share of `x` that each number takes, `[numbers]`.
        keys: Value,
        /// Share that each number gives, `[numbers]`.
        queries: Value,
        /// Logarithms of what is kept in a step of 1: `[channels][numbers]`.
        rates: Weight,
        /// `channels * numbers` numbers.
        state: State,
        /// `[channels]`.
        out: Value,
    },
    /// Difference of the row before and each row (clause D7).
    TokenShift {
        /// Input.
        x: Value,
        /// The last input.
        state: State,
        /// The result.
        out: Value,
    },
    /// The generalised delta rule of RWKV-7: a matrix per head of which each row decays by itself, that gives up what it holds
    /// for a removal key, takes up each key and value, and is read by each query (clause D8).
    Wkv7 {
        /// Queries, keys, values, and what else is as wide as these.
        inputs: Wkv7,
        /// Heads.
        heads: usize,
        /// `heads * size * size` numbers.
        state: State,
        /// `[heads * size]`.
        out: Value,
    },
    /// Choice of experts by their scores, and their weights (clauses E1, E2, E4, E5 and E7).
    Route {
        /// One score for each expert.
        scores: Value,
        /// Rule of choosing and weighing them.
        rule: RouteRule,
        /// The result, of kind `Choices`.
        out: Value,
    },
    /// The chosen experts' results, weighed and added (clause E3).
    Experts {
        /// Input of every expert.
        x: Value,
        /// Chosen experts, with their weights.
        choices: Value,
        /// `[experts][inner][x width]`; the function is applied to `up` where there is none.
        gate: Option<Weight>,
        /// `[experts][inner][x width]`.
        up: Weight,
        /// `[experts][out width][inner]`.
        down: Weight,
        /// Matrices `[experts][outputs]` of what is added to the products with gate, up and down.
        biases: [Option<Weight>; 3],
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
