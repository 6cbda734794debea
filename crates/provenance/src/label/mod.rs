//! Labels for generated content by the Chinese labelling measures in force since September 2025 (GB 45438-2025).
//!
//! Two labels exist: an explicit one that a person sees ([`document::NOTICE`]), and an implicit one in the metadata, the
//! object [`Aigc`]. The facts were gathered from public code and guides that quote the standard, not from the standard's
//! own text, and none of this is legal advice.

pub mod document;
mod producer;
#[cfg(test)]
mod tests;

pub use producer::check_producer;

use serde::{Deserialize, Serialize};

/// Most bytes of a field.
pub const MAX_FIELD_BYTES: usize = 512;

/// Certainty that content was generated (annex E: `Label`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certainty {
    /// It was.
    #[serde(rename = "1")]
    Generated,
    /// It may have been.
    #[serde(rename = "2")]
    Possible,
    /// There are signs that it was.
    #[serde(rename = "3")]
    Suspected,
}

/// The implicit label (annex E). All values are strings of visible ASCII characters without `"` and `\`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Aigc {
    /// Certainty that the content was generated.
    pub label: Certainty,
    /// Producer: a name, or a code of 27 characters.
    pub content_producer: String,
    /// The producer's own number of the content; here the answer's identifier.
    #[serde(rename = "ProduceID")]
    pub produce_id: String,
    /// For the producer's security data: the digest of the answer's receipt, or nothing.
    #[serde(default)]
    pub reserved_code1: String,
    /// Propagator.
    #[serde(default)]
    pub content_propagator: String,
    /// The propagator's own number of the content.
    #[serde(rename = "PropagateID", default)]
    pub propagate_id: String,
    /// For the propagator's security data; empty here.
    #[serde(default)]
    pub reserved_code2: String,
}

/// Fault of a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field that must be there is empty.
    #[error("the label's {0} is empty: the operator of the service must state it")]
    Empty(&'static str),
    /// A field is too long.
    #[error("the label's {name} has {length} bytes, more than {MAX_FIELD_BYTES}")]
    TooLong {
        /// Which.
        name: &'static str,
        /// Its length.
        length: usize,
    },
    /// A field has a character that labels cannot hold.
    #[error(
        "the label's {name} has the character {character:?}: only visible ASCII without quotation marks and backslashes \
             is allowed, so no spaces and no Chinese"
    )]
    Character {
        /// Which.
        name: &'static str,
        /// The character.
        character: char,
    },
    /// A code of 27 characters that is none.
    #[error("the producer {code} looks like a code of 27 characters, but {problem}")]
    Code {
        /// The code.
        code: String,
        /// Reason why it is none.
        problem: &'static str,
    },
    /// A document without a label, or with a broken one.
    #[error("{0}")]
    Document(String),
}

impl Aigc {
    /// The label of content that this program generated. The one who runs it is also the one who passes it on.
    ///
    /// # Errors
    /// A producer or identifier that a label cannot hold.
    pub fn generated(producer: &str, id: &str) -> Result<Self, Error> {
        check_producer(producer)?;
        let label = Self {
            label: Certainty::Generated,
            content_producer: producer.to_owned(),
            produce_id: id.to_owned(),
            reserved_code1: String::new(),
            content_propagator: producer.to_owned(),
            propagate_id: id.to_owned(),
            reserved_code2: String::new(),
        };
        label.validate()?;
        Ok(label)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, value) in self.fields() {
            check_field(name, value)?;
        }
        for (name, value) in [("ContentProducer", &self.content_producer), ("ProduceID", &self.produce_id)] {
            if value.is_empty() {
                return Err(Error::Empty(name));
            }
        }
        check_producer(&self.content_producer)
    }

    /// The fields after `Label`, in the standard's order.
    fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("ContentProducer", &self.content_producer),
            ("ProduceID", &self.produce_id),
            ("ReservedCode1", &self.reserved_code1),
            ("ContentPropagator", &self.content_propagator),
            ("PropagateID", &self.propagate_id),
            ("ReservedCode2", &self.reserved_code2),
        ]
    }
}

fn check_field(name: &'static str, value: &str) -> Result<(), Error> {
    if value.len() > MAX_FIELD_BYTES {
        return Err(Error::TooLong { name, length: value.len() });
    }
    match value.chars().find(|c| !matches!(c, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e')) {
        Some(character) => Err(Error::Character { name, character }),
        None => Ok(()),
    }
}
