//! Sources: the places that a file may come from. Each kind is one file here and one line in [`SOURCE_KINDS`]; the
//! parser, the help text and the error for an unknown source all go over that slice.

pub(crate) mod hub;
mod hugging_face;
mod modelscope;
mod path;
mod pip;
mod repository;
mod web;
mod wheel;

use crate::error::StoreError;
use crate::options::PullOptions;
use crate::partial::Partial;
use crate::progress::Meter;

/// A kind of source: what it looks like and how to read it.
pub struct SourceKind {
    /// Its form, with parts in capitals.
    pub form: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// True if a text is meant to be of this kind, well-formed or not.
    claims: fn(&str) -> bool,
    /// Reads a text that is meant to be of this kind.
    parse: fn(&str) -> Result<Box<dyn Source>, String>,
}

/// Every kind of source, in the order in which they are asked whether a text is theirs.
pub const SOURCE_KINDS: &[SourceKind] = &[hugging_face::KIND, modelscope::KIND, pip::KIND, web::KIND, path::KIND];

/// Words for a source that gave something else, as part of a sentence.
pub(crate) const NO_MODEL: &str = "gave something that is not a GGUF file";

/// Bytes by which a model's file is known.
const MAGIC_BYTES: u64 = 4;
/// Bytes after which the caller sees how a file begins: enough for its metadata, the vocabulary above all.
const HEAD_BYTES: u64 = 16 << 20;

/// Reason why a source gave no file.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// The source is at fault; the next one may do better.
    Source(String),
    /// The store is at fault, or the caller wants to stop: no other source would help.
    Store(StoreError),
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Job of a source.
pub(crate) struct Job<'a, 'b> {
    /// Takes the bytes; may hold some from before.
    pub(crate) partial: &'a mut Partial,
    pub(crate) options: &'a PullOptions,
    pub(crate) meter: &'a mut Meter<'b>,
    /// The source as written, for notices.
    pub(crate) spec: &'a str,
}

impl Job<'_, '_> {
    /// Appends bytes. A file that begins as no model does is refused once that is known, and nothing of it is kept.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        let is_start = self.partial.length() < MAGIC_BYTES;
        self.partial.append(bytes)?;
        if is_start && !self.partial.may_be_model() {
            self.partial.restart()?;
            return Err(FetchError::Source(NO_MODEL.to_owned()));
        }
        if self.meter.inspects
            && self.partial.length() >= HEAD_BYTES
            && let Some(total) = self.partial.total()
        {
            self.meter.begins(self.partial.path(), total)?;
        }
        Ok(())
    }
}

/// A place that can give one file.
pub(crate) trait Source: std::fmt::Debug {
    /// The name of the file as this place knows it.
    fn file_name(&self) -> String;

    /// Appends the file's bytes to the partial file until it is complete, going on where it stands if possible.
    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError>;
}

/// True if a text is meant as a source that is elsewhere: no name of a model, and no path.
pub(crate) fn is_remote(spec: &str) -> bool {
    let spec = hub::plain(spec);
    let kind = SOURCE_KINDS.iter().find(|kind| (kind.claims)(&spec));
    kind.is_some_and(|kind| kind.form != path::KIND.form)
}

/// True if a text is meant as a source (and not as the name of a model).
pub(crate) fn is_source(spec: &str) -> bool {
    SOURCE_KINDS.iter().any(|kind| (kind.claims)(spec))
}

/// Reads a source.
pub(crate) fn parse(spec: &str) -> Result<Box<dyn Source>, StoreError> {
    let kind = SOURCE_KINDS.iter().find(|kind| (kind.claims)(spec));
    let parsed = match kind {
        Some(kind) => (kind.parse)(spec),
        None => {
            let forms: Vec<&str> = SOURCE_KINDS.iter().map(|kind| kind.form).collect();
            Err(format!("it has none of the forms {}", forms.join(", ")))
        }
    };
    parsed.map_err(|reason| StoreError::InvalidSource { spec: spec.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_claims_its_own() {
        for (spec, file) in [
            ("hf:o/r/f.gguf", "f.gguf"),
            ("hf:o/r/sub/f.gguf@main", "f.gguf"),
            ("ms:o/r/f.gguf", "f.gguf"),
            ("pip:a-part1,a-part2#*/data/*", "a"),
            ("https://example.org/x/f.gguf?download=true", "f.gguf"),
            ("./some/f.gguf", "f.gguf"),
            ("f.gguf", "f.gguf"),
        ] {
            assert!(is_source(spec), "{spec}");
            assert_eq!(parse(spec).unwrap().file_name(), file, "{spec}");
        }
        assert!(!is_source("qwen2.5-coder"));
    }

    #[test]
    fn malformed_sources_are_refused() {
        for spec in [
            "hf:",
            "hf:o/r",
            "hf:o/r/../f",
            "hf:o//f.gguf",
            "hf:o/r/f.gguf@",
            "hf:o/r/f?x.gguf",
            "ms:o",
            "pip:",
            "pip:a",
            "pip:#*",
            "pip:--index-url=x#*",
            "pip:a,,b#*",
            "pip:a b#*",
            "pip:a#",
            "pip:a#{x",
            "pip:https://example.org/x.whl#*",
            "https://",
            "https:///f.gguf",
            "https://user:secret@example.org/f.gguf",
            "https://example.org/",
            "ftp://example.org/f.gguf",
            "name",
        ] {
            assert!(parse(spec).is_err(), "{spec}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_source_or_an_error(text in "(hf:|ms:|pip:|https://|)\\PC{0,40}") {
            if let Ok(source) = parse(&text) {
                prop_assert!(!source.file_name().contains(['/', '\\']) || cfg!(unix));
            }
        }
    }
}
