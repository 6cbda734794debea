//! LFM 2 (arXiv 2511.23404): layers that mix positions by a short convolution between two gates, and some with attention.

use hefu_numerics::program::{Activation, RopeStyle, Value};

use super::Family;
use crate::build::limits::MAX_TAPS;
use crate::build::{Attention, Builder, FeedForward, Gated, HeadNorm, Output, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const LFM2: Family = Family { name: "lfm2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, |_| dense)
}

/// The program with these feed-forward parts.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: impl Fn(usize) -> FeedForward) -> Result<(), Error> {
    let layers = b.trunk()?;
    let (heads, attends) = b.heads_of_some()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;
    let taps = b.keys.required_size("shortconv.l_cache", 2, MAX_TAPS)?;
    let window = b.window()?;

    let mut x = b.embed(1.0);
    let angles = Some(b.angles("angles", frequencies));
    let attention = Attention { angles, window, norm: HeadNorm::Heads, ..Attention::new(heads, RopeStyle::NeoX) };
    for (layer, is_attending) in attends.into_iter().take(layers).enumerate() {
        b.layer(layer);
        let is_convolved = !is_attending;
        let part = feed_forward(layer);
        x = b.block(
            x,
            &Residual::PLAIN,
            |b, x| if is_convolved { convolve(b, x, taps) } else { b.attention(x, &attention) },
            |b, x| b.feed_forward(x, &part),
        );
    }
    b.output(x, Output { norm: "token_embd_norm", ..Output::PLAIN });
    Ok(())
}

/// `out(c * conv(b * x))`, where one matrix gives b, c and x.
fn convolve(b: &mut Builder<'_, '_>, x: Value, taps: usize) -> Value {
    let width = b.hidden_size;
    let parts = [("input_gate", width), ("output_gate", width), ("convolution_input", width)];
    let [opens, closes, input] = b.fused(x, "shortconv.in_proj", parts);
    let opened = b.scale_by("convolution_opened", input, opens);
    let convolved = b.short_conv("convolved", opened, "shortconv.conv", taps, None);
    let closed = b.scale_by("convolution_gated", convolved, closes);
    b.linear("convolution_projection", closed, "shortconv.out_proj", width, Presence::Forbidden)
}
