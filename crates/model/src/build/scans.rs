//! Operations of recurrent layers that came with later families.

use hefu_numerics::program::{At, Op, StateSpec, Value, Weight, Wkv7};

use super::Builder;

impl Builder<'_, '_> {
    /// Selective scan of values times their steps, steps, keys and queries, with the rates of this whole name but for the
    /// layer (clause D6).
    pub(crate) fn selective_scan(&mut self, name: &str, inputs: [Value; 4], rates: &str) -> Value {
        let [x, steps, keys, queries] = inputs;
        let (channels, numbers) = (self.width_of(x), self.width_of(keys));
        let rates = self.rows_of(rates, channels, numbers);
        let state = self.state(StateSpec::Recurrent { numbers: channels * numbers });
        self.write(name, channels, |out| Op::SelectiveScan { x, steps, keys, queries, rates, state, out })
    }

    /// Difference of the row before and each row (clause D7).
    pub(crate) fn token_shift(&mut self, name: &str, x: Value) -> Value {
        let width = self.width_of(x);
        let state = self.state(StateSpec::Recurrent { numbers: width });
        self.write(name, width, |out| Op::TokenShift { x, state, out })
    }

    /// `x` on its way to where it is shifted: each element by its share.
    pub(crate) fn towards(&mut self, name: &str, x: Value, shift: Value, share: Weight) -> Value {
        let moved = self.scale_by_weight(&format!("{name}_shift"), shift, share);
        self.add(name, x, moved)
    }

    /// The generalised delta rule of so many heads (clause D8).
    pub(crate) fn wkv7(&mut self, name: &str, inputs: Wkv7, heads: usize) -> Value {
        let width = self.width_of(inputs.values);
        let state = self.state(StateSpec::Recurrent { numbers: width * width / heads.max(1) });
        self.write(name, width, |out| Op::Wkv7 { inputs, heads, state, out })
    }

    /// Norm of every `size` elements about their mean, without a gain and a bias.
    pub(crate) fn plain_layer_norm(&mut self, name: &str, x: Value, size: usize, epsilon: f32) -> Value {
        let (gain, bias) = (None, None);
        self.write(name, self.width_of(x), |out| Op::LayerNorm { x, size, gain, bias, epsilon, out })
    }

    /// A vector, by its whole name but for the layer, that is the same for all rows.
    pub(crate) fn row_of(&mut self, name: &str, tensor: &str, width: usize) -> Value {
        let table = self.rows_of(tensor, 1, width);
        self.write(name, width, |out| Op::Rows { table, at: At::Row(0), out })
    }

    /// One number for each head: its product with its part of the vector `NAME.weight`.
    pub(crate) fn head_chains(&mut self, name: &str, x: Value, tensor: &str, heads: usize) -> Value {
        let weight = self.vector_by_heads(tensor, heads, self.width_of(x) / heads.max(1));
        self.write(name, heads, |out| Op::HeadLinear { x, weight, out })
    }
}
