//! Operations, each with the weights that it reads. A value is called by its first argument.

use hefu_numerics::program::{
    Activation, At, DeltaHeads, Factor, Kind, Op, Rope, RopeStyle, RouteRule, State, StateSpec, Value, Values, Weight,
};
use hefu_numerics::rope::Frequencies;

use super::{Builder, Experts, Norms, Presence};

/// Elements of a head that are rotated, and the angles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    /// Elements of a head.
    pub(crate) head: usize,
    /// The first of them that is rotated.
    pub(crate) first: usize,
    /// Pairs of elements that rotate together.
    pub(crate) style: RopeStyle,
    /// Cosines and sines.
    pub(crate) angles: Value,
}

/// Scores of attention: factor, cap, sinks, ALiBi.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scores {
    /// Their factor.
    pub(crate) scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`.
    pub(crate) cap: Option<f32>,
    /// A score of each head that belongs to no position.
    pub(crate) sinks: Option<Weight>,
    /// They fall with the distance, with this greatest exponent of slopes.
    pub(crate) alibi: Option<f32>,
}

impl Scores {
    /// Products times a factor.
    pub(crate) fn of(scale: f32) -> Self {
        Scores { scale, cap: None, sinks: None, alibi: None }
    }
}

/// `1 / sqrt(size)`.
pub(crate) fn score_scale(size: usize) -> f32 {
    (1.0 / (size as f64).sqrt()) as f32
}

impl Builder<'_, '_> {
    /// The tokens' rows of the embedding, times `scale`.
    pub(crate) fn embed(&mut self, scale: f32) -> Value {
        self.embed_by("embedding", "token_embd", self.hidden_size, scale)
    }

    /// The tokens' rows of a table, times `scale`.
    pub(crate) fn embed_by(&mut self, name: &str, tensor: &str, width: usize, scale: f32) -> Value {
        let table = self.matrix(tensor, self.program.vocabulary, width);
        self.write(name, width, |out| Op::Embed { table, scale, out })
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
        let size = self.width_of(x);
        match self.norms {
            Norms::Rms => self.rms_norm(name, x, tensor, size),
            Norms::Layer(bias) => self.layer_norm(name, x, tensor, bias),
        }
    }

    /// Norm of a whole row about its mean, with the gain `NAME.weight` and the bias `NAME.bias`.
    pub(crate) fn layer_norm(&mut self, name: &str, x: Value, tensor: &str, bias: Presence) -> Value {
        let (size, epsilon) = (self.width_of(x), self.epsilon);
        let gain = Some(self.vector(tensor, size));
        let bias = self.bias(tensor, bias, size);
        self.write(name, size, |out| Op::LayerNorm { x, size, gain, bias, epsilon, out })
    }

    /// Norm of a whole row by the root of the mean square, with the gain of this whole name but for the layer.
    pub(crate) fn norm_of(&mut self, name: &str, x: Value, tensor: &str) -> Value {
        let (size, epsilon) = (self.width_of(x), self.epsilon);
        let gain = Some(self.vector_of(tensor, size));
        self.write(name, size, |out| Op::RmsNorm { x, size, gain, epsilon, out })
    }

    /// Norm of every `size` elements without a gain.
    pub(crate) fn plain_norm(&mut self, name: &str, x: Value, size: usize) -> Value {
        self.plain_norm_by(name, x, size, self.epsilon)
    }

    /// The same with an epsilon of its own.
    pub(crate) fn plain_norm_by(&mut self, name: &str, x: Value, size: usize, epsilon: f32) -> Value {
        let gain = None;
        self.write(name, self.width_of(x), |out| Op::RmsNorm { x, size, gain, epsilon, out })
    }

    /// Every part of `x` times its number of a vector, by the whole name of its tensor but for the layer.
    pub(crate) fn scale_by_vector(&mut self, name: &str, x: Value, tensor: &str, length: usize) -> Value {
        let factors = self.vector_of(tensor, length);
        self.scale_by_weight(name, x, factors)
    }

    /// Every part of `x` times its number of a vector.
    pub(crate) fn scale_by_weight(&mut self, name: &str, x: Value, factors: Weight) -> Value {
        self.write(name, self.width_of(x), |out| Op::Scale { x, by: Factor::Weight(factors), out })
    }

    /// `1 + factor * log(1 + floor(position / length))` for each row.
    pub(crate) fn temperature(&mut self, length: usize, factor: f32) -> Value {
        self.write("temperature", 1, |out| Op::Temperature { length, factor, out })
    }

    /// Rows of the table `NAME.weight` that do not depend on tokens.
    pub(crate) fn table_rows(&mut self, name: &str, tensor: &str, rows: usize, at: At) -> Value {
        let table = self.matrix(tensor, rows, self.hidden_size);
        self.write(name, self.hidden_size, |out| Op::Rows { table, at, out })
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
        self.l2_norm_by(name, x, size, self.epsilon)
    }

    /// The same with an epsilon of its own.
    pub(crate) fn l2_norm_by(&mut self, name: &str, x: Value, size: usize, epsilon: f32) -> Value {
        self.write(name, self.width_of(x), |out| Op::L2Norm { x, size, epsilon, out })
    }

    /// `x` with the root mean square of each row of `like` (clause N4).
    pub(crate) fn match_magnitude(&mut self, name: &str, x: Value, like: Value, floor: f32) -> Value {
        self.write(name, self.width_of(x), |out| Op::MatchMagnitude { x, like, floor, out })
    }

    /// Gaussian top-k: the excess over the mean and so many standard deviations (clause N5).
    pub(crate) fn gaussian_top_k(&mut self, name: &str, x: Value, deviations: f32) -> Value {
        self.write(name, self.width_of(x), |out| Op::GaussianTopK { x, deviations, out })
    }

    /// Product with the matrix `NAME.weight` of so many rows, and the bias `NAME.bias`.
    pub(crate) fn linear(&mut self, name: &str, x: Value, tensor: &str, rows: usize, bias: Presence) -> Value {
        let weight = self.matrix(tensor, rows, self.width_of(x));
        let bias = self.bias(tensor, bias, rows);
        self.product(name, x, weight, bias, rows)
    }

    /// Product with a matrix of so many rows, times the factor of the whole matrix where the file has one.
    pub(crate) fn product(&mut self, name: &str, x: Value, weight: Weight, bias: Option<Weight>, rows: usize) -> Value {
        let Some(factor) = self.factor_of_matrix(weight, bias) else {
            return self.write(name, rows, |out| Op::Linear { x, weight, bias, out });
        };
        let product = self.write(&format!("{name}_unscaled"), rows, |out| Op::Linear { x, weight, bias, out });
        self.scale_by_weight(name, product, factor)
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
    pub(crate) fn attend(&mut self, queries: Value, heads: usize, scores: Scores, state: State) -> Value {
        let Scores { scale, cap, sinks, alibi } = scores;
        let value = match *self.program.state(state) {
            StateSpec::KeyValue { value, .. } => value.size(),
            StateSpec::Recurrent { .. } => 0,
        };
        let name = "attention_output";
        self.write(name, heads * value, |out| Op::Attend { queries, heads, scale, cap, sinks, alibi, state, out })
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

    /// Output of the chosen experts for a row: tensors `ffn_gate_exps` (or none), `ffn_up_exps`, `ffn_down_exps`.
    pub(crate) fn experts(&mut self, name: &str, x: Value, choices: Value, experts: &Experts) -> Value {
        let (width, Experts { count, inner, activation, is_gated, has_biases, .. }) = (self.width_of(x), *experts);
        let (gate, up) = match (is_gated, self.has("ffn_gate_up_exps.weight")) {
            (true, true) => {
                let [gate, up] = [0, 1].map(|half| self.half_stack("ffn_gate_up_exps", half, count, inner, width));
                (Some(gate), up)
            }
            (true, false) => {
                let gate = self.stack("ffn_gate_exps", count, inner, width);
                (Some(gate), self.stack("ffn_up_exps", count, inner, width))
            }
            (false, _) => (None, self.stack("ffn_up_exps", count, inner, width)),
        };
        let down = self.stack("ffn_down_exps", count, width, inner);
        let parts = [(is_gated, "gate", inner), (true, "up", inner), (true, "down", width)];
        let biases = parts.map(|(is_there, part, size)| {
            (is_there && has_biases).then(|| self.rows_of(&format!("ffn_{part}_exps.bias"), count, size))
        });
        self.write(name, width, |out| Op::Experts { x, choices, gate, up, down, biases, activation, out })
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
        let bias = self.bias(tensor, Presence::Optional, channels);
        let state = self.state(StateSpec::Recurrent { numbers: (taps - 1) * channels });
        self.write(name, channels, |out| Op::ShortConv { x, weight, bias, activation, state, out })
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
        let beta = Some(beta);
        let state = self.state(StateSpec::Recurrent { numbers: heads.values * heads.key_size * heads.value_size });
        let (width, scale) = (heads.values * heads.value_size, score_scale(heads.key_size));
        let op = |out| Op::GatedDelta { queries, keys, values, decay, beta, heads, scale, state, out };
        self.write(name, width, op)
    }

    /// Linear attention with decay of queries, keys, values and decay (clause D5).
    pub(crate) fn linear_attention(&mut self, name: &str, inputs: [Value; 4], heads: DeltaHeads) -> Value {
        let [queries, keys, values, decay] = inputs;
        let state = self.state(StateSpec::Recurrent { numbers: heads.values * heads.key_size * heads.value_size });
        let (width, scale, beta) = (heads.values * heads.value_size, 1.0, None);
        let op = |out| Op::GatedDelta { queries, keys, values, decay, beta, heads, scale, state, out };
        self.write(name, width, op)
    }
}
