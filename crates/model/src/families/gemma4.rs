//! Gemma 4, text: local and global layers with heads of their own sizes, the last layers see what earlier ones stored, a row
//! of each token for every layer, experts beside the dense part in some models.

use hefu_numerics::program::{Activation, RopeStyle, State, Value, Values};
use hefu_numerics::rope::Frequencies;

use super::Family;
use crate::build::limits::{MAX_FEED_FORWARD, MAX_HEAD_SIZE, MAX_HEADS, MAX_WIDTH};
use crate::build::{Builder, Experts, Gated, Output, Presence, Residual, RopeFactors, Rotation, Scores};
use crate::error::Error;
use crate::rope::{Rope, Scaling};

pub(super) const GEMMA4: Family = Family { name: "gemma4", write };

/// Layers from one that sees all positions to the next, where the file does not list them.
const PERIOD: usize = 6;
/// Base of the local layers' rotation where the file has none.
const LOCAL_BASE: f32 = 10_000.0;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let layers = b.trunk()?;
    let windows = b.windows(PERIOD)?;
    let ([global, local], [global_rope, local_rope]) = heads(b)?;
    let key_values = b.keys.sizes("attention.head_count_kv", b.layers, MAX_HEADS)?.unwrap_or_default();
    let inner = b.keys.sizes("feed_forward_length", b.layers, MAX_FEED_FORWARD)?.unwrap_or_default();
    let owners = layers - b.keys.size("attention.shared_kv_layers", 0, layers - 1)?.unwrap_or(0);
    let per_layer = b.keys.size("embedding_length_per_layer_input", 0, MAX_WIDTH)?.unwrap_or(0);
    let experts = match b.expert_counts()? {
        Some(counts) => Some(Experts::new(counts, b.expert_inner()?, Activation::Gelu)),
        None => None,
    };
    let cap = b.factor("final_logit_softcapping")?;

    let mut x = b.embed((b.hidden_size as f32).sqrt());
    let inputs = (per_layer > 0).then(|| inputs_of_layers(b, x, layers, per_layer));
    let angles = b.angles("angles", global_rope);
    let local_angles = b.angles("local_angles", local_rope);
    let mut states: [Option<State>; 2] = [None; 2];
    for (layer, window) in windows.into_iter().take(layers).enumerate() {
        b.layer(layer);
        let (kind, angles) = if window.is_some() { (local, local_angles) } else { (global, angles) };
        let state = &mut states[usize::from(window.is_some())];
        let of = Of { key_values: key_values.get(layer).copied().unwrap_or(kind.0), window, angles, kind };
        let gated = Gated::new(inner.get(layer).copied().unwrap_or(0), Activation::Gelu);
        let experts = experts.as_ref().filter(|_| b.has("ffn_gate_inp.weight"));
        let before = [Some("attn_norm"), if experts.is_some() { None } else { Some("ffn_norm") }];
        x = b.block(
            x,
            &Residual { before, ..Residual::AROUND },
            |b, x| attend(b, x, &of, state, layer < owners),
            |b, x| match experts {
                Some(experts) => mixture(b, x, &gated, experts),
                None => b.gated(x, &gated),
            },
        );
        if let Some(inputs) = inputs {
            let made = input_of_layer(b, x, inputs, layer, per_layer);
            x = b.add("layer_input_sum", x, made);
        }
        if b.has("layer_output_scale.weight") {
            x = b.scale_by_vector("layer_output", x, "layer_output_scale.weight", 1);
        }
    }
    b.output(x, Output { cap, ..Output::PLAIN });
    Ok(())
}

/// Heads of queries, and their size, of global and local layers, with their rotations.
type Kinds = ([(usize, usize); 2], [Frequencies; 2]);

fn heads(b: &mut Builder<'_, '_>) -> Result<Kinds, Error> {
    let queries = b.keys.required_size("attention.head_count", 1, MAX_HEADS)?;
    let mut size = |key: &str, value: &str, default: Option<usize>| {
        let size = match default {
            Some(default) => b.keys.size(key, 1, MAX_HEAD_SIZE)?.unwrap_or(default),
            None => b.keys.required_size(key, 1, MAX_HEAD_SIZE)?,
        };
        b.keys.size(value, size, size)?;
        Ok::<usize, Error>(size)
    };
    let global = size("attention.key_length", "attention.value_length", None)?;
    let local = size("attention.key_length_swa", "attention.value_length_swa", Some(global))?;
    let rope = b.rope(global, RopeFactors::Frequencies)?;
    let rotated = b.keys.size("rope.dimension_count_swa", 2, local)?.unwrap_or(local) / 2 * 2;
    let base = f64::from(b.keys.number("rope.freq_base_swa", 1.0, f32::MAX)?.unwrap_or(LOCAL_BASE));
    let local_rope = Rope { rotated, base, scaling: Scaling::None, magnitude: 1.0 }.frequencies(None);
    Ok(([(queries, global), (queries, local)], [rope, local_rope]))
}

/// Differences of one layer's attention.
pub(super) struct Of {
    /// Heads of queries, and elements of every head.
    pub(super) kind: (usize, usize),
    pub(super) key_values: usize,
    pub(super) window: Option<usize>,
    pub(super) angles: Value,
}

/// Attention to what this layer stores, or to what the last one of its kind that owns a state did.
pub(super) fn attend(b: &mut Builder<'_, '_>, x: Value, of: &Of, state: &mut Option<State>, is_owner: bool) -> Value {
    let ((queries, head), none) = (of.kind, Presence::Forbidden);
    let rotation = Rotation { head, first: 0, style: RopeStyle::NeoX, angles: of.angles };
    let q = b.linear("queries", x, "attn_q", queries * head, none);
    let q = b.rms_norm("queries_norm", q, "attn_q_norm", head);
    let q = b.rotate("queries_rotated", q, rotation);
    let stored = match *state {
        Some(state) if !is_owner => {
            // Some files have products for what is not stored.
            ["attn_k", "attn_v"].into_iter().for_each(|name| b.skip(name));
            state
        }
        _ => {
            let k = b.linear("keys", x, "attn_k", of.key_values * head, none);
            // Where a file has no values, they are the keys as they come.
            let v = match b.has("attn_v.weight") {
                true => b.linear("values", x, "attn_v", of.key_values * head, none),
                false => k,
            };
            let k = b.rms_norm("keys_norm", k, "attn_k_norm", head);
            let k = b.rotate("keys_rotated", k, rotation);
            let v = b.plain_norm("values_norm", v, head);
            let stored = b.key_value(of.key_values, head, Values::Own(head), of.window);
            b.store(k, Some(v), stored);
            stored
        }
    };
    *state = Some(stored);
    let attention_output = b.attend(q, queries, Scores::of(1.0), stored);
    b.linear("attention_projection", attention_output, "attn_output", b.hidden_size, none)
}

/// The dense part and experts, each with norms of its own.
fn mixture(b: &mut Builder<'_, '_>, x: Value, gated: &Gated, experts: &Experts) -> Value {
    let normed = b.norm(x, "ffn_norm");
    let dense = b.gated(normed, gated);
    let dense = b.norm(dense, "post_ffw_norm_1");
    let router = b.plain_norm("router_norm", x, b.hidden_size);
    let router = b.scale("router_scaled", router, 1.0 / (b.hidden_size as f32).sqrt());
    let router = b.scale_by_vector("router_input", router, "ffn_gate_inp.scale", b.hidden_size);
    let scores = b.linear("expert_scores", router, "ffn_gate_inp", experts.count, Presence::Forbidden);
    let mut rule = experts.rule();
    if b.has("ffn_down_exps.scale") {
        rule.factors = Some(b.vector_of("ffn_down_exps.scale", experts.count));
    }
    let choices = b.route(scores, rule);
    let normed = b.norm(x, "pre_ffw_norm_2");
    let routed = b.experts("experts_output", normed, choices, experts);
    let routed = b.norm(routed, "post_ffw_norm_2");
    b.add("ffn_sum", dense, routed)
}

/// Inputs of every layer for each token: rows of a table of its own, and what the embedding gives.
pub(super) fn inputs_of_layers(b: &mut Builder<'_, '_>, x: Value, layers: usize, size: usize) -> Value {
    let table = b.embed_by("layer_embedding", "per_layer_token_embd", layers * size, (size as f32).sqrt());
    let given = b.linear("layer_inputs_given", x, "per_layer_model_proj", layers * size, Presence::Forbidden);
    let given = b.scale("layer_inputs_scaled", given, 1.0 / (b.hidden_size as f32).sqrt());
    let given = b.rms_norm("layer_inputs_norm", given, "per_layer_proj_norm", size);
    let sum = b.add("layer_inputs_sum", given, table);
    b.scale("layer_inputs", sum, 1.0 / 2f32.sqrt())
}

/// Input of the tokens to this layer, as `x` lets it through.
pub(super) fn input_of_layer(b: &mut Builder<'_, '_>, x: Value, inputs: Value, layer: usize, size: usize) -> Value {
    let input = b.slice("layer_input", inputs, b.width_of(inputs), layer * size, size);
    let gate = b.linear("layer_input_gate", x, "inp_gate", size, Presence::Forbidden);
    let gated = b.gate("layer_input_gated", gate, input, Activation::Gelu);
    let made = b.linear("layer_input_projection", gated, "proj", b.hidden_size, Presence::Forbidden);
    b.norm(made, "post_norm")
}
