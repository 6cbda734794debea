//! What this instance signs of an answer: its own key and program, and the answer as a receipt states it.

use crate::answer::Answer;
use crate::digests;
use crate::failure::Failure;
use crate::home;
use crate::load::Loaded;
use hefu_engine::FinishReason;
use hefu_engine::sampling::Parameters;
use hefu_proof::canonical::canonical;
use hefu_proof::{Digest, Finish, Grammar, Identity, Prompt, Receipt, Software, new_id};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of the instance's key.
const KEY_FILE: &str = "identity.pem";

/// The key of this instance; made at its first use.
///
/// # Errors
/// If it cannot be read or written, or others can read it.
pub(crate) fn identity() -> Result<Identity, Failure> {
    let path = home::file(KEY_FILE)?;
    Identity::open_or_create(&path).map_err(|error| Failure::Other(error.to_string()))
}

/// The key of this instance, if it has one.
pub(crate) fn existing_identity() -> Option<Identity> {
    home::file(KEY_FILE).ok().and_then(|path| Identity::open(&path).ok())
}

/// This program, as receipts name it.
///
/// # Errors
/// If its own file cannot be read.
pub(crate) fn software() -> Result<Software, Failure> {
    let unknown = |error| Failure::Other(format!("the program cannot find its own file: {error}"));
    // Under this name Linux gives the file that is running, also after another was put in its place.
    let running = Path::new("/proc/self/exe");
    let path = if running.exists() { running.to_owned() } else { std::env::current_exe().map_err(unknown)? };
    let digest = digests::of_file(&path)?.parse().map_err(Failure::Other)?;
    Ok(Software { name: concat!("hefu ", env!("CARGO_PKG_VERSION")).to_owned(), digest })
}

/// Who signs the answers of a program that gives many.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The key.
    pub(crate) identity: Identity,
    /// The program.
    pub(crate) software: Software,
}

impl Signer {
    /// This instance.
    ///
    /// # Errors
    /// As [`identity`] and [`software`].
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { identity: identity()?, software: software()? })
    }
}

/// How an answer came to be asked for.
#[derive(Debug)]
pub(crate) struct ReceiptRequest {
    /// The prompt's tokens.
    pub(crate) prompt: Vec<u32>,
    /// How tokens were chosen.
    pub(crate) parameters: Parameters,
    /// Most tokens of the answer.
    pub(crate) max_tokens: Option<usize>,
    /// What the answer had to look like.
    pub(crate) grammar: Option<Grammar>,
    /// Keep the prompt to ourselves, and state its hash.
    pub(crate) hides_prompt: bool,
    /// When it was asked for, in milliseconds since 1970.
    pub(crate) started: u64,
    /// Texts at which the answer had to stop.
    pub(crate) stops: Vec<String>,
    /// Whether the model's template made the prompt.
    pub(crate) is_conversation: bool,
}

/// Signs an answer.
///
/// # Errors
/// No key, no program, or an answer that no receipt may hold.
pub(crate) fn sign(loaded: &Loaded, asked: ReceiptRequest, answer: &Answer) -> Result<Receipt, Failure> {
    let prompt = if asked.hides_prompt {
        Prompt::hidden(&asked.prompt).map_err(Failure::Other)?
    } else {
        Prompt::Tokens(asked.prompt)
    };
    let stated = hefu_proof::Answer {
        id: new_id().map_err(Failure::Other)?,
        started: Some(asked.started),
        time: now(),
        model: loaded.resolved.name.clone(),
        fingerprint: loaded.fingerprint()?.to_string(),
        software: software()?,
        prompt,
        parameters: chosen_by(&asked.parameters),
        end_tokens: loaded.tokenizer.vocabulary().ends.iter().copied().collect(),
        max_tokens: asked.max_tokens,
        context: loaded.context,
        grammar: asked.grammar,
        output: answer.choices.iter().map(|choice| choice.id).collect(),
        finish: finish(answer),
        text_digest: Some(Digest::of(&[answer.text.as_bytes()])),
        template_digest: loaded.template_digest.filter(|_| asked.is_conversation),
        stop_digest: stop_digest(&asked.stops).map_err(Failure::Other)?,
    };
    Receipt::sign(stated, &identity()?).map_err(|error| Failure::Other(format!("no receipt can be made: {error}")))
}

/// SHA-256 of the stop strings as a JSON list in canonical form, if there are any.
pub(crate) fn stop_digest(stops: &[String]) -> Result<Option<Digest>, String> {
    let text = (!stops.is_empty()).then(|| canonical(&stops)).transpose()?;
    Ok(text.map(|text| Digest::of(&[text.as_bytes()])))
}

/// Makes sure that a receipt can be written to this place, before there is an answer.
///
/// # Errors
/// If it cannot.
pub(crate) fn check_place(path: &Path) -> Result<(), Failure> {
    let is_new = !path.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| Failure::file("write the receipt to", path, error))?;
    if is_new {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// The settings by which tokens were chosen. Log-probabilities are a matter of the report; they choose no token.
pub(crate) fn chosen_by(parameters: &Parameters) -> Parameters {
    Parameters { logprobs: None, ..parameters.clone() }
}

/// Milliseconds since 1970 (UTC).
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn finish(answer: &Answer) -> Finish {
    match answer.finish {
        Some(FinishReason::EndToken) => Finish::EndToken,
        Some(FinishReason::MaxTokens) => Finish::MaxTokens,
        Some(FinishReason::Context) => Finish::Context,
        Some(FinishReason::Complete) => Finish::Complete,
        None if answer.finish_reason == "stop" => Finish::StopString,
        Some(FinishReason::Deadline) | None => Finish::Cancelled,
    }
}
