//! `hefu export`: an answer as a document that carries the labels of generated content.

use crate::failure::Failure;
use crate::flags::LabelArguments;
use crate::output::{piped_input, print, text_file};
use clap::Args;
use hefu_proof::{Digest, Receipt};
use hefu_provenance::label::{Aigc, document};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Write an answer or a conversation as a Markdown document, labelled if asked
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the JSON of `hefu run --json`, an answer of the server (chat completions), or an object with messages. With --label cn the \
document carries a visible notice and a metadata block (GB 45438-2025).

Examples:
  hefu run --json \"Write a poem\" | hefu export --label cn --label-producer my-company > poem.md
  hefu run --json --receipt r.json \"Write a poem\" | hefu export --receipt r.json --label cn --label-producer my-company
  hefu export answer.json --output answer.md")]
pub(crate) struct Arguments {
    /// The JSON file [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Where the document goes [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The answer's receipt: the label then names the answer by its id and holds the receipt's digest
    #[arg(long, value_name = "FILE", requires = "label")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    label: LabelArguments,
}

/// Carries the command out.
///
/// # Errors
/// JSON that holds no answer, or a label that cannot be made.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let producer = arguments.label.producer()?;
    let text = match &arguments.file {
        Some(path) => Some(text_file(path)?),
        None => piped_input()?,
    };
    let text = text.ok_or_else(|| Failure::Usage("name a JSON file, or pipe one in".to_owned()))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| Failure::Other(format!("the input is no JSON: {error}")))?;
    let body = body(&value).ok_or_else(|| {
        Failure::Other("the input holds no answer: neither text, nor choices, nor messages were found".to_owned())
    })?;
    let document = match producer {
        Some(producer) => {
            let receipt = arguments.receipt.as_deref().map(|path| receipt_of(&body, path)).transpose()?;
            let id = receipt.as_ref().map_or_else(|| identifier(&value), |receipt| receipt.answer().id.clone());
            let label = Aigc::generated(producer, &id).map_err(|error| Failure::Usage(error.to_string()))?;
            let reserved_code1 = receipt.map(|receipt| receipt.digest().to_string()).unwrap_or_default();
            document::write(&body, &Aigc { reserved_code1, ..label })
        }
        None => format!("{}\n", body.trim_end()),
    };
    match &arguments.output {
        Some(path) => std::fs::write(path, document).map_err(|error| Failure::file("write", path, error)),
        None => print(&document),
    }
}

/// The receipt in a file, which must be of this text.
fn receipt_of(text: &str, path: &Path) -> Result<Receipt, Failure> {
    let wrong = |reason: String| Failure::Other(format!("{}: {reason}", path.display()));
    let receipt = Receipt::parse(&text_file(path)?).map_err(|error| wrong(error.to_string()))?;
    match receipt.answer().text_digest {
        Some(digest) if digest == Digest::of(&[text.as_bytes()]) => Ok(receipt),
        Some(_) => Err(wrong("it is the receipt of another text".to_owned())),
        None => Err(wrong("it does not state the digest of its answer's text, so it may be of another".to_owned())),
    }
}

/// The text of an answer, of the first choice of an answer, or of a conversation.
fn body(value: &Value) -> Option<String> {
    let choice = value.pointer("/choices/0/message/content").or_else(|| value.pointer("/choices/0/text"));
    if let Some(text) = value.get("text").or(choice).and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let mut body = String::new();
    for message in value.get("messages").and_then(Value::as_array)? {
        let part = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = write!(body, "## {}\n\n{}\n\n", part("role"), part("content"));
    }
    Some(body)
}

/// The answer's own identifier, or one that follows from its content.
fn identifier(value: &Value) -> String {
    use sha2::{Digest, Sha256};
    let own = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    own.map(ToOwned::to_owned).unwrap_or_else(|| {
        let mut digits = crate::units::hex(&Sha256::digest(value.to_string()));
        digits.truncate(32);
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_answer_is_found() {
        assert_eq!(body(&json!({"text": "a"})).as_deref(), Some("a"));
        assert_eq!(body(&json!({"choices": [{"message": {"content": "b"}}]})).as_deref(), Some("b"));
        assert_eq!(body(&json!({"choices": [{"text": "c"}]})).as_deref(), Some("c"));
        let messages = json!({"messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(body(&messages).as_deref(), Some("## user\n\nhi\n\n"));
        assert_eq!(body(&json!({"error": "x"})), None);
    }

    #[test]
    fn identifiers_follow_from_the_content() {
        assert_eq!(identifier(&json!({"id": "x"})), "x");
        let (a, b) = (identifier(&json!({"text": "a"})), identifier(&json!({"text": "b"})));
        assert!(a.len() == 32 && a != b && a == identifier(&json!({"text": "a"})));
    }
}
