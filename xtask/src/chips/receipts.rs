//! Receipts that this machine makes, for the others to judge, and those that they make, for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::build::Runner;

/// Prompt to the tiny models.
const PROMPT: &str = "the end of the in and the other";
/// Their names: dense, of large blocks, with experts, with recurrent states, with latent attention.
const TINY: &[&str] =
    &["tiny-llama", "tiny-llama-q4_k", "tiny-gemma3", "tiny-qwen3moe", "tiny-qwen35", "tiny-deepseek2"];
/// Tokens of their answers.
const TOKENS: &str = "16";
/// The real model, by the beginning of its file's name in the folder `HEFU_MODELS`, its tokens, and what it is asked.
const REAL: (&str, &str, &str) = ("gemma-3-270m", "8", "The capital of France is");

/// A receipt.
pub(super) struct Made {
    /// Its subject, for people.
    pub(super) name: String,
    pub(super) model: String,
    pub(super) receipt: String,
    /// The tokens of its prompt.
    prompt: Vec<String>,
    seed: String,
    /// True if it is the real model's.
    pub(super) is_real: bool,
}

/// Has the program answer and write receipts; none, and a line that says so, without the program.
///
/// # Errors
/// If it fails.
pub(super) fn make(root: &Path, hefu: Option<&str>) -> Result<Vec<Made>, String> {
    let program = program(root, hefu);
    if !program.is_file() {
        println!("no receipts: there is no {}; build it, or name it with --hefu", program.display());
        return Ok(Vec::new());
    }
    let folder = root.join("target/chips");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let tiny = TINY.iter().map(|name| (root.join(format!("golden/models/{name}.gguf")), TOKENS, PROMPT, false));
    let real = real().map(|path| (path, REAL.1, REAL.2, true));
    let mut made = Vec::new();
    for (number, (model, tokens, prompt, is_real)) in tiny.chain(real).enumerate() {
        let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let receipt = folder.join(format!("{name}.receipt.json"));
        let done = Command::new(&program)
            .env("HEFU_HOME", folder.join("identity"))
            .args(["run", "--raw", "--seed", &number.to_string(), "-n", tokens, "--model"])
            .arg(&model)
            .arg("--receipt")
            .arg(&receipt)
            .args(["--trace", prompt])
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        if !done.status.success() {
            return Err(format!("no receipt of {name}: {}", String::from_utf8_lossy(&done.stderr).trim()));
        }
        let (model, receipt) = (model.display().to_string(), receipt.display().to_string());
        let prompt = prompt_of(&receipt)?;
        made.push(Made { name, model, receipt, prompt, seed: number.to_string(), is_real });
    }
    Ok(made)
}

/// The tokens of a receipt's prompt.
fn prompt_of(receipt: &str) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(receipt).map_err(|error| format!("{receipt} cannot be read: {error}"))?;
    let receipt: Value = serde_json::from_str(&text).map_err(|error| format!("{receipt} is no receipt: {error}"))?;
    let tokens = receipt["answer"]["prompt"]["tokens"].as_array();
    Ok(tokens.into_iter().flatten().map(Value::to_string).collect())
}

/// Has a chip answer what this receipt answers, and the program of this machine judge it: what is wrong with it, if anything.
pub(super) fn other_way(root: &Path, hefu: Option<&str>, chip: &Runner, made: &Made) -> Result<(), String> {
    let mut arguments = vec!["answer".to_owned(), made.model.clone(), made.seed.clone(), TOKENS.to_owned()];
    arguments.extend(made.prompt.iter().cloned());
    let path = root.join("target/chips").join(format!("{}.of-a-chip.json", made.name));
    let written = std::fs::write(&path, chip.call(&arguments)?);
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    let done = Command::new(program(root, hefu))
        .args(["verify", "--trace", "--model", &made.model])
        .arg(&path)
        .output()
        .map_err(|error| format!("the program cannot be run: {error}"))?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stdout).trim().to_owned()) }
}

/// The program that makes and judges receipts here.
fn program(root: &Path, hefu: Option<&str>) -> PathBuf {
    hefu.map_or_else(|| root.join("target/release/hefu"), PathBuf::from)
}

/// The real model's file, if it is there.
fn real() -> Option<PathBuf> {
    let folder = std::env::var_os("HEFU_MODELS")?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(REAL.0) && name.ends_with(".gguf")
    })
}
