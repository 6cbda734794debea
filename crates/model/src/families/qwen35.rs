//! Qwen 3.5 and later, dense: gated delta layers (arXiv 2412.06464), each few of which one has gated attention, rotated in
//! part. Files hold value heads tiled over key heads, gains with the 1 already added, and `-exp(A_log)`.

use hefu_numerics::program::{Activation, DeltaHeads, RopeStyle, Sharing, Value};

use super::Family;
use crate::build::limits::{MAX_FEED_FORWARD, MAX_HEAD_SIZE, MAX_HEADS, MAX_LAYERS, MAX_TAPS};
use crate::build::{Attention, Builder, FeedForward, Gated, HeadNorm, Output, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const QWEN35: Family = Family { name: "qwen35", write };

/// Layers from one with attention to the next, where the file does not say.
const INTERVAL: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, feed_forward)
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: FeedForward) -> Result<(), Error> {
    const RESIDUAL: Residual = Residual { before: [Some("attn_norm"), Some("post_attention_norm")], ..Residual::PLAIN };
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;
    // Of a position in time, height and width; in text all three are one number.
    b.keys.know(&["rope.dimension_sections"]);
    let layers = b.trunk()?;
    let is_recurrent = recurrent_layers(b)?;
    let delta = Delta::read(b)?;

    let mut x = b.embed(1.0);
    let angles = Some(b.angles("angles", frequencies.clone()));
    let attention =
        Attention { angles, is_gated: true, norm: HeadNorm::Heads, ..Attention::new(heads, RopeStyle::NeoX) };
    for (layer, is_recurrent) in is_recurrent.into_iter().take(layers).enumerate() {
        b.layer(layer);
        x = b.block(
            x,
            &RESIDUAL,
            |b, x| if is_recurrent { delta.mix(b, x) } else { b.attention(x, &attention) },
            |b, x| b.feed_forward(x, &feed_forward),
        );
    }
    b.output(x, Output::PLAIN);
    b.drafter(|b, x| {
        let attention = Attention { angles: Some(b.angles("angles", frequencies)), ..attention };
        b.block(x, &RESIDUAL, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, &feed_forward))
    });
    Ok(())
}

/// Layers that are gated delta layers: as the file lists them, or all but the last of every so many.
fn recurrent_layers(b: &mut Builder<'_, '_>) -> Result<Vec<bool>, Error> {
    let interval = b.keys.size("full_attention_interval", 1, MAX_LAYERS)?.unwrap_or(INTERVAL);
    let by_interval = (0..b.layers).map(|layer| !(layer + 1).is_multiple_of(interval));
    Ok(b.keys.booleans("attention.recurrent_layers", b.layers)?.unwrap_or_else(|| by_interval.collect()))
}

/// A gated delta layer's mixer.
struct Delta {
    heads: DeltaHeads,
    taps: usize,
}

impl Delta {
    fn read(b: &mut Builder<'_, '_>) -> Result<Self, Error> {
        let size = b.keys.required_size("ssm.state_size", 1, MAX_HEAD_SIZE)?;
        let keys = b.keys.required_size("ssm.group_count", 1, MAX_HEADS)?;
        let values = b.keys.required_size("ssm.time_step_rank", 1, MAX_HEADS)?;
        let inner = b.keys.required_size("ssm.inner_size", 1, MAX_FEED_FORWARD)?;
        if !values.is_multiple_of(keys) || inner != values * size {
            let problem = format!("is {inner}: {values} value heads of {size} elements share {keys} key heads");
            return Err(b.keys.bad("ssm.inner_size", problem));
        }
        let taps = b.keys.required_size("ssm.conv_kernel", 2, MAX_TAPS)?;
        let heads = DeltaHeads { keys, values, key_size: size, value_size: size, sharing: Sharing::Tiled };
        Ok(Delta { heads, taps })
    }

    fn mix(&self, b: &mut Builder<'_, '_>, x: Value) -> Value {
        let (DeltaHeads { keys, values, key_size: size, .. }, none) = (self.heads, Presence::Forbidden);
        let (key_width, value_width) = (keys * size, values * size);
        let channels = 2 * key_width + value_width;
        let mixed = b.linear("delta_inputs", x, "attn_qkv", channels, none);
        let gates = b.linear("delta_gates", x, "attn_gate", value_width, none);
        let beta = b.linear("beta_scores", x, "ssm_beta", values, none);
        let alpha = b.linear("alpha", x, "ssm_alpha", values, none);
        let mixed = b.short_conv("convolved", mixed, "ssm_conv1d", self.taps, Some(Activation::Silu));
        let q = b.slice("queries", mixed, channels, 0, key_width);
        let q = b.l2_norm("queries_norm", q, size);
        let k = b.slice("keys", mixed, channels, key_width, key_width);
        let k = b.l2_norm("keys_norm", k, size);
        let v = b.slice("values", mixed, channels, 2 * key_width, value_width);
        let beta = b.activate("beta", beta, Activation::Sigmoid);
        let decay = b.decay("decay", alpha, "ssm_a", "ssm_dt.bias");
        let read = b.gated_delta("delta_output", [q, k, v, decay, beta], self.heads);
        let normed = b.rms_norm("delta_norm", read, "ssm_norm", size);
        let gated = b.gate("delta_gated", gates, normed, Activation::Silu);
        b.linear("delta_projection", gated, "ssm_out", b.hidden_size, none)
    }
}
