//! The conformance list and receipts, examined with the least code.
//!
//! ```text
//! hefu-check conformance                    the conformance list on every instruction set of this machine
//! hefu-check logits TOKENS.txt MODEL...     a digest of every tiny model's logits on every instruction set
//! hefu-check verify MODEL RECEIPT...        whether answers are those that their receipts say, token by token
//! hefu-check answer MODEL SEED COUNT ID...  an answer of COUNT tokens to a prompt of these tokens, as a receipt
//! ```
//!
//! No network, no text, no settings, no C: so it is built for any chip that Rust knows, runs in an emulator (`cargo xtask
//! chips`), and as WebAssembly in a tab of a browser (`cargo xtask tab`), where files come from whoever chose them. What it
//! prints is a line of JSON for each thing that was found.

mod answer;
mod conformance;
mod logits;
mod model;
mod verify;

use std::process::ExitCode;

/// Usage.
const USAGE: &str = "hefu-check conformance | logits TOKENS.txt MODEL.gguf... | verify MODEL.gguf RECEIPT.json... | \
                     answer MODEL.gguf SEED COUNT TOKEN-ID...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_right = match words[..] {
        ["conformance"] => conformance::run(),
        ["logits", tokens, ref models @ ..] if !models.is_empty() => logits::run(tokens, models),
        ["answer", model, ref numbers @ ..] => answer::run(model, numbers),
        ["verify", model, ref receipts @ ..] if !receipts.is_empty() => verify::run(model, receipts),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match is_right {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("hefu-check: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one finding.
fn say(finding: &serde_json::Value) {
    println!("{finding}");
}
