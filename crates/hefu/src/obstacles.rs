//! Everything that keeps a model from being run.

use crate::metadata::{self, OfFile};
use crate::open::MappedModel;
use hefu_model::gguf::{Gguf, Outline};
use hefu_model::{LoadOptions, ModelSpec};
use hefu_text::template::ChatTemplate;
use hefu_text::tokenizer::{Tokenizer, Vocabulary};

/// One sentence for each thing in the way; none for a model that runs.
pub(crate) fn find(opened: &MappedModel, outline: &Outline<'_>, options: &LoadOptions) -> Vec<String> {
    let mut found = Vec::new();
    let missing: Vec<String> = outline
        .formats()
        .filter(|(_, _, is_known)| !is_known)
        .map(|(name, count, _)| format!("{name} ({count} tensors)"))
        .collect();
    if !missing.is_empty() {
        found.push(format!("weight formats that are not supported: {}", missing.join(", ")));
    }
    match opened.gguf() {
        Ok(gguf) => program(&gguf, options, &mut found),
        Err(failure) if missing.is_empty() => found.push(failure.to_string()),
        Err(_) => {}
    }
    text(outline, &mut found);
    found
}

fn program(gguf: &Gguf<'_>, options: &LoadOptions, found: &mut Vec<String>) {
    found.extend(ModelSpec::read_any(gguf, options).err().map(|error| error.to_string()));
}

fn text(outline: &Outline<'_>, found: &mut Vec<String>) {
    let tokenizer = Vocabulary::from_metadata(&OfFile(outline.metadata())).and_then(Tokenizer::new);
    match tokenizer {
        Ok(tokenizer) => {
            let template = outline.metadata().string("tokenizer.chat_template").ok().flatten();
            let specials = metadata::specials(tokenizer.vocabulary());
            let template = template.map(|source| ChatTemplate::new(source, specials));
            found.extend(template.and_then(Result::err).map(|error| error.to_string()));
        }
        Err(error) => found.push(error.to_string()),
    }
}
