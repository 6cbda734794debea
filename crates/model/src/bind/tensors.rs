//! Which tensors a description asks for, by their GGUF names.

use hefu_numerics::matrix::Matrix;
use hefu_numerics::rope::Frequencies;

use super::binder::Binder;
use crate::arch::{Mixer, Norms, Presence, Projections, RopeFactors};
use crate::config::{Config, ExpertsConfig};
use crate::error::Error;
use crate::weights::{Attention, Experts, FeedForward, Gated, Layer, Linear, Weights};

/// Binds all tensors of a model that is to run with `context` positions.
pub(super) fn bind(binder: &mut Binder<'_, '_>, config: &Config, context: usize) -> Result<Weights, Error> {
    let (vocabulary, width) = (config.vocabulary, config.width);
    let embedding = binder.matrix("token_embd.weight", vocabulary, width)?;
    let ropes = ropes(binder, config, context)?;
    let layers = (0..config.layers.len()).map(|layer| bind_layer(binder, config, layer)).collect::<Result<_, _>>()?;
    let output_norm = binder.vector("output_norm.weight", width)?;
    // Files without an output matrix use the embedding's, which then is in memory once.
    let output = binder.optional_matrix("output.weight", vocabulary, width)?.unwrap_or_else(|| embedding.clone());
    Ok(Weights { embedding, layers, ropes, output_norm, output })
}

/// The rotations, with the file's factors.
fn ropes(binder: &mut Binder<'_, '_>, config: &Config, context: usize) -> Result<Vec<Frequencies>, Error> {
    let Mixer::GroupedQuery(mixer) = config.arch.mixer;
    let pairs = config.ropes.first().map_or(0, |rope| rope.rotated / 2);
    let mut factors = |name| -> Result<Option<Vec<f32>>, Error> {
        let factors = binder.presence_vector(Presence::Optional, name, pairs)?;
        match factors.iter().flatten().find(|factor| !(1e-6..=1e6).contains(*factor)) {
            Some(bad) => Err(Error::BadTensor { name: name.into(), problem: format!("holds {bad} as a factor") }),
            None => Ok(factors),
        }
    };
    let factors = match mixer.rope_factors {
        RopeFactors::None => None,
        RopeFactors::Frequencies => factors("rope_freqs.weight")?,
        RopeFactors::ShortAndLong => {
            let (short, long) = (factors("rope_factors_short.weight")?, factors("rope_factors_long.weight")?);
            if context > config.original_context { long } else { short }
        }
    };
    Ok(config.ropes.iter().map(|rope| rope.frequencies(factors.as_deref())).collect())
}

fn bind_layer(binder: &mut Binder<'_, '_>, config: &Config, layer: usize) -> Result<Layer, Error> {
    let name = |tensor: &str| format!("blk.{layer}.{tensor}");
    let width = config.width;
    let post = if config.arch.norms == Norms::BeforeAndAfter { Presence::Required } else { Presence::Forbidden };
    Ok(Layer {
        attention_norm: binder.vector(&name("attn_norm.weight"), width)?,
        attention: attention(binder, config, &name)?,
        attention_post_norm: binder.presence_vector(post, &name("post_attention_norm.weight"), width)?,
        feed_forward_norm: binder.vector(&name("ffn_norm.weight"), width)?,
        feed_forward: match config.experts {
            None => FeedForward::Dense(gated(binder, config, &name)?),
            Some(experts) => FeedForward::Experts(bind_experts(binder, config, experts, &name)?),
        },
        feed_forward_post_norm: binder.presence_vector(post, &name("post_ffw_norm.weight"), width)?,
    })
}

fn attention(binder: &mut Binder<'_, '_>, config: &Config, name: &dyn Fn(&str) -> String) -> Result<Attention, Error> {
    let Mixer::GroupedQuery(mixer) = config.arch.mixer;
    let rows = [
        config.heads * config.key_size,
        config.key_value_heads * config.key_size,
        config.key_value_heads * config.value_size,
    ];
    let [query, key, value] = match mixer.projections {
        Projections::Fused => binder.fused(&name("attn_qkv.weight"), rows, config.width)?,
        Projections::Separate => [
            binder.matrix(&name("attn_q.weight"), rows[0], config.width)?,
            binder.matrix(&name("attn_k.weight"), rows[1], config.width)?,
            binder.matrix(&name("attn_v.weight"), rows[2], config.width)?,
        ],
    };
    let output = binder.matrix(&name("attn_output.weight"), config.width, config.heads * config.value_size)?;
    let mut linear = |matrix, presence, bias: &str| linear(binder, matrix, presence, &name(bias));
    Ok(Attention {
        query: linear(query, mixer.input_bias, "attn_q.bias")?,
        key: linear(key, mixer.input_bias, "attn_k.bias")?,
        value: linear(value, mixer.input_bias, "attn_v.bias")?,
        output: linear(output, mixer.output_bias, "attn_output.bias")?,
        query_norm: binder.presence_vector(mixer.head_norm, &name("attn_q_norm.weight"), config.key_size)?,
        key_norm: binder.presence_vector(mixer.head_norm, &name("attn_k_norm.weight"), config.key_size)?,
    })
}

fn gated(binder: &mut Binder<'_, '_>, config: &Config, name: &dyn Fn(&str) -> String) -> Result<Gated, Error> {
    let (inner, width, bias) = (config.feed_forward, config.width, config.arch.feed_forward.bias);
    let [gate, up] = match config.arch.feed_forward.projections {
        // Files call the fused tensor by the name of its second half.
        Projections::Fused => binder.fused(&name("ffn_up.weight"), [inner, inner], width)?,
        Projections::Separate => [
            binder.matrix(&name("ffn_gate.weight"), inner, width)?,
            binder.matrix(&name("ffn_up.weight"), inner, width)?,
        ],
    };
    let down = binder.matrix(&name("ffn_down.weight"), width, inner)?;
    Ok(Gated {
        gate: linear(binder, gate, bias, &name("ffn_gate.bias"))?,
        up: linear(binder, up, bias, &name("ffn_up.bias"))?,
        down: linear(binder, down, bias, &name("ffn_down.bias"))?,
    })
}

fn bind_experts(
    binder: &mut Binder<'_, '_>,
    config: &Config,
    experts: ExpertsConfig,
    name: &dyn Fn(&str) -> String,
) -> Result<Experts, Error> {
    let (inner, width) = (config.feed_forward, config.width);
    let router = binder.matrix(&name("ffn_gate_inp.weight"), experts.count, width)?;
    let gate = binder.experts(&name("ffn_gate_exps.weight"), experts.count, inner, width)?;
    let up = binder.experts(&name("ffn_up_exps.weight"), experts.count, inner, width)?;
    let down = binder.experts(&name("ffn_down_exps.weight"), experts.count, width, inner)?;
    let plain = |matrix| Linear { matrix, bias: None };
    let each = gate.into_iter().zip(up).zip(down);
    let each = each.map(|((gate, up), down)| Gated { gate: plain(gate), up: plain(up), down: plain(down) });
    Ok(Experts { router, experts: each.collect(), used: experts.used })
}

fn linear(binder: &mut Binder<'_, '_>, matrix: Matrix, presence: Presence, bias: &str) -> Result<Linear, Error> {
    let bias = binder.presence_vector(presence, bias, matrix.rows)?;
    Ok(Linear { matrix, bias })
}
