//! Layers of Mamba 2 (Dao and Gu, arXiv 2405.21060).

use hefu_numerics::program::{Activation, DeltaHeads, Sharing, Value};

use super::limits::{MAX_FEED_FORWARD, MAX_HEAD_SIZE, MAX_HEADS, MAX_TAPS};
use super::weights::Blocks;
use super::{Builder, Presence};
use crate::error::Error;

/// The mixer: one matrix gives gates, what goes through a short convolution, and how long each step takes; the state of each
/// head decays by that time, and every position adds the product of its input and its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mamba {
    heads: DeltaHeads,
    taps: usize,
}

impl Mamba {
    /// The mixer that metadata describe.
    pub(crate) fn read(b: &mut Builder<'_, '_>) -> Result<Self, Error> {
        let inner = b.keys.required_size("ssm.inner_size", 1, MAX_FEED_FORWARD)?;
        let values = b.keys.required_size("ssm.time_step_rank", 1, MAX_HEADS)?;
        let key_size = b.keys.required_size("ssm.state_size", 1, MAX_HEAD_SIZE)?;
        let keys = b.keys.required_size("ssm.group_count", 1, MAX_HEADS)?;
        let taps = b.keys.required_size("ssm.conv_kernel", 2, MAX_TAPS)?;
        if !inner.is_multiple_of(values) || !values.is_multiple_of(keys) {
            let problem = format!("is {inner}, which {values} heads in {keys} groups do not share");
            return Err(b.keys.bad("ssm.inner_size", problem));
        }
        let heads = DeltaHeads { keys, values, key_size, value_size: inner / values, sharing: Sharing::Grouped };
        Ok(Mamba { heads, taps })
    }

    /// Output of the layer for `x`.
    pub(crate) fn mix(&self, b: &mut Builder<'_, '_>, x: Value) -> Value {
        let DeltaHeads { keys, values, key_size, value_size, .. } = self.heads;
        let (inner, key_width) = (values * value_size, keys * key_size);
        let channels = inner + 2 * key_width;
        let total = inner + channels + values;
        let mut part = |name: &str, first: usize, rows: usize, bias: Option<&str>| {
            let weight = b.rows("ssm_in", total, Blocks { first, block: rows, stride: rows }, rows, b.hidden_size);
            let bias = bias.map(|bias| b.vector_of(bias, rows));
            b.product(name, x, weight, bias, rows)
        };
        let gates = part("scan_gates", 0, inner, None);
        let mixed = part("scan_inputs", inner, channels, None);
        let steps = part("step_scores", inner + channels, values, Some("ssm_dt.bias"));
        let mixed = b.short_conv("convolved", mixed, "ssm_conv1d", self.taps, Some(Activation::Silu));
        let inputs = b.slice("values", mixed, channels, 0, inner);
        let k = b.slice("keys", mixed, channels, inner, key_width);
        let q = b.slice("queries", mixed, channels, inner + key_width, key_width);
        let steps = b.activate("steps", steps, Activation::Softplus);
        let decay = b.scale_by_vector("decay", steps, "ssm_a", values);
        let v = b.scale_by("values_by_steps", inputs, steps);
        let scanned = b.linear_attention("scanned", [q, k, v, decay], self.heads);
        let passed = b.scale_by_vector("values_passed", inputs, "ssm_d", values);
        let scanned = b.add("scan_output", scanned, passed);
        let gated = b.gate("scan_gated", gates, scanned, Activation::Silu);
        let normed = b.grouped_norm("scan_norm", gated, "ssm_norm", keys);
        b.linear("scan_projection", normed, "ssm_out", b.hidden_size, Presence::Forbidden)
    }
}

impl Builder<'_, '_> {
    /// Norm of each of so many equal parts, with a gain for every element of the row, if the file has it.
    fn grouped_norm(&mut self, name: &str, x: Value, tensor: &str, groups: usize) -> Value {
        let width = self.width_of(x);
        match (self.has(&format!("{tensor}.weight")), groups) {
            (false, _) => x,
            (true, 1) => self.rms_norm(name, x, tensor, width),
            (true, _) => {
                let normed = self.plain_norm("scan_norm_plain", x, width / groups);
                let gain = self.vector_in_parts(tensor, width, groups);
                self.scale_by_weight(name, normed, gain)
            }
        }
    }
}
