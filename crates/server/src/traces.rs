//! Inspection of a model's inner values over HTTP.
//!
//! The answer is made as any other, in the queue of all, with its record and its receipt; or it is one that was given before. Then
//! the text is read once more, beside the answers of others (`hefu_engine::inspect`). An answer of an edited model is made while it is
//! looked at; it has no receipt, and a fingerprint that no answer of the model has.

use crate::error::{ApiError, Kind};
use crate::limits::{
    EDITED_TOKENS, Limits, MAX_EDITED_TOKENS, MAX_TOLD_CANDIDATES, MAX_TRACED_JSON, MAX_TRACED_TOKENS,
};
use crate::registry::Lease;
use crate::service::{Caller, Service};
use crate::shares::Share;
use hefu_answer::{Ask, Summary, TokenLogprob, prepare};
use hefu_engine::inspect::{Asked, Edit, Findings, Making, Refusal, Wanted, edited_fingerprint};
use hefu_engine::sampling::Parameters;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Memory of large requests that what is seen counts as, in KiB, while it is gathered and written.
const MEMORY: u32 = 64 << 10;
/// Seconds after which a client may try again where there is no room.
const RETRY_AFTER: u64 = 2;

/// A request for a trace.
#[derive(Debug)]
pub(crate) struct TraceAsk {
    /// As for an answer.
    pub(crate) ask: Ask,
    /// The answer, if it was given before.
    pub(crate) answer: Option<Vec<u32>>,
    pub(crate) wanted: Wanted,
    /// Changes on the way.
    pub(crate) edits: Vec<Edit>,
}

/// A trace.
pub(crate) struct Traced {
    /// The answer's id and what it took, if it was made here.
    pub(crate) made: Option<(String, Summary)>,
    /// Settings by which its tokens were chosen.
    pub(crate) parameters: Parameters,
    pub(crate) findings: Findings,
    /// The model's, with the digest of the edits.
    pub(crate) fingerprint: String,
    pub(crate) lease: Lease,
    /// The memory that the findings may take.
    pub(crate) _memory: Share,
}

impl Service {
    /// Answers, unless there is an answer, and looks.
    ///
    /// # Errors
    /// Whatever is wrong with the request, a full queue, a model that cannot be had, or what is not there to be seen.
    pub(crate) async fn trace(
        self: &Arc<Self>,
        caller: &Caller,
        asked: TraceAsk,
        most_numbers: usize,
    ) -> Result<Traced, ApiError> {
        let arrived = Instant::now();
        let TraceAsk { mut ask, answer, wanted, edits } = asked;
        self.check(&ask)?;
        if ask.count > 1 {
            return Err(ApiError::parameter("n", "n must be 1: one answer is looked at"));
        }
        let memory =
            self.memory.try_take(caller.client, MEMORY.min(u32::try_from(self.memory.most()).unwrap_or(MEMORY)));
        let memory = memory.ok_or_else(|| {
            let sentence = "the memory for large requests is in use (--request-memory); try again in a moment";
            ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("memory_full")
        })?;
        let lease = self.lease(caller.client, &ask).await?;
        let own = ask.clone();
        let work = move |lease: &Lease, limits: &Limits, given_up: &AtomicBool| {
            let prepared = prepare(&own, &lease.worker.text, &limits.of_requests())?;
            let constraints = prepared.constraints(&lease.worker.text, given_up)?;
            if constraints.iter().any(Option::is_some) {
                let sentence = "an answer that is held to a form cannot be traced; leave the form out";
                return Err(ApiError::parameter("response_format", sentence));
            }
            Ok(prepared.request)
        };
        let (lease, request) = self.text_work(caller.client, lease, work).await?;
        let (mut tokens, parameters) = (request.prompt, request.parameters);
        let prompt = tokens.len();
        let mut making = Making::default();
        let (made, ids) = match answer {
            Some(ids) => (None, ids),
            None if !edits.is_empty() => {
                self.can_record().await.map_err(|sentence| ApiError::not_recorded(&sentence))?;
                let most = edited_tokens(answer_tokens(prompt, ask.max_tokens)?, ask.max_tokens)?;
                making = Making { tokens: most, ends: request.end_tokens };
                (None, Vec::new())
            }
            None => {
                ask.sampling.seed = Some(parameters.seed);
                ask.max_tokens = Some(answer_tokens(prompt, ask.max_tokens)?);
                let (made, ids) = self.made(caller, ask).await?;
                (Some(made), ids)
            }
        };
        tokens.extend(ids);
        let whole = tokens.len() + making.tokens;
        check(whole, whole - prompt, &wanted)?;
        let deadline = lease.worker.time(arrived) + self.limits.request_time;
        let is_made = making.tokens > 0;
        let fingerprint = edited_fingerprint(&lease.worker.fingerprint, &edits);
        let asked = Asked { tokens, prompt, parameters: parameters.clone(), wanted, most_numbers, edits, making };
        let findings =
            lease.worker.inspect(caller.client, asked, deadline).await?.map_err(|refusal| refused(&refusal))?;
        if let Some(recorder) = self.recorder.as_ref().filter(|_| is_made) {
            recorder.edited(&caller.name, &fingerprint, findings.tokens.len() - prompt);
        }
        Ok(Traced { made, parameters, findings, fingerprint, lease, _memory: memory })
    }

    /// An answer: its id and what it took, and its tokens, its end included.
    async fn made(self: &Arc<Self>, caller: &Caller, ask: Ask) -> Result<((String, Summary), Vec<u32>), ApiError> {
        // By the log-probabilities every token is told.
        let ask = Ask { logprobs: Some(0), tells_end: true, ..ask };
        let mut answer = self.answer(caller, ask).await?;
        let (choices, summary) = answer.collect().await?;
        let id = |told: &TokenLogprob| told.token.id;
        let ids = choices.first().map(|choice| choice.logprobs.iter().map(id).collect());
        Ok(((answer.id, summary), ids.unwrap_or_default()))
    }
}

/// Number of tokens that an answer may have after a prompt of so many.
fn answer_tokens(prompt: usize, asked: Option<usize>) -> Result<usize, ApiError> {
    let left = MAX_TRACED_TOKENS.saturating_sub(prompt);
    match asked {
        _ if left == 0 => Err(too_long(prompt)),
        Some(asked) if asked > left => Err(too_long(prompt + asked)),
        asked => Ok(asked.unwrap_or(left)),
    }
}

/// Number of tokens that an edited model makes, of so many for which there is room.
fn edited_tokens(room: usize, asked: Option<usize>) -> Result<usize, ApiError> {
    match asked {
        Some(asked) if asked > MAX_EDITED_TOKENS => {
            let sentence =
                format!("max_tokens is {asked}, but an edited model makes at most {MAX_EDITED_TOKENS} tokens at once");
            Err(ApiError::parameter("max_tokens", sentence))
        }
        Some(_) => Ok(room),
        None => Ok(room.min(EDITED_TOKENS)),
    }
}

fn too_long(tokens: usize) -> ApiError {
    let sentence = format!("prompt and answer have {tokens} tokens, but a trace may have {MAX_TRACED_TOKENS}");
    ApiError::invalid(sentence).code("context_length_exceeded")
}

fn check(tokens: usize, answer: usize, wanted: &Wanted) -> Result<(), ApiError> {
    if tokens > MAX_TRACED_TOKENS {
        return Err(too_long(tokens));
    }
    let steps = match &wanted.steps {
        None => answer,
        some => (0..tokens).filter(|at| hefu_engine::inspect::Ranges::has(some, *at)).count().min(answer),
    };
    if steps.saturating_mul(wanted.candidates) > MAX_TOLD_CANDIDATES {
        let sentence = format!(
            "{} candidates of {steps} tokens are asked for, but at most {MAX_TOLD_CANDIDATES} are told of each clause; ask \
             for fewer, or choose with steps",
            wanted.candidates
        );
        return Err(ApiError::parameter("candidates", sentence));
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> ApiError {
    let sentence = refusal.to_string();
    match refusal {
        Refusal::NoValue { .. } => ApiError::parameter("values", format!("{sentence}; GET /v1/trace names them")),
        Refusal::TooMany { most } if *most == MAX_TRACED_JSON => {
            let sentence = format!("{sentence}; JSON holds at most {MAX_TRACED_JSON}, the format safetensors more");
            ApiError::parameter("format", sentence)
        }
        Refusal::NoHead { .. } | Refusal::NoTokens { .. } | Refusal::Twice { .. } | Refusal::TooMany { .. } => {
            ApiError::parameter("values", sentence)
        }
        Refusal::Edit(_) | Refusal::ManyEdits { .. } => ApiError::parameter("edits", sentence),
        Refusal::UnknownToken { .. } => ApiError::parameter("answer", sentence),
        Refusal::Memory { .. } | Refusal::Length { .. } => ApiError::invalid(sentence).code("context_length_exceeded"),
        Refusal::Full { .. } => ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("queue_full"),
        Refusal::Overdue => ApiError::new(Kind::Overdue, sentence).code("timeout"),
        Refusal::Sampling(_) => ApiError::invalid(sentence),
        _ => ApiError::internal(sentence),
    }
}
