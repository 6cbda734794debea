//! Layers of RWKV-7 (Peng et al., arXiv 2503.14456).

use hefu_numerics::program::{Activation, Value, Wkv7};

use super::limits::{MAX_HEAD_SIZE, MAX_WIDTH};
use super::{Builder, Presence};
use crate::error::Error;

/// `-exp(-1/2)`: the least logarithm of what is kept.
const LEAST_DECAY: f32 = -0.606_530_66;
/// Of removal keys: the square of the length below which one is not brought to 1.
const REMOVAL_EPSILON: f32 = 1e-24;
/// Of the norms of what heads read.
const READ_EPSILON: f32 = 64e-5;
/// Purposes of the vectors of `time_mix_lerp_fused`, in their order.
const INPUTS: [&str; 6] = ["queries_input", "decay_input", "keys_input", "values_input", "rates_input", "gates_input"];

/// The part that sees earlier positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeMix {
    heads: usize,
    size: usize,
    decay_rank: usize,
    rate_rank: usize,
    value_rank: usize,
    gate_rank: usize,
}

impl TimeMix {
    /// The part that metadata describe.
    pub(crate) fn read(b: &mut Builder<'_, '_>) -> Result<Self, Error> {
        let (width, size) = (b.hidden_size, b.keys.required_size("wkv.head_size", 1, MAX_HEAD_SIZE)?);
        if !width.is_multiple_of(size) {
            return Err(b.keys.bad("wkv.head_size", format!("is {size}, which does not divide {width} elements")));
        }
        b.keys.size("token_shift_count", 2, 2)?;
        let mut rank = |of: &str| b.keys.required_size(&format!("attention.{of}_lora_rank"), 1, MAX_WIDTH);
        let [decay_rank, rate_rank] = [rank("decay")?, rank("iclr")?];
        let [value_rank, gate_rank] = [rank("value_residual_mix")?, rank("gate")?];
        Ok(TimeMix { heads: width / size, size, decay_rank, rate_rank, value_rank, gate_rank })
    }

    /// Output of the part for `x`. `first`: the first layer's values, with which later ones mix theirs.
    pub(crate) fn mix(&self, b: &mut Builder<'_, '_>, x: Value, first: &mut Option<Value>) -> Value {
        let width = b.hidden_size;
        let shift = b.token_shift("token_shift", x);
        let mut at = 0;
        let [x_q, x_d, x_k, x_v, x_r, x_g] = INPUTS.map(|name| {
            let share = b.vector_of_rows("time_mix_lerp_fused", at, INPUTS.len(), width);
            at += 1;
            b.towards(name, x, shift, share)
        });
        let queries = b.linear("queries", x_q, "time_mix_receptance", width, Presence::Forbidden);
        let decay = b.low_rank("decay_scores", x_d, 'w', (self.decay_rank, Some(Activation::Tanh)), true);
        let decay = b.activate("decay_shares", decay, Activation::Sigmoid);
        let decay = b.scale("decay", decay, LEAST_DECAY);
        let rates = b.low_rank("rate_scores", x_r, 'a', (self.rate_rank, None), true);
        let rates = b.activate("rates", rates, Activation::Sigmoid);
        let gates = b.low_rank("gates", x_g, 'g', (self.gate_rank, Some(Activation::Sigmoid)), false);
        let values = self.values(b, x_v, first);
        let own = b.linear("own_keys", x_k, "time_mix_key", width, Presence::Forbidden);
        let removal = b.scale_by_vector("removal_scores", own, "time_mix_k_k.weight", width);
        let removal = b.l2_norm_by("removal_keys", removal, self.size, REMOVAL_EPSILON);
        let keys = keys(b, own, rates);
        let read = b.wkv7("read", Wkv7 { queries, decay, keys, values, removal, rates }, self.heads);
        let read = self.normed(b, read);
        let of_both = b.scale_by("keys_by_queries", keys, queries);
        let bonus = b.head_chains("bonus", of_both, "time_mix_r_k", self.heads);
        let passed = b.scale_by("values_passed", values, bonus);
        let read = b.add("read_and_passed", read, passed);
        let gated = b.scale_by("read_gated", read, gates);
        b.linear("time_mix_output", gated, "time_mix_output", width, Presence::Forbidden)
    }

    /// Values, from the second layer on on their way to those of the first.
    fn values(&self, b: &mut Builder<'_, '_>, x: Value, first: &mut Option<Value>) -> Value {
        let own = b.linear("own_values", x, "time_mix_value", b.hidden_size, Presence::Forbidden);
        let Some(first) = *first else {
            // Files may hold what would mix the first values with themselves.
            (0..3).for_each(|part| b.skip(&format!("time_mix_v{part}.")));
            *first = Some(own);
            return own;
        };
        let share = b.low_rank("value_scores", x, 'v', (self.value_rank, None), true);
        let share = b.activate("value_shares", share, Activation::Sigmoid);
        let away = b.scale("values_away", own, -1.0);
        let distance = b.add("value_distance", first, away);
        let moved = b.scale_by("values_moved", distance, share);
        b.add("values", own, moved)
    }

    /// The norm of each head about its mean, with a gain and a bias of each element.
    fn normed(&self, b: &mut Builder<'_, '_>, read: Value) -> Value {
        let normed = b.plain_layer_norm("read_norm", read, self.size, READ_EPSILON);
        let normed = b.scale_by_vector("read_scaled", normed, "time_mix_ln.weight", b.hidden_size);
        let bias = b.row_of("read_bias", "time_mix_ln.bias", b.hidden_size);
        b.add("read_shifted", normed, bias)
    }
}

/// Keys as they are taken up: less, the lower the rates.
fn keys(b: &mut Builder<'_, '_>, own: Value, rates: Value) -> Value {
    let weighed = b.scale_by_vector("keys_weighed", own, "time_mix_k_a.weight", b.hidden_size);
    let by_rates = b.scale_by("keys_by_rates", weighed, rates);
    let away = b.scale("keys_away", weighed, -1.0);
    let change = b.add("keys_change", by_rates, away);
    b.add("keys", own, change)
}

impl Builder<'_, '_> {
    /// The part that works on each row by itself, but for the row before it: so many elements inside.
    pub(crate) fn channel_mix(&mut self, x: Value, inner: usize) -> Value {
        let shift = self.token_shift("channel_shift", x);
        let share = self.vector("channel_mix_lerp_k", self.hidden_size);
        let mixed = self.towards("channel_input", x, shift, share);
        let opened = self.linear("channel_mix_key", mixed, "channel_mix_key", inner, Presence::Forbidden);
        let hidden = self.activate("channel_hidden", opened, Activation::SquaredRelu);
        self.linear("channel_mix_value", hidden, "channel_mix_value", self.hidden_size, Presence::Forbidden)
    }

    /// Product with two matrices of a low rank, `time_mix_w1` and `time_mix_w2` for the letter `w`, with a function between
    /// them, and the bias `time_mix_w0`.
    fn low_rank(
        &mut self,
        name: &str,
        x: Value,
        letter: char,
        (rank, activation): (usize, Option<Activation>),
        is_biased: bool,
    ) -> Value {
        let width = self.hidden_size;
        let low = format!("{name}_low");
        let mut inner = self.linear(&low, x, &format!("time_mix_{letter}1"), rank, Presence::Forbidden);
        if let Some(activation) = activation {
            inner = self.activate(&format!("{low}_active"), inner, activation);
        }
        let weight = self.matrix(&format!("time_mix_{letter}2"), width, rank);
        let bias = is_biased.then(|| self.vector(&format!("time_mix_{letter}0"), width));
        self.product(name, inner, weight, bias, width)
    }
}
