//! Receipts that this machine makes, for the others to judge.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is answered by the tiny models.
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
    /// What it is of, for people.
    pub(super) name: String,
    pub(super) model: String,
    pub(super) receipt: String,
    /// Whether it is the real model's.
    pub(super) is_real: bool,
}

/// Has the program answer and write receipts; none, and a line that says so, without the program.
///
/// # Errors
/// If it fails.
pub(super) fn make(root: &Path, hefu: Option<&str>) -> Result<Vec<Made>, String> {
    let program = hefu.map_or_else(|| root.join("target/release/hefu"), PathBuf::from);
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
            .arg(prompt)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        if !done.status.success() {
            return Err(format!("no receipt of {name}: {}", String::from_utf8_lossy(&done.stderr).trim()));
        }
        let (model, receipt) = (model.display().to_string(), receipt.display().to_string());
        made.push(Made { name, model, receipt, is_real });
    }
    Ok(made)
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
