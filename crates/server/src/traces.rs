//! What a model computes on the way to an answer, for those who ask over HTTP.
//!
//! The answer is made as any other, in the queue of all, with its record and its receipt; or it is one that was given before. Then
//! the text is read once more, beside the answers of others (`hefu_engine::inspect`).

use crate::error::{ApiError, Kind};
use crate::limits::{Limits, MAX_TOLD_CANDIDATES, MAX_TRACED_NUMBERS, MAX_TRACED_TOKENS};
use crate::registry::Lease;
use crate::service::{Caller, Service};
use crate::shares::Share;
use hefu_answer::{Ask, Summary, TokenLogprob, prepare};
use hefu_engine::inspect::{Asked, Findings, Refusal, Wanted};
use hefu_engine::sampling::Parameters;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Memory of large requests that what is seen counts as, in KiB, while it is gathered and written.
const MEMORY: u32 = 64 << 10;
/// Seconds after which a client may try again where there is no room.
const RETRY_AFTER: u64 = 2;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct TraceAsk {
    /// As for an answer.
    pub(crate) ask: Ask,
    /// The answer, if it was given before.
    pub(crate) answer: Option<Vec<u32>>,
    pub(crate) wanted: Wanted,
}

/// What was found.
pub(crate) struct Traced {
    /// The answer's id and what it took, if it was made here.
    pub(crate) made: Option<(String, Summary)>,
    /// How its tokens were chosen.
    pub(crate) parameters: Parameters,
    pub(crate) findings: Findings,
    pub(crate) lease: Lease,
    /// The memory that the findings may take.
    pub(crate) _memory: Share,
}

impl Service {
    /// Answers, unless there is an answer, and looks.
    ///
    /// # Errors
    /// Whatever is wrong with the request, a full queue, a model that cannot be had, or what is not there to be seen.
    pub(crate) async fn trace(self: &Arc<Self>, caller: &Caller, asked: TraceAsk) -> Result<Traced, ApiError> {
        let arrived = Instant::now();
        let TraceAsk { mut ask, answer, wanted } = asked;
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
        let (made, ids) = match answer {
            Some(ids) => (None, ids),
            None => {
                ask.sampling.seed = Some(parameters.seed);
                ask.max_tokens = Some(answer_tokens(prompt, ask.max_tokens)?);
                let (made, ids) = self.made(caller, ask).await?;
                (Some(made), ids)
            }
        };
        tokens.extend(ids);
        check(tokens.len(), tokens.len() - prompt, &wanted)?;
        let deadline = lease.worker.time(arrived) + self.limits.request_time;
        let asked = Asked { tokens, prompt, parameters: parameters.clone(), wanted, most_numbers: MAX_TRACED_NUMBERS };
        let findings =
            lease.worker.inspect(caller.client, asked, deadline).await?.map_err(|refusal| refused(&refusal))?;
        Ok(Traced { made, parameters, findings, lease, _memory: memory })
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

/// How many tokens an answer may have after a prompt of so many.
fn answer_tokens(prompt: usize, asked: Option<usize>) -> Result<usize, ApiError> {
    let left = MAX_TRACED_TOKENS.saturating_sub(prompt);
    match asked {
        _ if left == 0 => Err(too_long(prompt)),
        Some(asked) if asked > left => Err(too_long(prompt + asked)),
        asked => Ok(asked.unwrap_or(left)),
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
        Refusal::NoHead { .. } | Refusal::NoTokens { .. } | Refusal::Twice { .. } | Refusal::TooMany { .. } => {
            ApiError::parameter("values", sentence)
        }
        Refusal::UnknownToken { .. } => ApiError::parameter("answer", sentence),
        Refusal::Memory { .. } | Refusal::Length { .. } => ApiError::invalid(sentence).code("context_length_exceeded"),
        Refusal::Full { .. } => ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("queue_full"),
        Refusal::Overdue => ApiError::new(Kind::Overdue, sentence).code("timeout"),
        Refusal::Sampling(_) => ApiError::invalid(sentence),
        _ => ApiError::internal(sentence),
    }
}
