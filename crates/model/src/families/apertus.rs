//! Apertus (arXiv 2509.14233): norms of heads, and a feed-forward part without a gate by xIELU (arXiv 2411.13010), whose three
//! numbers each layer has learnt.

use hefu_numerics::program::{Activation, RopeStyle, Value};

use super::Family;
use crate::build::{Attention, Builder, HeadNorm, Output, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const APERTUS: Family = Family { name: "apertus", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let (inner, heads, layers) = (b.inner()?, b.heads()?, b.layers);
    let frequencies = b.rope(heads.key, RopeFactors::Frequencies)?;
    let scale = b.factor("attention.scale")?;
    let xielu = Xielu::read(b, layers)?;

    let mut x = b.embed(1.0);
    let angles = Some(b.angles("angles", frequencies));
    let usual = Attention::new(heads, RopeStyle::NeoX);
    let (norm, output_bias) = (HeadNorm::Heads, Presence::Optional);
    let attention = Attention { angles, norm, output_bias, scale: scale.unwrap_or(usual.scale), ..usual };
    for (layer, xielu) in xielu.into_iter().enumerate() {
        b.layer(layer);
        let feed_forward = |b: &mut Builder<'_, '_>, x| {
            let up = b.linear("ffn_up", x, "ffn_up", inner, Presence::Forbidden);
            let hidden = xielu.of(b, up);
            b.linear("ffn_output", hidden, "ffn_down", b.hidden_size, Presence::Forbidden)
        };
        x = b.block(x, &Residual::PLAIN, |b, x| b.attention(x, &attention), feed_forward);
    }
    b.output(x, Output::PLAIN);
    Ok(())
}

/// `positive x^2 + slope x` above 0, `negative (e^x - 1 - x) + slope x` below.
struct Xielu {
    positive: f32,
    negative: f32,
    slope: f32,
}

impl Xielu {
    /// Those of all layers. Files hold what a softplus makes of the first two; where the bend begins (`xielu.eps`, about
    /// -1e-6) is beyond what f32 tells.
    fn read(b: &mut Builder<'_, '_>, layers: usize) -> Result<Vec<Xielu>, Error> {
        let [positive, negative, slope] =
            ["alpha_p", "alpha_n", "beta"].map(|name| b.keys.file_numbers(&format!("xielu.{name}"), layers));
        let softplus = |x: f32| libm::log1p(libm::exp(f64::from(x)));
        let of = |((positive, negative), slope): ((f32, f32), f32)| Xielu {
            positive: softplus(positive) as f32,
            negative: (f64::from(slope) + softplus(negative)) as f32,
            slope,
        };
        Ok(positive?.into_iter().zip(negative?).zip(slope?).map(of).collect())
    }

    fn of(&self, b: &mut Builder<'_, '_>, x: Value) -> Value {
        let square = b.activate("up_squared", x, Activation::SquaredRelu);
        let above = b.scale("up_above", square, self.positive);
        let elu = b.activate("up_elu", x, Activation::Elu);
        let opposite = b.scale("up_opposite", x, -1.0);
        let bend = b.add("up_bend", elu, opposite);
        let below = b.scale("up_below", bend, self.negative);
        let curve = b.add("up_curve", above, below);
        let line = b.scale("up_line", x, self.slope);
        b.add("ffn_hidden", curve, line)
    }
}
