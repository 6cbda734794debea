//! Digests of all logits of a text.

use std::sync::Arc;

use hefu_cpu::select::available;
use hefu_model::LoadOptions;
use hefu_model::gguf::Gguf;
use hefu_numerics::device::{Batch, Device, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::Entry;
use hefu_numerics::team::Alone;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::model::{load, read};

/// Tokens of the first pass: the others follow one by one, as in an answer.
const AT_ONCE: usize = 48;

/// Prints for each model and instruction set the digest of all logits of the text whose tokens are in a file; whether all
/// instruction sets give the same.
///
/// # Errors
/// A file that cannot be read or run.
pub(crate) fn run(tokens: &str, models: &[&str]) -> Result<bool, String> {
    let text = String::from_utf8(read(tokens)?).map_err(|_| format!("{tokens} is no text"))?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
    let tokens = numbers.map_err(|error| format!("{tokens}: a token's number cannot be read: {error}"))?;
    let mut is_right = true;
    for path in models {
        let bytes = read(path)?;
        let mut first = None;
        for isa in available() {
            let found =
                digest(&bytes, &tokens, isa.device(Arc::new(Alone))).map_err(|error| format!("{path}: {error}"))?;
            is_right &= *first.get_or_insert_with(|| found.clone()) == found;
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            crate::say(&json!({"model": name, "isa": isa.name, "logits": found}));
        }
    }
    Ok(is_right)
}

/// SHA-256 of the logits of all positions, or of the vectors of a model that only embeds, as little-endian binary32.
fn digest(file: &[u8], tokens: &[u32], device: Arc<dyn Device>) -> Result<String, String> {
    let gguf = Gguf::parse(&[file]).map_err(|error| error.to_string())?;
    let model = load(&gguf, &LoadOptions::default(), device)?;
    let program = &model.program;
    let entry = if program.section(Entry::Logits).is_some() { Entry::Logits } else { Entry::Hidden };
    let tokens: Vec<u32> = tokens.iter().map(|token| token % program.vocabulary.max(1) as u32).collect();
    let pages: Vec<u32> = (0..tokens.len().div_ceil(PAGE) as u32).rev().collect();
    let size = Size { pages: pages.len(), slots: 1, rows: tokens.len(), head_rows: tokens.len() };
    let mut executable = model.compile(&size).map_err(|error| error.to_string())?;
    let tables = vec![&pages[..]; program.groups()];
    // A model that reads a text as a whole takes all of it at once.
    let at_once = if entry == Entry::Logits { AT_ONCE.min(tokens.len()) } else { tokens.len() };
    let mut hasher = Sha256::new();
    let mut position = 0;
    while position < tokens.len() {
        let count = if position == 0 { at_once } else { 1 };
        let slots =
            (program.slot_numbers() > 0).then_some(Slots { read: (position > 0).then_some(0), write: 0, keep: &[] });
        let span = Span { rows: 0..count, position, wanted: 0..count, tables: &tables, slots, second: None };
        let batch = Batch { tokens: &tokens[position..position + count], spans: &[span], inputs: &[] };
        executable.run(&batch).map_err(|error| error.to_string())?;
        let found = executable.head(entry, 0..count).map_err(|error| error.to_string())?;
        found.iter().for_each(|number| hasher.update(number.to_bits().to_le_bytes()));
        position += count;
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
