//! Answers made again from their receipts.

use std::sync::Arc;
use std::time::Duration;

use hefu_cpu::Pool;
use hefu_cpu::select::best;
use hefu_engine::scheduler::{Event, Limits, Paged, Scheduler};
use hefu_engine::verification::{Candidate, Difference, How, Verdict};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::Model;
use hefu_numerics::kv::{PAGE, Profile};
use hefu_proof::{Answer, Digest, FingerprintInput, Receipt};
use serde_json::{Value, json};

use crate::model::{load, read};

/// Positions of a prompt that are computed at once.
const CHUNK: usize = 64;

/// Prints for each receipt how far its tokens were made again, and the verdict; whether all match.
///
/// # Errors
/// A model that cannot be read or run.
pub(crate) fn run(model: &str, receipts: &[&str]) -> Result<bool, String> {
    let bytes = read(model)?;
    let digest = Digest::of(&[&bytes]).to_string();
    let gguf = Gguf::parse(&[&bytes]).map_err(|error| error.to_string())?;
    crate::say(&json!({"model": model, "sha256": digest, "isa": best().name}));
    let mut all_match = true;
    for name in receipts {
        let verdict = match examine(&gguf, &digest, &read(name)?, name) {
            Ok(verdict) => verdict,
            Err(sentence) => json!({"verdict": "refused", "because": sentence}),
        };
        all_match &= verdict["verdict"] == "matches";
        crate::say(&with(&json!({"receipt": name}), verdict));
    }
    Ok(all_match)
}

/// The verdict on one receipt.
fn examine(gguf: &Gguf<'_>, digest: &str, bytes: &[u8], name: &str) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let receipt = Receipt::parse(text).map_err(|error| error.to_string())?;
    let answer = receipt.answer();
    if answer.grammar.is_some() {
        return Err("it is of an answer under a grammar, which the program itself verifies".to_owned());
    }
    let options = options(gguf, digest, answer)?;
    let claim = answer.claim(None, CHUNK)?;
    let spelled = spelled(gguf);
    crate::say(&json!({
        "receipt": name,
        "key": receipt.key().to_string(),
        "fingerprint": answer.fingerprint,
        "prompt": claim.request.prompt.iter().map(|&id| token(&spelled, id)).collect::<Vec<_>>(),
        "output": answer.output.iter().map(|&id| token(&spelled, id)).collect::<Vec<_>>(),
    }));
    let model = load(gguf, &options, best().device(Arc::new(Pool::new(threads()))))?;
    let before = claim.request.prompt.len().saturating_sub(1);
    let capacity = (claim.request.prompt.len() + claim.output.len()).clamp(1, model.program.context);
    let verdict = verdict(&model, claim.job(None, How::Steps), capacity, &mut |done| {
        crate::say(&json!({"receipt": name, "fitting": done.saturating_sub(before)}));
    })?;
    Ok(words(&verdict, &spelled))
}

/// Lets a job run to its end. `progress` is told how many positions were examined.
fn verdict(
    model: &Model,
    job: hefu_engine::scheduler::Job,
    capacity: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Verdict, String> {
    let paged = Paged::new(model, capacity, capacity.div_ceil(PAGE), 1).map_err(|error| error.to_string())?;
    let limits = Limits { step_tokens: CHUNK, prefix_reuse: false, ..Limits::default() };
    let mut scheduler = Scheduler::new(paged, limits);
    scheduler.submit(job, Duration::ZERO).map_err(|refusal| refusal.to_string())?;
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            match update.event {
                Event::Prefill { done, .. } => progress(done),
                Event::Verdict(verdict) => return Ok(verdict),
                Event::Failed(failure) => return Err(failure.to_string()),
                _ => {}
            }
        }
    }
    Err("the examination ended without a verdict; this is a fault of the program".to_owned())
}

/// How the model is to be loaded to have the answer's fingerprint.
fn options(gguf: &Gguf<'_>, digest: &str, answer: &Answer) -> Result<LoadOptions, String> {
    let most = ModelSpec::context_length(gguf).map_err(|error| error.to_string())?;
    for cache in Profile::ALL {
        let options = LoadOptions { context: Some(answer.context.clamp(1, most)), cache, guessing: false };
        let spec = ModelSpec::read(gguf, &options).map_err(|error| error.to_string())?;
        let input = FingerprintInput {
            contract: hefu_numerics::CONTRACT_VERSION,
            files: vec![digest.to_owned()],
            cache: cache.name(),
            variants: spec.program.variants.clone(),
        };
        if input.fingerprint().to_string() == answer.fingerprint {
            return Ok(options);
        }
    }
    Err(format!("this is not the model of the answer, whose fingerprint is {}", answer.fingerprint))
}

/// Threads to compute with: one where the system has none.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Tokens as the file spells them.
fn spelled(gguf: &Gguf<'_>) -> Vec<String> {
    let tokens = gguf.metadata().strings("tokenizer.ggml.tokens").ok().flatten();
    tokens.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn token(spelled: &[String], id: u32) -> Value {
    json!({"id": id, "text": spelled.get(id as usize)})
}

fn words(verdict: &Verdict, spelled: &[String]) -> Value {
    let candidate = |candidate: &Candidate| with(&token(spelled, candidate.id), json!({"logit": candidate.logit}));
    match verdict {
        Verdict::Matches { chosen, .. } => json!({"verdict": "matches", "tokens": chosen}),
        Verdict::EndsOtherwise(sentence) => json!({"verdict": "ends otherwise", "because": sentence}),
        Verdict::Differs(Difference { index, position, claimed, chosen, .. }) => json!({
            "verdict": "differs",
            "index": index,
            "position": position,
            "claimed": candidate(claimed),
            "chosen": chosen.as_ref().map(candidate),
        }),
    }
}

/// The fields of both objects.
fn with(first: &Value, second: Value) -> Value {
    let mut all = first.clone();
    if let (Some(all), Value::Object(second)) = (all.as_object_mut(), second) {
        all.extend(second);
    }
    all
}
