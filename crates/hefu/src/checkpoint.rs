//! A folder of the hub as the GGUF file that somebody could have made of it: its beginning, and what had to be made.

use crate::failure::Failure;
use crate::memory::available_memory;
use crate::units;
use hefu_model::checkpoint::{Checkpoint, Place};
use hefu_model::gguf::write::Writer;
use hefu_model::gguf::{Kind, Value};
use hefu_text::tokenizer::Published;
use serde_json::Value as Json;

/// The file of a folder that says what the model is.
pub(crate) const CONFIG: &str = "config.json";

/// A folder's files: names and bytes.
pub(crate) struct Files<'f> {
    /// All of them.
    pub(crate) all: Vec<(&'f str, &'f [u8])>,
}

/// Stand-in for a GGUF file.
#[derive(Debug)]
pub(crate) struct Image {
    /// Keys and table.
    pub(crate) head: Vec<u8>,
    /// The bytes of tensors that cannot be used as they lie.
    pub(crate) made: Vec<u8>,
    /// Where each tensor of the table is: in `made` (0) or in a file of weights (1 and on), and from which byte on.
    pub(crate) places: Vec<(usize, usize)>,
}

impl<'f> Files<'f> {
    fn text(&self, name: &str) -> Result<Option<&'f str>, Failure> {
        let Some((_, bytes)) = self.all.iter().find(|(other, _)| *other == name) else { return Ok(None) };
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|_| Failure::Other(format!("{name} is not UTF-8 text")))
    }

    /// The files of weights, in order.
    fn weights(&self) -> Vec<(&'f str, &'f [u8])> {
        self.all.iter().filter(|(name, _)| name.ends_with(".safetensors")).copied().collect()
    }

    /// Reads the folder; `name` is what the model is called.
    ///
    /// # Errors
    /// Whatever is wrong with it, or too little memory for what has to be made.
    pub(crate) fn image(&self, name: &str) -> Result<Image, Failure> {
        let needed = |file: &str| self.text(file)?.ok_or_else(|| missing(file));
        let fault = |error: hefu_model::checkpoint::Error| Failure::Other(format!("{name}: {error}"));
        let checkpoint = Checkpoint::read(needed(CONFIG)?, &self.weights()).map_err(fault)?;
        let config = self.text("tokenizer_config.json")?;
        let read = Published::read(needed("tokenizer.json")?, config, checkpoint.vocabulary, checkpoint.ends);
        let mut published = read.map_err(|problem| Failure::Other(format!("{name}: {problem}")))?;
        if let Some(template) = self.text("chat_template.jinja")? {
            published.templates = vec![(None, template.to_owned())];
        }
        check_memory(name, checkpoint.made_bytes())?;
        let mut writer = Writer::new();
        writer.value("general.name", Value::String(name.as_bytes()));
        checkpoint.write(&mut writer);
        write_vocabulary(&published, &mut writer);
        write_sampling(self.text("generation_config.json")?, &mut writer);
        let (mut made, mut places) = (Vec::new(), Vec::new());
        for index in 0..checkpoint.len() {
            match checkpoint.place(index) {
                Place::File(file, offset) => places.push((file + 1, offset)),
                Place::Made => {
                    places.push((0, made.len()));
                    made.extend_from_slice(&checkpoint.bytes(index));
                }
            }
        }
        Ok(Image { head: writer.finish(), made, places })
    }
}

fn missing(file: &str) -> Failure {
    Failure::Other(format!("the folder has no {file}, which a model needs"))
}

fn check_memory(name: &str, bytes: u64) -> Result<(), Failure> {
    let available = available_memory().unwrap_or(u64::MAX);
    if bytes <= available {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "{name}: {} are needed to unpack its weights, but only {} of memory are available; use a GGUF file of the model",
        units::bytes(bytes),
        units::bytes(available)
    )))
}

fn write_vocabulary(published: &Published, writer: &mut Writer) {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    writer.value(&key("model"), Value::String(published.model.as_bytes()));
    writer.value(&key("pre"), Value::String(published.pre.as_bytes()));
    writer.strings(&key("tokens"), &published.tokens);
    writer.array(&key("token_type"), Kind::I32, published.types.iter().map(|kind| Value::I32(*kind)));
    if published.scores.is_empty() {
        writer.strings(&key("merges"), &published.merges);
    } else {
        writer.array(&key("scores"), Kind::F32, published.scores.iter().map(|score| Value::F32(*score)));
    }
    for (name, id) in &published.special {
        writer.value(&key(&format!("{name}_token_id")), Value::U32(*id));
    }
    for (name, adds) in ["add_bos_token", "add_eos_token"].into_iter().zip(published.adds) {
        adds.map(|adds| writer.value(&key(name), Value::Bool(adds)));
    }
    published.adds_space.map(|adds| writer.value(&key("add_space_prefix"), Value::Bool(adds)));
    let mut has_plain = false;
    for (name, text) in &published.templates {
        let key = match name {
            Some(name) => format!("tokenizer.chat_template.{name}"),
            None if has_plain => continue,
            None => "tokenizer.chat_template".to_owned(),
        };
        has_plain |= name.is_none();
        writer.value(&key, Value::String(text.as_bytes()));
    }
}

/// Writes the folder's recommendations for sampling.
fn write_sampling(config: Option<&str>, writer: &mut Writer) {
    let Some(Ok(Json::Object(config))) = config.map(serde_json::from_str) else { return };
    let pairs =
        [("temperature", "temp"), ("top_p", "top_p"), ("min_p", "min_p"), ("repetition_penalty", "penalty_repeat")];
    for (theirs, ours) in pairs {
        if let Some(number) = config.get(theirs).and_then(Json::as_f64) {
            writer.value(&format!("general.sampling.{ours}"), Value::F32(number as f32));
        }
    }
    if let Some(number) = config.get("top_k").and_then(Json::as_i64).and_then(|number| i32::try_from(number).ok()) {
        writer.value("general.sampling.top_k", Value::I32(number));
    }
}
