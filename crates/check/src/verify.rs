//! Answers made again from their receipts.

use std::sync::Arc;

use hefu_cpu::Pool;
use hefu_cpu::select::best;
use hefu_engine::scheduler::{Event, Job};
use hefu_engine::trace::Trace;
use hefu_engine::verification::{Candidate, Difference, How, Verdict};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::Model;
use hefu_numerics::kv::Profile;
use hefu_proof::{Answer, Digest, Receipt, TraceRoot};
use serde_json::{Value, json};

use crate::model::{CHUNK, carry_out, fingerprint, load, read, threads};

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
    answer.check_edits()?;
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
    let (job, traced) = (claim.job(None, How::Steps), answer.trace.is_some());
    let (verdict, trace) = verdict(&model, job, capacity, traced, &mut |done| {
        crate::say(&json!({"receipt": name, "fitting": done.saturating_sub(before)}));
    })?;
    let fits = |stated: &TraceRoot| TraceRoot::of(&trace.first(stated.positions)) == *stated;
    match answer.trace.as_ref().map(fits) {
        Some(false) if matches!(verdict, Verdict::Matches { .. }) => {
            Ok(json!({"verdict": "trace differs", "tokens": answer.output.len()}))
        }
        traced => Ok(with(&words(&verdict, &spelled), json!({"trace": traced}))),
    }
}

/// Lets a job run to its end. `progress` is told how many positions were examined.
fn verdict(
    model: &Model,
    job: Job,
    capacity: usize,
    traced: bool,
    progress: &mut dyn FnMut(usize),
) -> Result<(Verdict, Trace), String> {
    let (mut found, mut trace) = (None, Trace::default());
    carry_out(model, job, capacity, traced, &mut |event| {
        match event {
            Event::Prefill { done, .. } => progress(done),
            Event::Traced(piece) => trace.take(&piece),
            Event::Verdict(verdict) => found = Some(verdict),
            _ => {}
        }
        Ok(())
    })?;
    let none = "the examination ended without a verdict; this is a fault of the program";
    Ok((found.ok_or(none)?, trace))
}

/// Options of loading by which the model has the answer's fingerprint.
fn options(gguf: &Gguf<'_>, digest: &str, answer: &Answer) -> Result<LoadOptions, String> {
    let most = ModelSpec::context_length(gguf).map_err(|error| error.to_string())?;
    for cache in Profile::ALL {
        let options = LoadOptions { context: Some(answer.context.clamp(1, most)), cache, guessing: false };
        if fingerprint(gguf, digest, &options)? == answer.fingerprint {
            return Ok(options);
        }
    }
    Err(format!("this is not the model of the answer, whose fingerprint is {}", answer.fingerprint))
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
