//! Families as the hub has them: folders of safetensors files, with other names for the same tensors.
//!
//! The one table of what a converter to GGUF does: names, permuted rows, gains that lack their 1, keys.

use crate::checkpoint::{Config, Keys};

/// A family in the words of the hub.
pub(crate) struct Origin {
    /// Value of `architectures` in `config.json`.
    pub(crate) names: &'static [&'static str],
    /// The family.
    pub(crate) family: &'static str,
    /// Names of a layer's tensors there, `*` for the number of an expert, and here; of those in several lists the first counts.
    pub(crate) layer: &'static [&'static [(&'static str, &'static str)]],
    /// Rows of queries and keys are permuted, so that neighbouring elements rotate together.
    pub(crate) is_permuted: bool,
    /// Gains of norms are stored without the 1 that is added to them.
    pub(crate) lacks_one: bool,
    /// Keys beyond the usual ones.
    pub(crate) keys: fn(&Config, &mut Keys),
}

/// Names outside layers.
pub(crate) const OUTER: &[(&str, &str)] =
    &[("model.embed_tokens", "token_embd"), ("lm_head", "output"), ("model.norm", "output_norm")];

type Names = &'static [(&'static str, &'static str)];

const ATTENTION: Names = &[
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
];
const GATED: Names = &[("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down")];
const BEFORE: Names = &[("post_attention_layernorm", "ffn_norm")];
const AFTER: Names = &[
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];
const EXPERTS: Names = &[
    ("mlp.gate", "ffn_gate_inp"),
    ("mlp.experts.*.gate_proj", "ffn_gate_exps"),
    ("mlp.experts.*.up_proj", "ffn_up_exps"),
    ("mlp.experts.*.down_proj", "ffn_down_exps"),
];
const GPT_OSS: Names = &[
    ("post_attention_layernorm", "post_attention_norm"),
    ("self_attn.sinks", "attn_sinks"),
    ("mlp.router", "ffn_gate_inp"),
    ("mlp.experts.gate_up_proj", "ffn_gate_up_exps"),
    ("mlp.experts.down_proj", "ffn_down_exps"),
];
const MIXTRAL: Names = &[
    ("block_sparse_moe.gate", "ffn_gate_inp"),
    ("block_sparse_moe.experts.*.w1", "ffn_gate_exps"),
    ("block_sparse_moe.experts.*.w3", "ffn_up_exps"),
    ("block_sparse_moe.experts.*.w2", "ffn_down_exps"),
];

const PLAIN: Origin = Origin {
    names: &[],
    family: "",
    layer: &[ATTENTION, GATED, BEFORE],
    is_permuted: false,
    lacks_one: false,
    keys: |_, _| {},
};

/// Every family that is read from such folders.
pub(crate) const ORIGINS: &[Origin] = &[
    Origin {
        names: &["LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM"],
        family: "llama",
        layer: &[ATTENTION, GATED, BEFORE, MIXTRAL],
        is_permuted: true,
        keys: llama,
        ..PLAIN
    },
    Origin { names: &["Qwen2ForCausalLM"], family: "qwen2", ..PLAIN },
    Origin { names: &["Qwen3ForCausalLM"], family: "qwen3", ..PLAIN },
    Origin {
        names: &["Qwen3MoeForCausalLM"],
        family: "qwen3moe",
        layer: &[ATTENTION, GATED, BEFORE, EXPERTS],
        keys: |config, keys| keys.size("expert_feed_forward_length", config.size(&["moe_intermediate_size"])),
        ..PLAIN
    },
    Origin { names: &["GemmaForCausalLM"], family: "gemma", lacks_one: true, ..PLAIN },
    Origin {
        names: &["Gemma2ForCausalLM"],
        family: "gemma2",
        layer: &[ATTENTION, GATED, AFTER],
        lacks_one: true,
        keys: |config, keys| {
            keys.number("attn_logit_softcapping", config.number(&["attn_logit_softcapping"]));
            keys.number("final_logit_softcapping", config.number(&["final_logit_softcapping"]));
            keys.size("attention.sliding_window", config.size(&["sliding_window"]));
        },
        ..PLAIN
    },
    Origin {
        names: &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
        family: "gemma3",
        layer: &[ATTENTION, GATED, AFTER],
        lacks_one: true,
        keys: gemma3,
        ..PLAIN
    },
    Origin { names: &["Olmo2ForCausalLM"], family: "olmo2", layer: &[ATTENTION, GATED, AFTER], ..PLAIN },
    Origin {
        names: &["GptOssForCausalLM"],
        family: "gpt-oss",
        layer: &[ATTENTION, GPT_OSS],
        keys: |config, keys| {
            keys.size(
                "expert_used_count",
                config.size(&["experts_per_token"]).filter(|_| !keys.has("expert_used_count")),
            );
            keys.size("expert_feed_forward_length", config.size(&["intermediate_size"]));
            keys.size("attention.sliding_window", config.size(&["sliding_window"]));
        },
        ..PLAIN
    },
    Origin {
        names: &["SeedOssForCausalLM"],
        family: "seed_oss",
        layer: &[ATTENTION, GATED, &[("post_attention_layernorm", "post_attention_norm")]],
        ..PLAIN
    },
    Origin {
        names: &["GraniteForCausalLM"],
        family: "granite",
        is_permuted: true,
        keys: |config, keys| {
            llama(config, keys);
            keys.number("attention.scale", config.number(&["attention_multiplier"]));
            keys.number("embedding_scale", config.number(&["embedding_multiplier"]));
            keys.number("residual_scale", config.number(&["residual_multiplier"]));
            keys.number("logit_scale", config.number(&["logits_scaling"]));
        },
        ..PLAIN
    },
];

fn llama(config: &Config, keys: &mut Keys) {
    let heads = config.size(&["num_attention_heads"]).unwrap_or(0);
    let derived = || config.size(&["hidden_size"])?.checked_div(heads);
    let head = config.size(&["head_dim"]).or_else(derived);
    keys.size("rope.dimension_count", head);
    let rotation = config.rotation();
    if let (Some("llama3"), Some(scaling), Some(head)) = (rotation.kind(), rotation.scaling, head) {
        let number = |key: &str, usual: f32| scaling.number(key).unwrap_or(usual);
        keys.rope_factors = llama3_factors(
            head as usize,
            rotation.base.unwrap_or(10_000.0),
            number("factor", 8.0),
            [number("low_freq_factor", 1.0), number("high_freq_factor", 4.0)],
            number("original_max_position_embeddings", 8192.0),
        );
    }
}

fn gemma3(config: &Config, keys: &mut Keys) {
    keys.usual("context_length", 131_072);
    keys.usual("attention.head_count", 8);
    keys.usual("attention.head_count_kv", 4);
    keys.usual("attention.key_length", 256);
    keys.usual("attention.value_length", 256);
    keys.usual_number("attention.layer_norm_rms_epsilon", 1e-6);
    keys.usual_number("rope.freq_base", 1_000_000.0);
    keys.number("final_logit_softcapping", config.number(&["final_logit_softcapping"]));
    keys.size("attention.sliding_window", config.size(&["sliding_window"]));
}

/// Divisors of the frequencies of Llama 3: long waves are stretched by `factor`, short ones stay, those between change smoothly. In
/// f32, as converters work them out.
fn llama3_factors(head: usize, base: f32, factor: f32, [low, high]: [f32; 2], original: f32) -> Vec<f32> {
    let of_pair = |pair: usize| {
        let exponent = (2 * pair) as f32 / head as f32;
        let frequency = 1.0 / libm::pow(f64::from(base), f64::from(exponent)) as f32;
        let wave = std::f32::consts::TAU / frequency;
        if wave < original / high {
            return 1.0;
        }
        if wave > original / low {
            return factor;
        }
        let smooth = (original / wave - low) / (high - low);
        1.0 / ((1.0 - smooth) / factor + smooth)
    };
    (0..head / 2).map(of_pair).collect()
}
