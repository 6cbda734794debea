//! `config.json`: what a model is, in the words of the hub.

use serde_json::{Map, Value};

use super::Error;

/// The description of a model; of one that also sees or hears, that of the part that writes.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    values: Map<String, Value>,
    /// The names of what reads it.
    pub(super) architectures: Vec<String>,
}

impl Config {
    pub(super) fn read(text: &str) -> Result<Config, Error> {
        let bad = |problem: &str| Error::File { name: "config.json".into(), problem: problem.into() };
        let parsed = serde_json::from_str(text);
        let mut values: Map<String, Value> = parsed.map_err(|error| bad(&format!("is no JSON object: {error}")))?;
        let names =
            values.get("architectures").and_then(Value::as_array).ok_or_else(|| bad("names no architectures"))?;
        let architectures = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if let Some(Value::Object(text)) = values.remove("text_config") {
            values.extend(text);
        }
        Ok(Config { values, architectures })
    }

    /// The first of these keys that is there and not null.
    fn first(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().filter_map(|key| self.values.get(*key)).find(|value| !value.is_null())
    }

    /// A size.
    pub(crate) fn size(&self, keys: &[&str]) -> Option<u32> {
        u32::try_from(self.first(keys)?.as_u64()?).ok()
    }

    /// A number.
    pub(crate) fn number(&self, keys: &[&str]) -> Option<f32> {
        self.first(keys)?.as_f64().map(|number| number as f32)
    }

    /// True if a switch is on.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.first(&[key]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A part of the description.
    pub(super) fn part(&self, key: &str) -> Option<Part<'_>> {
        self.first(&[key])?.as_object().map(Part)
    }

    /// Settings of rotation: in one place now, in two before.
    pub(crate) fn rotation(&self) -> Rotation<'_> {
        let part = self.part("rope_parameters").or_else(|| self.part("rope_scaling"));
        let inner = |key: &str| part.and_then(|part| part.0.get(key)).and_then(Value::as_object).map(Part);
        let all = inner("full_attention").or(part);
        let of = |part: Option<Part<'_>>| part.and_then(|part| part.number("rope_theta"));
        Rotation {
            base: of(all).or_else(|| self.number(&["rope_theta"])),
            local_base: of(inner("sliding_attention")).or_else(|| self.number(&["rope_local_base_freq"])),
            scaling: all,
        }
    }
}

/// A part of the description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'c>(&'c Map<String, Value>);

impl<'c> Part<'c> {
    /// A number.
    pub(crate) fn number(self, key: &str) -> Option<f32> {
        self.0.get(key)?.as_f64().map(|number| number as f32)
    }

    /// A word.
    pub(crate) fn word(self, key: &str) -> Option<&'c str> {
        self.0.get(key)?.as_str()
    }
}

/// Rotation of positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation<'c> {
    /// Base of the frequencies.
    pub(crate) base: Option<f32>,
    /// That of layers that see a window.
    pub(crate) local_base: Option<f32>,
    /// Scaling of frequencies for long contexts.
    pub(crate) scaling: Option<Part<'c>>,
}

impl<'c> Rotation<'c> {
    /// The kind of stretching; `None` for none.
    pub(crate) fn kind(&self) -> Option<&'c str> {
        let kind = self.scaling.and_then(|part| part.word("rope_type").or_else(|| part.word("type")));
        kind.filter(|kind| *kind != "default")
    }
}
