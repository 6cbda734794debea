//! From `config.json` to the keys of GGUF.

use super::{Config, Error};
use crate::gguf::Value;
use crate::gguf::write::Writer;

/// Keys below the family's name, in order.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    list: Vec<(&'static str, Key)>,
    /// Divisors of the frequencies, a tensor in GGUF.
    pub(crate) rope_factors: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Size(u32),
    Number(f32),
    Word(&'static str),
}

impl Keys {
    /// The usual keys, and those that `beyond` adds.
    pub(super) fn read(config: &Config, beyond: fn(&Config, &mut Keys)) -> Result<Keys, Error> {
        let mut keys = Keys::default();
        keys.size("block_count", config.size(&["num_hidden_layers"]));
        keys.size("context_length", config.size(&["max_position_embeddings"]));
        keys.size("embedding_length", config.size(&["hidden_size"]));
        keys.size("feed_forward_length", config.size(&["intermediate_size"]));
        keys.size("attention.head_count", config.size(&["num_attention_heads"]));
        keys.size("attention.head_count_kv", config.size(&["num_key_value_heads"]));
        keys.size("attention.key_length", config.size(&["head_dim"]));
        keys.size("attention.value_length", config.size(&["head_dim"]));
        keys.number("attention.layer_norm_rms_epsilon", config.number(&["rms_norm_eps"]));
        keys.size("expert_count", config.size(&["num_local_experts", "num_experts"]));
        keys.size("expert_used_count", config.size(&["num_experts_per_tok"]));
        keys.rotation(config)?;
        beyond(config, &mut keys);
        if config.rotation().kind() == Some("llama3") && keys.rope_factors.is_empty() {
            return Err(Error::Unsupported { what: "rotation of the kind llama3".into() });
        }
        if config.is("use_sliding_window") {
            return Err(Error::Unsupported { what: "windows (use_sliding_window)".into() });
        }
        Ok(keys)
    }

    fn rotation(&mut self, config: &Config) -> Result<(), Error> {
        let rotation = config.rotation();
        self.number("rope.freq_base", rotation.base);
        self.number("rope.freq_base_swa", rotation.local_base);
        let number = |key: &str| rotation.scaling.and_then(|part| part.number(key));
        match rotation.kind() {
            None | Some("llama3") => {}
            Some("linear") => {
                self.word("rope.scaling.type", "linear");
                self.number("rope.scaling.factor", number("factor"));
            }
            Some("yarn") => {
                self.word("rope.scaling.type", "yarn");
                self.number("rope.scaling.factor", number("factor"));
                self.size(
                    "rope.scaling.original_context_length",
                    number("original_max_position_embeddings").map(|n| n as u32),
                );
                self.number("rope.scaling.yarn_ext_factor", number("extrapolation_factor"));
                self.number("rope.scaling.yarn_attn_factor", number("attention_factor").or(number("attn_factor")));
                self.number("rope.scaling.yarn_beta_fast", number("beta_fast"));
                self.number("rope.scaling.yarn_beta_slow", number("beta_slow"));
            }
            Some(other) => {
                let what = format!("rotation of the kind {}", crate::build::shown(other));
                return Err(Error::Unsupported { what });
            }
        }
        Ok(())
    }

    /// A key with a size, if there is one.
    pub(crate) fn size(&mut self, key: &'static str, size: Option<u32>) {
        self.put(key, size.map(Key::Size));
    }

    /// A key with a number, if there is one.
    pub(crate) fn number(&mut self, key: &'static str, number: Option<f32>) {
        self.put(key, number.map(Key::Number));
    }

    /// Default of a size.
    pub(crate) fn usual(&mut self, key: &'static str, size: u32) {
        if !self.has(key) {
            self.size(key, Some(size));
        }
    }

    /// Default of a number.
    pub(crate) fn usual_number(&mut self, key: &'static str, number: f32) {
        if !self.has(key) {
            self.number(key, Some(number));
        }
    }

    pub(super) fn write(&self, family: &str, writer: &mut Writer) {
        writer.value("general.architecture", Value::String(family.as_bytes()));
        for (key, value) in &self.list {
            let value = match *value {
                Key::Size(size) => Value::U32(size),
                Key::Number(number) => Value::F32(number),
                Key::Word(word) => Value::String(word.as_bytes()),
            };
            writer.value(&format!("{family}.{key}"), value);
        }
    }

    fn word(&mut self, key: &'static str, word: &'static str) {
        self.put(key, Some(Key::Word(word)));
    }

    fn put(&mut self, key: &'static str, value: Option<Key>) {
        self.list.extend(value.map(|value| (key, value)));
    }

    /// True if a key is there already.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.list.iter().any(|(other, _)| *other == key)
    }
}
