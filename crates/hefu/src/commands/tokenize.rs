//! `hefu tokenize`: text to token ids.

use crate::failure::Failure;
use crate::flags::ModelArguments;
use crate::models;
use crate::open::MappedModel;
use crate::output::{piped_input, print, print_json};
use clap::Args;
use hefu_text::tokenizer::{Special, Tokenizer};
use serde_json::{Value, json};

/// Turn text into token ids
///
/// One line per token: its id and its text. Only the tokeniser is read, the model itself is not loaded.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu tokenize \"合符 is a tally\"
  hefu tokenize --ids < prompt.txt
  hefu tokenize --special --json \"<|im_start|>user\"")]
pub(crate) struct Arguments {
    /// The text [default: standard input]
    #[arg(value_name = "TEXT")]
    text: Option<String>,

    /// Text that spells a special token becomes that token
    #[arg(long)]
    special: bool,

    /// Add the tokens that the model's vocabulary puts around a prompt
    #[arg(long)]
    bos: bool,

    /// Print the ids alone, on one line
    #[arg(long, conflicts_with = "json")]
    ids: bool,

    /// Print ids and pieces as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
}

/// Carries the command out.
///
/// # Errors
/// No text, or a model whose tokeniser cannot be had.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = match &arguments.text {
        Some(text) => text.clone(),
        None => piped_input()?.ok_or_else(|| {
            Failure::Usage("there is no text; give it as an argument or through standard input".to_owned())
        })?,
    };
    let opened = MappedModel::new(models::find(arguments.model.choice())?)?;
    let tokenizer = opened.tokenizer(&opened.gguf()?)?;
    let special = if arguments.special { Special::Parse } else { Special::Plain };
    let ids = if arguments.bos { tokenizer.encode_prompt(&text, special) } else { tokenizer.encode(&text, special) };
    if arguments.json {
        let pieces: Vec<Value> = ids.iter().map(|id| piece_json(&tokenizer, *id)).collect();
        return print_json(&json!({ "model": opened.model.name, "token_ids": ids, "pieces": pieces }));
    }
    if arguments.ids {
        let words: Vec<String> = ids.iter().map(u32::to_string).collect();
        return print(&format!("{}\n", words.join(" ")));
    }
    let line = |id: &u32| format!("{id:>7}  {}\n", shown(tokenizer.token_bytes(*id, true)));
    print(&ids.iter().map(line).collect::<String>())
}

/// The id, the text (with U+FFFD where a token is part of a character), and the bytes where it is.
fn piece_json(tokenizer: &Tokenizer, id: u32) -> Value {
    let bytes = tokenizer.token_bytes(id, true);
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "id": id, "text": text }),
        Err(_) => json!({ "id": id, "text": String::from_utf8_lossy(bytes), "bytes": bytes }),
    }
}

/// A piece on one line: quoted, control characters and parts of characters escaped.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                character if character.is_control() => text.extend(character.escape_default()),
                character => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_on_their_line() {
        assert_eq!(shown("合符 \"a\"\n\\".as_bytes()), r#""合符 \"a\"\n\\""#);
        assert_eq!(shown(b"a\xe5\x90"), r#""a\xe5\x90""#);
    }
}
