//! Gemma 3n, text: several residual streams of which one goes through a block and corrects the others (AltUp, arXiv
//! 2301.13310), a path of low rank beside attention (LAuReL, arXiv 2411.07501), gates of which most are 0 (Gaussian top-k, arXiv
//! 2506.06644); the rest as in Gemma 4.

use hefu_numerics::program::{Activation, State, Value};

use super::Family;
use super::gemma4::{Of, attend, input_of_layer, inputs_of_layers};
use crate::build::limits::{MAX_STREAMS, MAX_WIDTH};
use crate::build::{Builder, Output, Presence, RopeFactors};
use crate::error::Error;

pub(super) const GEMMA3N: Family = Family { name: "gemma3n", write };

/// Layers from one that sees all positions to the next, where the file does not list them.
const PERIOD: usize = 5;
/// Layers that store keys and values, where the file does not say how many see what earlier ones stored.
const OWNERS: usize = 20;
/// Layers with a sparse gate, and the standard deviations of 95 in 100, where the file does not list them.
const SPARSE: (usize, f32) = (10, 1.644_853_6);
/// Base of the local layers' rotation, and bound of the logits, where the file has none.
const LOCAL_BASE: f64 = 10_000.0;
const CAP: f32 = 30.0;
/// Least value of the mean of a stream's squares.
const FLOOR: f32 = 1.0e-5;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let layers = b.trunk()?;
    let (heads, windows, inner) = (b.heads()?, b.windows(PERIOD)?, b.inner()?);
    let rope = b.rope(heads.key, RopeFactors::None)?;
    let local_rope = b.local_rope(heads.key, LOCAL_BASE)?;
    let shared = b.keys.size("attention.shared_kv_layers", 0, layers - 1)?;
    let owners = shared.map_or(OWNERS.min(layers), |shared| layers - shared);
    let per_layer = b.keys.required_size("embedding_length_per_layer_input", 1, MAX_WIDTH)?;
    let streams = b.keys.size("altup.num_inputs", 2, MAX_STREAMS)?.unwrap_or(4);
    b.keys.size("altup.active_idx", 0, 0)?;
    let default = (0..b.layers).map(|layer| if layer < SPARSE.0 { SPARSE.1 } else { 0.0 }).collect();
    let deviations = b.keys.numbers("activation_sparsity_scale", b.layers)?.unwrap_or(default);
    let rank = b.outputs("blk.0.laurel_l").unwrap_or(1);
    let cap = b.factor("final_logit_softcapping")?.or(Some(CAP));

    let x = b.embed((b.hidden_size as f32).sqrt());
    let inputs = inputs_of_layers(b, x, layers, per_layer);
    let (angles, local_angles) = (b.angles("angles", rope), b.angles("local_angles", local_rope));
    let mut all = spread(b, x, streams);
    let mut states: [Option<State>; 2] = [None; 2];
    for (layer, window) in windows.into_iter().take(layers).enumerate() {
        b.layer(layer);
        let state = &mut states[usize::from(window.is_some())];
        let angles = if window.is_some() { local_angles } else { angles };
        let of = Of { kind: (heads.queries, heads.key), key_values: heads.key_values, window, angles };
        let predicted = predict(b, &all);
        let normed = b.norm(predicted[0], "attn_norm");
        let laurel = laurel(b, normed, rank);
        let attention_output = attend(b, normed, &of, state, layer < owners);
        let attention_output = b.norm(attention_output, "post_attention_norm");
        let sum = b.add("attention_residual", attention_output, predicted[0]);
        let sum = b.add("laurel_sum", sum, laurel);
        let sum = b.scale("laurel_scaled", sum, 1.0 / 2f32.sqrt());
        let made = sparse_gated(b, sum, inner, deviations[layer]);
        let made = b.add("block_output", made, sum);
        all = correct(b, &predicted, made);
        let first = b.scale_by_vector("stream_scaled", all[0], "altup_correct_scale.weight", b.hidden_size);
        let input = input_of_layer(b, first, inputs, layer, per_layer);
        all[1..].iter_mut().for_each(|stream| *stream = b.add("stream_output", *stream, input));
    }
    let x = gather(b, &all);
    b.output(x, Output { cap, ..Output::PLAIN });
    Ok(())
}

/// The streams that the embedding becomes: itself, and products with it that are as large.
fn spread(b: &mut Builder<'_, '_>, x: Value, streams: usize) -> Vec<Value> {
    let (others, width) = (streams - 1, b.hidden_size);
    let repeated = b.join("streams_input", &vec![x; others], 1);
    let made = b.head_linear("streams_made", repeated, "altup_proj", others, width);
    let stream = |index: usize| {
        let one = b.slice("stream_made", made, others * width, index * width, width);
        b.match_magnitude("stream", one, x, FLOOR)
    };
    let others: Vec<Value> = (0..others).map(stream).collect();
    [&[x][..], &others].concat()
}

/// The mean of the streams, but the first after products that are as large as it is.
fn gather(b: &mut Builder<'_, '_>, all: &[Value]) -> Value {
    let (others, width) = (all.len() - 1, b.hidden_size);
    b.leave_layers();
    let joined = b.join("streams_output", &all[1..], 1);
    let made = b.head_linear("streams_unmade", joined, "altup_unembd_proj", others, width);
    let mut sum = all[0];
    for index in 0..others {
        let one = b.slice("stream_unmade", made, others * width, index * width, width);
        let one = b.match_magnitude("stream_matched", one, all[0], FLOOR);
        sum = b.add("streams_sum", sum, one);
    }
    b.scale("streams_mean", sum, 1.0 / all.len() as f32)
}

/// Weights of a stream by which the streams mix.
fn modalities(b: &mut Builder<'_, '_>, x: Value, streams: usize) -> Value {
    let normed = b.norm(x, "altup_router_norm");
    let scaled = b.scale("altup_router_input", normed, 1.0 / b.hidden_size as f32);
    let routed = b.linear("altup_routed", scaled, "altup_router", streams, Presence::Forbidden);
    b.activate("altup_modalities", routed, Activation::Tanh)
}

/// Each stream and its mixture of all, by coefficients that the first one gives.
fn predict(b: &mut Builder<'_, '_>, all: &[Value]) -> Vec<Value> {
    let count = all.len();
    let modalities = modalities(b, all[0], count);
    let mix = b.linear("altup_mixture", modalities, "altup_predict_coef", count * count, Presence::Forbidden);
    let mut predict = |to: usize| {
        let mut sum = all[to];
        for (from, stream) in all.iter().enumerate() {
            let factor = b.slice("altup_factor", mix, count * count, to * count + from, 1);
            let part = b.scale_by("altup_part", *stream, factor);
            sum = b.add("predicted", sum, part);
        }
        sum
    };
    (0..count).map(&mut predict).collect()
}

/// The predicted streams, each moved by as much of the first one's error as what was made says.
fn correct(b: &mut Builder<'_, '_>, predicted: &[Value], made: Value) -> Vec<Value> {
    let count = predicted.len();
    let modalities = modalities(b, made, count);
    let factors = b.linear("altup_correction", modalities, "altup_correct_coef", count, Presence::Forbidden);
    let minus = b.scale("predicted_negated", predicted[0], -1.0);
    let error = b.add("innovation", made, minus);
    let mut correct = |stream: usize| {
        let factor = b.slice("altup_factor", factors, count, stream, 1);
        let part = b.scale_by("innovation_part", error, factor);
        let part = b.add("innovation_whole", part, error);
        b.add("corrected", predicted[stream], part)
    };
    (0..count).map(&mut correct).collect()
}

/// `x` and a product of low rank.
fn laurel(b: &mut Builder<'_, '_>, x: Value, rank: usize) -> Value {
    let left = b.linear("laurel_left", x, "laurel_l", rank, Presence::Forbidden);
    let right = b.linear("laurel_right", left, "laurel_r", b.hidden_size, Presence::Forbidden);
    let right = b.norm(right, "laurel_post_norm");
    b.add("laurel", right, x)
}

/// The feed-forward part, whose gates are cut where the layer has deviations.
fn sparse_gated(b: &mut Builder<'_, '_>, x: Value, inner: usize, deviations: f32) -> Value {
    let none = Presence::Forbidden;
    let normed = b.norm(x, "ffn_norm");
    let up = b.linear("ffn_up", normed, "ffn_up", inner, none);
    let mut gate = b.linear("ffn_gate", normed, "ffn_gate", inner, none);
    if deviations != 0.0 {
        gate = b.gaussian_top_k("ffn_gate_sparse", gate, deviations);
    }
    let hidden = b.gate("ffn_hidden", gate, up, Activation::Gelu);
    let down = b.linear("ffn_output", hidden, "ffn_down", b.hidden_size, none);
    b.norm(down, "post_ffw_norm")
}
