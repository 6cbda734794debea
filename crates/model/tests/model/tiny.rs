//! Tiny random models as GGUF bytes, one of each family.

use hefu_model::gguf::write::Writer;
use hefu_model::gguf::{Gguf, Kind, Value};
use hefu_model::{Error, LoadOptions, ModelSpec};
use hefu_numerics::half::f32_to_f16;
use hefu_numerics::quant::Format;

use crate::devices::{Model, load};

pub(crate) const FAMILIES: [&str; 10] =
    ["llama", "llama-experts", "qwen2", "qwen3", "qwen3moe", "gemma3", "phi3", "deepseek2", "qwen35", "smollm3"];
pub(crate) const VOCABULARY: usize = 96;
pub(crate) const WIDTH: usize = 64;
pub(crate) const INNER: usize = 96;
pub(crate) const HEADS: usize = 4;
pub(crate) const KEY_VALUE_HEADS: usize = 2;
pub(crate) const HEAD_SIZE: usize = 16;
pub(crate) const EXPERTS: usize = 5;
pub(crate) const WINDOW: usize = 20;
pub(crate) const CONTEXT: usize = 256;
/// Elements of a head that rotate, where not all do; in latent attention they follow [`HEAD_SIZE`] others.
pub(crate) const ROTATED: usize = 8;
/// Elements of a latent vector.
pub(crate) const RANK: usize = 32;
/// Groups of experts, of two each.
pub(crate) const GROUPS: usize = 3;
/// Elements of a head of a gated delta layer, its key heads and its value heads.
pub(crate) const DELTA: [usize; 3] = [8, 2, 4];
pub(crate) const TAPS: usize = 4;

/// A file in the making: change it, then [`Tiny::bytes`].
#[derive(Clone)]
pub(crate) struct Tiny {
    pub(crate) keys: Vec<(String, Value<'static>)>,
    /// Keys whose values are arrays of booleans.
    pub(crate) lists: Vec<(String, Vec<bool>)>,
    pub(crate) tensors: Vec<Tensor>,
}

#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) format: &'static str,
    pub(crate) values: Vec<f32>,
}

impl Tiny {
    /// A random model of one of [`FAMILIES`] with `layers` blocks.
    pub(crate) fn new(family: &str, layers: usize, seed: u64) -> Self {
        let architecture: &'static str = if family == "llama-experts" { "llama" } else { named(family) };
        let mut tiny = Tiny { keys: vec![], lists: vec![], tensors: vec![] };
        tiny.keys.push(("general.architecture".into(), Value::String(architecture.as_bytes())));
        for (key, value) in [
            ("context_length", CONTEXT),
            ("embedding_length", WIDTH),
            ("block_count", layers),
            ("feed_forward_length", INNER),
            ("attention.head_count", HEADS),
            ("attention.head_count_kv", KEY_VALUE_HEADS),
        ] {
            tiny.set(key, Value::U32(value as u32));
        }
        tiny.set("attention.layer_norm_rms_epsilon", Value::F32(1e-6));
        let mut random = Random(seed);
        tiny.add(&mut random, "token_embd.weight", &[WIDTH, VOCABULARY], "Q8_0");
        for layer in 0..layers {
            tiny.add_block(&mut random, family, layer);
        }
        tiny.add(&mut random, "output_norm.weight", &[WIDTH], "F32");
        match family {
            "gemma3" => tiny.set("attention.sliding_window", Value::U32(WINDOW as u32)),
            _ => tiny.add(&mut random, "output.weight", &[WIDTH, VOCABULARY], "F16"),
        }
        if family == "phi3" {
            tiny.set("rope.scaling.original_context_length", Value::U32(128));
            tiny.set("rope.scaling.attn_factor", Value::F32(1.19));
            tiny.add(&mut random, "rope_factors_short.weight", &[HEAD_SIZE / 2], "F32");
            tiny.add(&mut random, "rope_factors_long.weight", &[HEAD_SIZE / 2], "F32");
        }
        if family == "llama" {
            tiny.add(&mut random, "rope_freqs.weight", &[HEAD_SIZE / 2], "F32");
        }
        if family == "qwen3moe" || family == "llama-experts" {
            tiny.set("expert_count", Value::U32(EXPERTS as u32));
            tiny.set("expert_used_count", Value::U32(2));
        }
        if family == "qwen3moe" {
            tiny.set("expert_feed_forward_length", Value::U32(INNER as u32));
        }
        match family {
            "deepseek2" => tiny.latent_keys(layers),
            "qwen35" => tiny.delta_keys(&mut random, layers),
            _ => {}
        }
        tiny
    }

    fn set_sizes(&mut self, sizes: &[(&str, usize)]) {
        sizes.iter().for_each(|(key, value)| self.set(key, Value::U32(*value as u32)));
    }

    fn latent_keys(&mut self, layers: usize) {
        self.set_sizes(&[
            ("attention.head_count_kv", 1),
            ("attention.key_length_mla", HEAD_SIZE + ROTATED),
            ("attention.value_length_mla", HEAD_SIZE),
            ("attention.kv_lora_rank", RANK),
            ("attention.q_lora_rank", RANK),
            ("rope.dimension_count", ROTATED),
            ("leading_dense_block_count", usize::from(layers > 1)),
            ("expert_count", 2 * GROUPS),
            ("expert_used_count", 2),
            ("expert_shared_count", 1),
            ("expert_feed_forward_length", RANK),
            ("expert_group_count", GROUPS),
            ("expert_group_used_count", 2),
            ("expert_gating_func", 2),
            ("rope.scaling.original_context_length", 64),
        ]);
        self.set("expert_weights_norm", Value::Bool(true));
        self.set("expert_weights_scale", Value::F32(1.5));
        self.set("rope.scaling.type", Value::String(b"yarn"));
        self.set("rope.scaling.factor", Value::F32(4.0));
        self.set("rope.scaling.yarn_log_multiplier", Value::F32(0.0707));
    }

    /// Every second layer has attention; one more, which is left out, guesses.
    fn delta_keys(&mut self, random: &mut Random, layers: usize) {
        let [size, keys, values] = DELTA;
        self.set_sizes(&[
            ("block_count", layers + 1),
            ("nextn_predict_layers", 1),
            ("full_attention_interval", 2),
            ("rope.dimension_count", ROTATED),
            ("ssm.conv_kernel", TAPS),
            ("ssm.state_size", size),
            ("ssm.group_count", keys),
            ("ssm.time_step_rank", values),
            ("ssm.inner_size", values * size),
        ]);
        self.add(random, &format!("blk.{layers}.nextn.eh_proj.weight"), &[2 * WIDTH, WIDTH], "F16");
        self.add(random, &format!("blk.{layers}.nextn.enorm.weight"), &[WIDTH], "F32");
    }

    fn add_block(&mut self, random: &mut Random, family: &str, layer: usize) {
        match family {
            "deepseek2" => return self.add_latent_block(random, layer),
            "qwen35" => return self.add_delta_block(random, layer),
            _ => {}
        }
        let (queries, keys) = (HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE);
        let mut add = |tensor: &str, shape: &[usize], format| {
            self.add(random, &format!("blk.{layer}.{tensor}"), shape, format);
        };
        add("attn_norm.weight", &[WIDTH], "F32");
        add("ffn_norm.weight", &[WIDTH], "F32");
        if family == "phi3" {
            add("attn_qkv.weight", &[WIDTH, queries + 2 * keys], "Q8_0");
            add("ffn_up.weight", &[WIDTH, 2 * INNER], "Q8_0");
        } else {
            add("attn_q.weight", &[WIDTH, queries], "Q8_0");
            add("attn_k.weight", &[WIDTH, keys], "BF16");
            add("attn_v.weight", &[WIDTH, keys], "Q8_0");
        }
        add("attn_output.weight", &[queries, WIDTH], "Q8_0");
        match family {
            "qwen3moe" | "llama-experts" => {
                add("ffn_gate_inp.weight", &[WIDTH, EXPERTS], "F32");
                add("ffn_gate_exps.weight", &[WIDTH, INNER, EXPERTS], "Q8_0");
                add("ffn_up_exps.weight", &[WIDTH, INNER, EXPERTS], "F16");
                add("ffn_down_exps.weight", &[INNER, WIDTH, EXPERTS], "Q8_0");
            }
            _ => {
                add("ffn_down.weight", &[INNER, WIDTH], "Q8_0");
                if family != "phi3" {
                    add("ffn_gate.weight", &[WIDTH, INNER], "Q8_0");
                    add("ffn_up.weight", &[WIDTH, INNER], "F16");
                }
            }
        }
        if family == "qwen2" {
            add("attn_q.bias", &[queries], "F32");
            add("attn_k.bias", &[keys], "F32");
            add("attn_v.bias", &[keys], "F32");
        }
        if ["qwen3", "qwen3moe", "gemma3"].contains(&family) {
            add("attn_q_norm.weight", &[HEAD_SIZE], "F32");
            add("attn_k_norm.weight", &[HEAD_SIZE], "F32");
        }
        if family == "gemma3" {
            add("post_attention_norm.weight", &[WIDTH], "F32");
            add("post_ffw_norm.weight", &[WIDTH], "F32");
        }
    }

    fn add_latent_block(&mut self, random: &mut Random, layer: usize) {
        let is_dense =
            layer == 0 && !self.keys.iter().any(|(key, value)| key.ends_with("block_count") && *value == Value::U32(1));
        let mut add = |tensor: &str, shape: &[usize], format| {
            self.add(random, &format!("blk.{layer}.{tensor}"), shape, format);
        };
        add("attn_norm.weight", &[WIDTH], "F32");
        add("ffn_norm.weight", &[WIDTH], "F32");
        add("attn_q_a.weight", &[WIDTH, RANK], "Q8_0");
        add("attn_q_a_norm.weight", &[RANK], "F32");
        add("attn_q_b.weight", &[RANK, HEADS * (HEAD_SIZE + ROTATED)], "Q8_0");
        add("attn_kv_a_mqa.weight", &[WIDTH, RANK + ROTATED], "Q8_0");
        add("attn_kv_a_norm.weight", &[RANK], "F32");
        add("attn_k_b.weight", &[HEAD_SIZE, RANK, HEADS], "F16");
        add("attn_v_b.weight", &[RANK, HEAD_SIZE, HEADS], "Q8_0");
        add("attn_output.weight", &[HEADS * HEAD_SIZE, WIDTH], "Q8_0");
        if is_dense {
            add("ffn_gate.weight", &[WIDTH, INNER], "Q8_0");
            add("ffn_up.weight", &[WIDTH, INNER], "F16");
            return add("ffn_down.weight", &[INNER, WIDTH], "Q8_0");
        }
        add("ffn_gate_inp.weight", &[WIDTH, 2 * GROUPS], "F32");
        add("exp_probs_b.bias", &[2 * GROUPS], "F32");
        add("ffn_gate_exps.weight", &[WIDTH, RANK, 2 * GROUPS], "Q8_0");
        add("ffn_up_exps.weight", &[WIDTH, RANK, 2 * GROUPS], "F16");
        add("ffn_down_exps.weight", &[RANK, WIDTH, 2 * GROUPS], "Q8_0");
        add("ffn_gate_shexp.weight", &[WIDTH, RANK], "Q8_0");
        add("ffn_up_shexp.weight", &[WIDTH, RANK], "F16");
        add("ffn_down_shexp.weight", &[RANK, WIDTH], "Q8_0");
    }

    fn add_delta_block(&mut self, random: &mut Random, layer: usize) {
        let [size, keys, values] = DELTA;
        let (channels, inner) = ((2 * keys + values) * size, values * size);
        let mut add = |tensor: &str, shape: &[usize], format| {
            self.add(random, &format!("blk.{layer}.{tensor}"), shape, format);
        };
        add("attn_norm.weight", &[WIDTH], "F32");
        add("post_attention_norm.weight", &[WIDTH], "F32");
        add("ffn_gate.weight", &[WIDTH, INNER], "Q8_0");
        add("ffn_up.weight", &[WIDTH, INNER], "F16");
        add("ffn_down.weight", &[INNER, WIDTH], "Q8_0");
        if layer % 2 == 1 {
            add("attn_q.weight", &[WIDTH, 2 * HEADS * HEAD_SIZE], "Q8_0");
            add("attn_k.weight", &[WIDTH, KEY_VALUE_HEADS * HEAD_SIZE], "BF16");
            add("attn_v.weight", &[WIDTH, KEY_VALUE_HEADS * HEAD_SIZE], "Q8_0");
            add("attn_q_norm.weight", &[HEAD_SIZE], "F32");
            add("attn_k_norm.weight", &[HEAD_SIZE], "F32");
            return add("attn_output.weight", &[HEADS * HEAD_SIZE, WIDTH], "Q8_0");
        }
        add("attn_qkv.weight", &[WIDTH, channels], "Q8_0");
        add("attn_gate.weight", &[WIDTH, inner], "Q8_0");
        add("ssm_conv1d.weight", &[TAPS, channels], "F32");
        add("ssm_a", &[values], "F32");
        add("ssm_dt.bias", &[values], "F32");
        add("ssm_beta.weight", &[WIDTH, values], "F32");
        add("ssm_alpha.weight", &[WIDTH, values], "Q8_0");
        add("ssm_norm.weight", &[size], "F32");
        add("ssm_out.weight", &[inner, WIDTH], "Q8_0");
        // About half is kept from position to position.
        self.tensor(&format!("blk.{layer}.ssm_a")).values.iter_mut().for_each(|rate| *rate = -*rate);
        self.tensor(&format!("blk.{layer}.ssm_dt.bias")).values.iter_mut().for_each(|bias| *bias -= 1.0);
    }

    fn add(&mut self, random: &mut Random, name: &str, shape: &[usize], format: &'static str) {
        let is_vector = shape.len() == 1;
        let count = shape.iter().product();
        // Gains and factors about 1; matrices that keep the size of what goes through them.
        let number = |random: &mut Random| match is_vector {
            true => 1.0 + 0.4 * random.number(),
            false => random.number() * 2.0 / (shape[0] as f32).sqrt(),
        };
        let values = (0..count).map(|_| number(random)).collect();
        let shape = shape.iter().map(|size| *size as u64).collect();
        self.tensors.push(Tensor { name: name.into(), shape, format, values });
    }

    /// Sets a key below the architecture's name.
    pub(crate) fn set(&mut self, key: &str, value: Value<'static>) {
        let Value::String(architecture) = self.keys[0].1 else { panic!("the architecture comes first") };
        let key = format!("{}.{key}", String::from_utf8_lossy(architecture));
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, value));
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).expect("the family has this tensor")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for (key, value) in &self.keys {
            writer.value(key, *value);
        }
        for (key, list) in &self.lists {
            writer.array(key, Kind::Bool, list.iter().map(|is_set| Value::Bool(*is_set)));
        }
        for tensor in &self.tensors {
            let format = Format::from_name(tensor.format).expect("a known format");
            writer.tensor(&tensor.name, &tensor.shape, format, &encode(tensor.format, &tensor.values));
        }
        writer.finish()
    }

    pub(crate) fn load(&self) -> Result<Model, Error> {
        load(&self.bytes(), &LoadOptions::default())
    }

    /// Model that the file describes, on no device.
    pub(crate) fn spec(&self) -> Result<ModelSpec, Error> {
        ModelSpec::read(&Gguf::parse(&[&self.bytes()])?, &LoadOptions::default())
    }
}

pub(crate) fn tokens(count: usize, seed: u64) -> Vec<u32> {
    let mut random = Random(seed);
    (0..count).map(|_| (random.next() % VOCABULARY as u64) as u32).collect()
}

pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Largest difference relative to the largest magnitude.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    a.iter().zip(b).fold(0.0f32, |distance, (a, b)| distance.max((a - b).abs())) / largest
}

fn named(family: &str) -> &'static str {
    FAMILIES.iter().find(|known| **known == family).expect("a known family")
}

fn encode(format: &str, values: &[f32]) -> Vec<u8> {
    match format {
        "F32" => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        "F16" => values.iter().flat_map(|x| f32_to_f16(*x).to_le_bytes()).collect(),
        "BF16" => values.iter().flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes()).collect(),
        "Q8_0" => values.chunks_exact(32).flat_map(q8_0).collect(),
        other => panic!("no encoder for {other}"),
    }
}

/// A binary16 scale, then 32 signed bytes.
fn q8_0(block: &[f32]) -> Vec<u8> {
    let largest = block.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let quantised = block.iter().map(|x| (x / scale).round() as i8 as u8);
    f32_to_f16(scale).to_le_bytes().into_iter().chain(quantised).collect()
}

/// SplitMix64 (Steele et al., 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub(crate) fn number(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
