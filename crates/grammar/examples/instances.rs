//! Instances that a JSON schema admits, for tests by third-party validators.
//!
//! ```text
//! cargo run --release -p hefu-grammar --example instances
//! ```
//!
//! Reads a line of JSON for each schema: `{"schema": …, "texts": […], "walks": N}`. Writes a line for each:
//! `{"refused": "why"}` if the schema is not honoured, else `{"allowed": […], "made": […], "unfinished": N}`: which of the
//! texts the masks let through from beginning to end, and N answers made by choosing among the bytes that the masks
//! allow, less those that did not come to an end.

use hefu_engine::constraint::Constraint;
use hefu_engine::sampling::TokenMask;
use hefu_grammar::{Grammars, Spec};
use hefu_text::tokenizer::{Kind, TokenType, Tokenizer, Vocabulary};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// Bytes after which an answer is brought to its end.
const LONG: usize = 120;
/// Bytes after which an answer is given up.
const TOO_LONG: usize = 600;
/// The token of byte 0: after the end and the unknown one.
const FIRST: u32 = 2;

#[derive(Deserialize)]
struct Asked {
    schema: Value,
    texts: Vec<String>,
    walks: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Refused { refused: String },
    Honoured { allowed: Vec<bool>, made: Vec<String>, unfinished: usize },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let grammars = Grammars::new(Arc::new(Tokenizer::new(bytes_alone())?))?;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let asked: Asked = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut output, &answer(&grammars, asked)?)?;
        writeln!(output)?;
    }
    Ok(())
}

/// A vocabulary of the 256 bytes.
fn bytes_alone() -> Vocabulary {
    let names = ["<unk>".to_owned(), "</s>".to_owned()];
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    let types = [TokenType::Unknown, TokenType::Control];
    Vocabulary {
        tokens: names.into_iter().chain(bytes).collect(),
        types: types.into_iter().chain([TokenType::Byte; 256]).collect(),
        scores: vec![0.0; 258],
        eos: Some(1),
        unknown: Some(0),
        ends: vec![1],
        ..Vocabulary::empty(Kind::SentencePiece)
    }
}

fn answer(grammars: &Grammars, asked: Asked) -> Result<Answer, Box<dyn std::error::Error>> {
    let spec = Spec::JsonSchema(asked.schema);
    let mut texts = Vec::new();
    for text in asked.texts {
        let mut constraint = match grammars.constraint(&spec) {
            Ok(constraint) => constraint,
            Err(error) => return Ok(Answer::Refused { refused: error.to_string() }),
        };
        texts.push(allows(&mut *constraint, &text));
    }
    let mut made = Vec::new();
    for seed in 0..asked.walks {
        match grammars.constraint(&spec) {
            Ok(mut constraint) => made.extend(walk(&mut *constraint, seed)?),
            Err(error) => return Ok(Answer::Refused { refused: error.to_string() }),
        }
    }
    let unfinished = asked.walks as usize - made.len();
    Ok(Answer::Honoured { allowed: texts, made, unfinished })
}

/// True if an answer may be this text.
fn allows(constraint: &mut dyn Constraint, text: &str) -> bool {
    text.bytes().all(|byte| constraint.accept(FIRST + u32::from(byte)).is_ok()) && constraint.may_end()
}

/// An answer made by chance; `None` if it does not come to an end.
fn walk(constraint: &mut dyn Constraint, seed: u64) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    let mut chance = move |below: usize| {
        // A linear congruential generator's high bits.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut text = Vec::new();
    while text.len() < TOO_LONG {
        let is_long = text.len() >= LONG;
        if constraint.may_end() && (is_long || chance(4) == 0) {
            return Ok(Some(String::from_utf8(text)?));
        }
        let Some(mask) = constraint.mask()? else { break };
        let allowed: Vec<u8> = (0..=255).filter(|&byte| allows_byte(&mask, byte)).collect();
        // Ends of texts and containers are a few among many bytes, and spaces are of no interest.
        let closing: Vec<u8> = allowed.iter().copied().filter(|byte| b"\"}]".contains(byte)).collect();
        let ascii: Vec<u8> = allowed.iter().copied().filter(|byte| (b'!'..=b'~').contains(byte)).collect();
        let among = match () {
            () if !closing.is_empty() && (is_long || chance(4) == 0) => closing,
            () if !ascii.is_empty() && chance(20) > 0 => ascii,
            () => allowed,
        };
        if among.is_empty() {
            break;
        }
        let byte = among[chance(among.len())];
        constraint.accept(FIRST + u32::from(byte))?;
        text.push(byte);
    }
    Ok(constraint.may_end().then(|| String::from_utf8_lossy(&text).into_owned()))
}

fn allows_byte(mask: &TokenMask, byte: u8) -> bool {
    mask.allows(FIRST + u32::from(byte))
}
