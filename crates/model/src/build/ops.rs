//! Operations, each with the weights that it reads. A value is called by its first argument.

use hefu_numerics::program::{
    Activation, DeltaHeads, Factor, Kind, Op, Rope, RopeStyle, RouteRule, State, StateSpec, Value, Values, Weight,
};
use hefu_numerics::rope::Frequencies;

use super::{Builder, Experts, Presence};

/// Which elements of a head are rotated, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    /// Elements of a head.
    pub(crate) head: usize,
    /// The first of them that is rotated.
    pub(crate) first: usize,
    /// Which two elements rotate together.
    pub(crate) style: RopeStyle,
    /// Cosines and sines.
    pub(crate) angles: Value,
}

/// `1 / sqrt(size)`.
pub(crate) fn score_scale(size: usize) -> f32 {
    (1.0 / (size as f64).sqrt()) as f32
}

impl Builder<'_, '_> {
    /// The tokens' rows of the embedding, times `scale`.
    pub(crate) fn embed(&mut self, scale: f32) -> Value {
        let table = self.matrix("token_embd", self.program.vocabulary, self.width);
        self.write("embedding", self.width, |out| Op::Embed { table, scale, out })
    }

    /// Cosines and sines of every row's position.
    pub(crate) fn angles(&mut self, name: &str, frequencies: Frequencies) -> Value {
        let rope = Rope(self.program.ropes.len() as u32);
        let width = 2 * frequencies.per_pair.len();
        self.program.ropes.push(frequencies);
        self.write_kind(name, width, Kind::Angles, |out| Op::Angles { rope, out })
    }

    /// Norm of a whole row with the gain `NAME.weight`.
    pub(crate) fn norm(&mut self, x: Value, tensor: &str) -> Value {
        self.norm_named(tensor, x, tensor)
    }

    /// The same, for a value of another name than the tensor's.
    pub(crate) fn norm_named(&mut self, name: &str, x: Value, tensor: &str) -> Value {
        self.rms_norm(name, x, tensor, self.width_of(x))
    }

    /// `x * factor`.
    pub(crate) fn scale(&mut self, name: &str, x: Value, factor: f32) -> Value {
        self.write(name, self.width_of(x), |out| Op::Scale { x, by: Factor::Constant(factor), out })
    }

    /// Each of `x`'s equal parts times one of the factors.
    pub(crate) fn scale_by(&mut self, name: &str, x: Value, factors: Value) -> Value {
        self.write(name, self.width_of(x), |out| Op::Scale { x, by: Factor::Value(factors), out })
    }

    /// Norm of every `size` elements with the gain `NAME.weight`.
    pub(crate) fn rms_norm(&mut self, name: &str, x: Value, tensor: &str, size: usize) -> Value {
        let (gain, epsilon) = (Some(self.vector(tensor, size)), self.epsilon);
        self.write(name, self.width_of(x), |out| Op::RmsNorm { x, size, gain, epsilon, out })
    }

    /// Every `size` elements, with a Euclidean norm of 1.
    pub(crate) fn l2_norm(&mut self, name: &str, x: Value, size: usize) -> Value {
        let epsilon = self.epsilon;
        self.write(name, self.width_of(x), |out| Op::L2Norm { x, size, epsilon, out })
    }

    /// Product with the matrix `NAME.weight` of so many rows, and the bias `NAME.bias`.
    pub(crate) fn linear(&mut self, name: &str, x: Value, tensor: &str, rows: usize, bias: Presence) -> Value {
        let weight = self.matrix(tensor, rows, self.width_of(x));
        let bias = self.bias(tensor, bias, rows);
        self.product(name, x, weight, bias, rows)
    }

    /// Product with a matrix of so many rows.
    pub(crate) fn product(&mut self, name: &str, x: Value, weight: Weight, bias: Option<Weight>, rows: usize) -> Value {
        self.write(name, rows, |out| Op::Linear { x, weight, bias, out })
    }

    /// Product of each head with its matrix of so many rows in the stack `NAME.weight`.
    pub(crate) fn head_linear(&mut self, name: &str, x: Value, tensor: &str, heads: usize, rows: usize) -> Value {
        let weight = self.stack(tensor, heads, rows, self.width_of(x) / heads);
        self.write(name, heads * rows, |out| Op::HeadLinear { x, weight, out })
    }

    /// Elements `first` to `first + size` of every head of `head` elements.
    pub(crate) fn slice(&mut self, name: &str, x: Value, head: usize, first: usize, size: usize) -> Value {
        let heads = self.width_of(x) / head;
        self.write(name, heads * size, |out| Op::Slice { x, head, first, size, out })
    }

    /// Heads put together from those of several values.
    pub(crate) fn join(&mut self, name: &str, parts: &[Value], heads: usize) -> Value {
        let width = parts.iter().map(|part| self.width_of(*part)).sum();
        self.write(name, width, |out| Op::Join { parts: parts.to_vec(), heads, out })
    }

    /// Rotation of every head.
    pub(crate) fn rotate(&mut self, name: &str, x: Value, rotation: Rotation) -> Value {
        let Rotation { head, first, style, angles } = rotation;
        self.write(name, self.width_of(x), |out| Op::Rotate { x, head, first, style, angles, out })
    }

    /// Keys and values of one layer. Those of all layers with the same window are a group, numbered as they appear.
    pub(crate) fn key_value(&mut self, heads: usize, key: usize, value: Values, window: Option<usize>) -> State {
        let known = self.windows.iter().position(|known| *known == window);
        let group = known.unwrap_or_else(|| {
            self.windows.push(window);
            self.windows.len() - 1
        });
        self.state(StateSpec::KeyValue { group: group as u8, heads, key, value, window })
    }

    pub(super) fn state(&mut self, spec: StateSpec) -> State {
        self.program.states.push(spec);
        State(self.program.states.len() as u32 - 1)
    }

    /// Keys and values into a state.
    pub(crate) fn store(&mut self, keys: Value, values: Option<Value>, state: State) {
        self.push(Op::StoreKv { keys, values, state });
    }

    /// Attention of so many heads to what a state holds.
    pub(crate) fn attend(&mut self, queries: Value, heads: usize, scale: f32, state: State) -> Value {
        let value = match *self.program.state(state) {
            StateSpec::KeyValue { value, .. } => value.size(),
            StateSpec::Recurrent { .. } => 0,
        };
        let name = "attention_output";
        self.write(name, heads * value, |out| Op::Attend { queries, heads, scale, state, out })
    }

    /// `activation(gate) * up`.
    pub(crate) fn gate(&mut self, name: &str, gate: Value, up: Value, activation: Activation) -> Value {
        self.write(name, self.width_of(gate), |out| Op::Gate { gate, up, activation, out })
    }

    /// `activation(x)`.
    pub(crate) fn activate(&mut self, name: &str, x: Value, activation: Activation) -> Value {
        self.write(name, self.width_of(x), |out| Op::Activate { x, activation, out })
    }

    /// `a + b`.
    pub(crate) fn add(&mut self, name: &str, a: Value, b: Value) -> Value {
        self.write(name, self.width_of(a), |out| Op::Add { a, b, out })
    }

    /// Experts by their scores.
    pub(crate) fn route(&mut self, scores: Value, rule: RouteRule) -> Value {
        self.write_kind("expert_choices", rule.used, Kind::Choices, |out| Op::Route { scores, rule, out })
    }

    /// What the chosen experts make of a row: tensors `ffn_gate_exps`, `ffn_up_exps`, `ffn_down_exps`.
    pub(crate) fn experts(&mut self, name: &str, x: Value, choices: Value, experts: &Experts) -> Value {
        let (width, Experts { count, inner, activation, .. }) = (self.width_of(x), *experts);
        let [gate, up] = if self.has("ffn_gate_up_exps.weight") {
            [0, 1].map(|half| self.half_stack("ffn_gate_up_exps", half, count, inner, width))
        } else {
            ["ffn_gate_exps", "ffn_up_exps"].map(|name| self.stack(name, count, inner, width))
        };
        let down = self.stack("ffn_down_exps", count, width, inner);
        self.write(name, width, |out| Op::Experts { x, choices, gate, up, down, activation, out })
    }

    /// Causal convolution of every channel with the kernel `NAME.weight`, and a function of the result.
    pub(crate) fn short_conv(
        &mut self,
        name: &str,
        x: Value,
        tensor: &str,
        taps: usize,
        activation: Option<Activation>,
    ) -> Value {
        let channels = self.width_of(x);
        let weight = self.matrix(tensor, channels, taps);
        let state = self.state(StateSpec::Recurrent { numbers: (taps - 1) * channels });
        self.write(name, channels, |out| Op::ShortConv { x, weight, bias: None, activation, state, out })
    }

    /// `rate * softplus(x + bias)`, by the whole names of the tensors but for the layer.
    pub(crate) fn decay(&mut self, name: &str, x: Value, rate: &str, bias: &str) -> Value {
        let width = self.width_of(x);
        let (rate, bias) = (self.vector_of(rate, width), self.vector_of(bias, width));
        self.write(name, width, |out| Op::Decay { x, rate, bias, out })
    }

    /// Gated delta rule of queries, keys, values, decay and beta; results are divided by the root of the key's size.
    pub(crate) fn gated_delta(&mut self, name: &str, inputs: [Value; 5], heads: DeltaHeads) -> Value {
        let [queries, keys, values, decay, beta] = inputs;
        let state = self.state(StateSpec::Recurrent { numbers: heads.values * heads.key_size * heads.value_size });
        let (width, scale) = (heads.values * heads.value_size, score_scale(heads.key_size));
        let op = |out| Op::GatedDelta { queries, keys, values, decay, beta, heads, scale, state, out };
        self.write(name, width, op)
    }
}
