//! Layers of Mamba 1 (Gu and Dao, arXiv 2312.00752).

use hefu_numerics::program::{Activation, Value};

use super::limits::{MAX_FEED_FORWARD, MAX_HEAD_SIZE, MAX_TAPS, MAX_WIDTH};
use super::{Builder, Presence};
use crate::error::Error;

/// Epsilon of the norms of steps, keys and queries (`mixer_rms_eps` of the original, which files do not hold).
const MIXER_EPSILON: f32 = 1e-6;

/// The mixer: one matrix gives what goes through a short convolution, and gates; of the former another gives how long each
/// step takes, keys and queries; each number of a channel's state decays by that time at a rate of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelectiveScan {
    inner: usize,
    rank: usize,
    numbers: usize,
    taps: usize,
    has_norms: bool,
}

impl SelectiveScan {
    /// The mixer that metadata describe.
    pub(crate) fn read(b: &mut Builder<'_, '_>) -> Result<Self, Error> {
        Ok(SelectiveScan {
            inner: b.keys.required_size("ssm.inner_size", 1, MAX_FEED_FORWARD)?,
            rank: b.keys.required_size("ssm.time_step_rank", 1, MAX_WIDTH)?,
            numbers: b.keys.required_size("ssm.state_size", 1, MAX_HEAD_SIZE)?,
            taps: b.keys.required_size("ssm.conv_kernel", 2, MAX_TAPS)?,
            has_norms: b.keys.boolean("ssm.dt_b_c_rms")? == Some(true),
        })
    }

    /// Output of the layer for `x`.
    pub(crate) fn mix(&self, b: &mut Builder<'_, '_>, x: Value) -> Value {
        let SelectiveScan { inner, rank, numbers, taps, .. } = *self;
        let [mixed, gates] = b.fused(x, "ssm_in", [("scan_inputs", inner), ("scan_gates", inner)]);
        let inputs = b.short_conv("convolved", mixed, "ssm_conv1d", taps, Some(Activation::Silu));
        let parts = b.fused(inputs, "ssm_x", [("step_ranks", rank), ("keys", numbers), ("queries", numbers)]);
        let [ranks, keys, queries] = self.normed(b, parts);
        let steps = b.linear("step_scores", ranks, "ssm_dt", inner, Presence::Required);
        let steps = b.activate("steps", steps, Activation::Softplus);
        let values = b.scale_by("values_by_steps", inputs, steps);
        let scanned = b.selective_scan("scanned", [values, steps, keys, queries], "ssm_a");
        let passed = b.scale_by_vector("values_passed", inputs, "ssm_d", inner);
        let scanned = b.add("scan_output", scanned, passed);
        let gated = b.gate("scan_gated", gates, scanned, Activation::Silu);
        b.linear("scan_projection", gated, "ssm_out", b.hidden_size, Presence::Forbidden)
    }

    /// Norms of what decides on each step: with gains where the file has them, or without in models that have them all the
    /// same.
    fn normed(&self, b: &mut Builder<'_, '_>, [ranks, keys, queries]: [Value; 3]) -> [Value; 3] {
        let has_gains = b.has("ssm_dt_norm.weight");
        let parts = [
            ("step_ranks_norm", ranks, "ssm_dt_norm"),
            ("keys_norm", keys, "ssm_b_norm"),
            ("queries_norm", queries, "ssm_c_norm"),
        ];
        parts.map(|(name, x, tensor)| match has_gains {
            true => b.norm_named(name, x, tensor),
            false if self.has_norms => b.plain_norm_by(name, x, b.width_of(x), MIXER_EPSILON),
            false => x,
        })
    }
}
