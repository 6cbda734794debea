//! A model of some hundred kilobytes, made here: random weights, one token per byte, a chat template.

use hefu_model::gguf::write::Writer;
use hefu_model::gguf::{Kind, Value};
use hefu_numerics::quant::{FORMATS, Format};

const WIDTH: u64 = 64;
const INNER: u64 = 96;
const HEADS: u32 = 4;
const KEY_VALUE_HEADS: u32 = 2;
const LAYERS: u32 = 2;
/// Positions that the model is made for.
pub(crate) const CONTEXT: u32 = 256;
/// One token per byte, then the three below.
const BYTES: u64 = 256;
const SPECIALS: [&str; 3] = ["<|begin|>", "<|end_of_text|>", "<|im_end|>"];
const TEMPLATE: &str = "{% for m in messages %}<|begin|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}\
                        {% if add_generation_prompt %}<|begin|>assistant: {% endif %}";

/// The bytes of the model's file.
pub(crate) fn model(with_template: bool) -> Vec<u8> {
    model_for(CONTEXT, with_template)
}

/// The same for so many positions. The weights do not depend on them.
pub(crate) fn model_for(context: u32, with_template: bool) -> Vec<u8> {
    let mut writer = Writer::new();
    let count = |writer: &mut Writer, key: &str, value: u32| {
        writer.value(&format!("llama.{key}"), Value::U32(value));
    };
    writer.value("general.architecture", Value::String(b"llama"));
    writer.value("general.name", Value::String(b"Tiny"));
    writer.value("general.license", Value::String(b"CC0-1.0"));
    count(&mut writer, "context_length", context);
    count(&mut writer, "embedding_length", WIDTH as u32);
    count(&mut writer, "block_count", LAYERS);
    count(&mut writer, "feed_forward_length", INNER as u32);
    count(&mut writer, "attention.head_count", HEADS);
    count(&mut writer, "attention.head_count_kv", KEY_VALUE_HEADS);
    writer.value("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
    vocabulary(&mut writer);
    if with_template {
        writer.value("tokenizer.chat_template", Value::String(TEMPLATE.as_bytes()));
    }
    tensors(&mut writer);
    writer.finish()
}

fn vocabulary(writer: &mut Writer) {
    let mut tokens: Vec<String> = (0..=255).map(|byte| byte_character(byte).to_string()).collect();
    tokens.extend(SPECIALS.map(str::to_owned));
    // 1 is a normal token, 3 a control token.
    let types = (0..tokens.len()).map(|id| Value::I32(if id < BYTES as usize { 1 } else { 3 }));
    writer.value("tokenizer.ggml.model", Value::String(b"gpt2"));
    writer.value("tokenizer.ggml.pre", Value::String(b"gpt-2"));
    writer.strings("tokenizer.ggml.tokens", &tokens);
    writer.array("tokenizer.ggml.token_type", Kind::I32, types);
    writer.strings::<&str>("tokenizer.ggml.merges", &[]);
    writer.value("tokenizer.ggml.bos_token_id", Value::U32(256));
    writer.value("tokenizer.ggml.eos_token_id", Value::U32(257));
    writer.value("tokenizer.ggml.add_bos_token", Value::Bool(true));
}

/// Spelling of a byte in byte-level vocabularies: itself where it prints, else a character from 256 on.
fn byte_character(byte: u8) -> char {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if prints(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&other| !prints(other)).count() as u32;
    char::from_u32(256 + before).unwrap()
}

fn tensors(writer: &mut Writer) {
    let mut random = Random(1);
    let vocabulary = BYTES + SPECIALS.len() as u64;
    let values = WIDTH / u64::from(HEADS) * u64::from(KEY_VALUE_HEADS);
    matrix(writer, &mut random, "token_embd.weight", WIDTH, vocabulary);
    matrix(writer, &mut random, "output.weight", WIDTH, vocabulary);
    ones(writer, "output_norm.weight");
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        ones(writer, &name("attn_norm"));
        ones(writer, &name("ffn_norm"));
        for (part, columns, rows) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, values),
            ("attn_v", WIDTH, values),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", WIDTH, INNER),
            ("ffn_up", WIDTH, INNER),
            ("ffn_down", INNER, WIDTH),
        ] {
            matrix(writer, &mut random, &name(part), columns, rows);
        }
    }
}

fn matrix(writer: &mut Writer, random: &mut Random, name: &str, columns: u64, rows: u64) {
    let data: Vec<u8> = (0..columns * rows).flat_map(|_| random.next().to_le_bytes()).collect();
    writer.tensor(name, &[columns, rows], single(), &data);
}

fn ones(writer: &mut Writer, name: &str) {
    let data: Vec<u8> = (0..WIDTH).flat_map(|_| 1_f32.to_le_bytes()).collect();
    writer.tensor(name, &[WIDTH], single(), &data);
}

fn single() -> &'static Format {
    FORMATS.iter().find(|format| format.name == "F32").unwrap()
}

/// Numbers between -0.25 and 0.25 (a linear congruential generator; Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 25) as f32 - 0.25
    }
}
