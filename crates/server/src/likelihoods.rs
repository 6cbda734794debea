//! Log-likelihoods of prompt tokens: what evaluations ask, each of which is one clause of the contract.

use crate::answering::failed;
use crate::error::{ApiError, Kind};
use crate::limits::{Limits, MAX_LOGPROBS, MAX_PAIRS};
use crate::registry::Lease;
use crate::service::{Caller, Service};
use hefu_answer::{Ask, Prompt, continued, prepare, prepare_text};
use hefu_engine::sampling::Choice;
use hefu_engine::scheduler::{Event, Job, Kind as JobKind};
use hefu_engine::verification::Verdict;
use hefu_engine::{FinishReason, Request};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// A prompt, from one of its tokens on.
pub(crate) struct Scored {
    /// Asks for log-probabilities.
    pub(crate) request: Request,
    /// The first token that counts, at least 1: the one before it says how likely it is.
    pub(crate) from: usize,
}

/// A context, and texts that may follow it.
#[derive(Debug)]
pub(crate) struct Item {
    /// A text, or ids.
    pub(crate) context: Prompt,
    /// Alike.
    pub(crate) continuations: Vec<Prompt>,
}

/// Log-likelihood of a continuation.
pub(crate) struct Continuation {
    /// Its tokens.
    pub(crate) ids: Vec<u32>,
    /// Their log-probabilities.
    pub(crate) logprobs: Vec<f32>,
    /// True if each is the likeliest in its place.
    pub(crate) is_greedy: bool,
}

impl Continuation {
    /// Natural logarithm of the probability of all its tokens: those of the tokens added in f64, one after the other.
    pub(crate) fn logprob(&self) -> f64 {
        self.logprobs.iter().map(|logprob| f64::from(*logprob)).sum()
    }
}

/// Outcome of a request.
pub(crate) struct Likelihoods {
    /// The model's name.
    pub(crate) model: String,
    /// The model's fingerprint.
    pub(crate) fingerprint: String,
    /// For each item its continuations.
    pub(crate) items: Vec<Vec<Continuation>>,
    /// Tokens of all prompts.
    pub(crate) tokens: usize,
}

impl Service {
    /// Log-likelihoods of each prompt's tokens from a place on, one choice for each.
    ///
    /// # Errors
    /// A full queue, prompts that took too long, or a model that stopped.
    pub(crate) async fn likelihoods(
        self: &Arc<Self>,
        caller: &Caller,
        lease: &Lease,
        prompts: Vec<Scored>,
        (priority, arrived): (i32, Instant),
    ) -> Result<Vec<Vec<Choice>>, ApiError> {
        let mut open = prompts.len();
        let mut all = vec![Vec::new(); open];
        let deadline = Some(lease.worker.time(arrived) + self.limits.request_time);
        let jobs = prompts.into_iter().map(|Scored { request, from }| Job {
            client: caller.client,
            domain: caller.domain(),
            priority,
            deadline,
            ..Job::new(request).with_kind(JobKind::Likelihoods { from })
        });
        let mut running = lease.worker.submit(jobs.collect()).await?;
        while open > 0 {
            let Some((index, event, _)) = running.next().await else {
                return Err(ApiError::internal("the model stopped; the server's log says more"));
            };
            match event {
                Event::Scored(choices) => {
                    if let Some(own) = all.get_mut(index) {
                        own.extend(choices);
                    }
                }
                Event::Finished(FinishReason::Deadline) => {
                    return Err(
                        ApiError::new(Kind::Overdue, "the prompt took longer than the server allows").code("timeout")
                    );
                }
                Event::Finished(_) => open -= 1,
                Event::Failed(failure) => return Err(failed(&failure)),
                _ => {}
            }
        }
        Ok(all)
    }

    /// The logits after each token from place `from` on, one row after another.
    ///
    /// # Errors
    /// Tokens that do not fit, a full queue, or a model that cannot be had.
    pub async fn logits(self: &Arc<Self>, caller: &Caller, ids: Vec<u32>, from: usize) -> Result<Vec<f32>, ApiError> {
        let ask = Ask { prompt: Prompt::Ids(ids), ..Ask::default() };
        let lease = self.lease(caller.client, &ask).await?;
        let request = prepare_text(&ask, &lease.worker.text, &self.limits.of_requests(), false)?;
        let rows = request.prompt.len().saturating_sub(from);
        let mut all = Vec::with_capacity(rows.saturating_mul(lease.worker.vocabulary));
        let job = Job { client: caller.client, domain: caller.domain(), ..Job::new(request) };
        let mut running = lease.worker.submit(vec![job.with_kind(JobKind::Logits { from })]).await?;
        loop {
            match running.next().await {
                Some((_, Event::Logits(rows), _)) => all.extend(rows),
                Some((_, Event::Finished(_), _)) => return Ok(all),
                Some((_, Event::Failed(failure), _)) => return Err(ApiError::internal(failure.to_string())),
                Some(_) => {}
                None => return Err(ApiError::internal("the model stopped; the server's log says more")),
            }
        }
    }

    /// Verdict of a job that makes an answer again.
    ///
    /// # Errors
    /// A job that cannot be carried out, or a model that stopped.
    pub async fn verdict(self: &Arc<Self>, caller: &Caller, lease: &Lease, job: Job) -> Result<Verdict, ApiError> {
        let job = Job { client: caller.client, domain: caller.domain(), ..job };
        let mut running = lease.worker.submit(vec![job]).await?;
        loop {
            match running.next().await {
                Some((_, Event::Verdict(verdict), _)) => return Ok(verdict),
                Some((_, Event::Failed(failure), _)) => return Err(ApiError::internal(failure.to_string())),
                Some(_) => {}
                None => return Err(ApiError::internal("the model stopped; the server's log says more")),
            }
        }
    }

    /// Likelihood of each continuation after its context. Contexts that begin alike are computed once.
    ///
    /// # Errors
    /// Whatever is wrong with a text, a full queue, or a model that cannot be had.
    pub(crate) async fn continuations(
        self: &Arc<Self>,
        caller: &Caller,
        ask: Ask,
        items: Vec<Item>,
    ) -> Result<Likelihoods, ApiError> {
        let arrived = Instant::now();
        let pairs: usize = items.iter().map(|item| item.continuations.len()).sum();
        if pairs > MAX_PAIRS {
            let sentence = format!("there are {pairs} continuations in all, but at most {MAX_PAIRS} are taken");
            return Err(ApiError::parameter("items", sentence));
        }
        self.check(&ask)?;
        let priority = ask.priority;
        let lease = self.lease(caller.client, &ask).await?;
        let counts: Vec<usize> = items.iter().map(|item| item.continuations.len()).collect();
        let work = move |lease: &Lease, limits: &Limits, _: &AtomicBool| worked_out(&ask, &items, lease, limits);
        let (lease, prompts) = self.text_work(caller.client, lease, work).await?;
        let tokens = prompts.iter().map(|scored| scored.request.prompt.len()).sum();
        let wanted: Vec<Vec<u32>> =
            prompts.iter().map(|scored| scored.request.prompt[scored.from..].to_vec()).collect();
        let scored = self.likelihoods(caller, &lease, prompts, (priority, arrived)).await?;
        let mut all = wanted.into_iter().zip(scored).map(|(ids, choices)| {
            let is_best = |(id, choice): (&u32, &Choice)| choice.top.first().is_some_and(|(best, _)| best == id);
            let is_greedy = ids.len() == choices.len() && ids.iter().zip(&choices).all(is_best);
            let logprobs = choices.iter().filter_map(|choice| choice.logprob).collect();
            Continuation { ids, logprobs, is_greedy }
        });
        let items = counts.into_iter().map(|count| all.by_ref().take(count).collect()).collect();
        let (model, fingerprint) = (lease.worker.text.name.clone(), lease.worker.fingerprint.clone());
        Ok(Likelihoods { model, fingerprint, items, tokens })
    }
}

/// The prompts of all continuations, with the bounds that any request has.
fn worked_out(ask: &Ask, items: &[Item], lease: &Lease, limits: &Limits) -> Result<Vec<Scored>, ApiError> {
    let (text, mut entries) = (&lease.worker.text, 0_usize);
    let mut prompts = Vec::new();
    for (number, item) in items.iter().enumerate() {
        for (index, continuation) in item.continuations.iter().enumerate() {
            let place = format!("items[{number}].continuations[{index}]");
            let (ids, from) = continued(&item.context, continuation, text)
                .map_err(|error| ApiError::parameter(&place, format!("{place} {error}")))?;
            entries = entries.saturating_add(2 * (ids.len() - from));
            let own = Ask { prompt: Prompt::Ids(ids), max_tokens: Some(1), logprobs: Some(1), ..ask.clone() };
            prompts.push(Scored { request: prepare(&own, text, &limits.of_requests())?.request, from });
        }
    }
    if entries > MAX_LOGPROBS {
        let sentence = format!(
            "the continuations have {entries} log-probabilities, but one request may have {MAX_LOGPROBS}; send fewer at once"
        );
        return Err(ApiError::parameter("items", sentence));
    }
    Ok(prompts)
}
