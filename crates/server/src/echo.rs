//! Prompts that are repeated before their answers, with the log-probabilities of their own tokens: what evaluations ask for
//! to tell how likely a model finds a text.

use crate::answer::{Answer, Piece};
use crate::error::ApiError;
use crate::ids;
use crate::likelihoods::Scored;
use crate::limits::{Limits, MAX_LOGPROBS};
use crate::registry::Lease;
use crate::service::{Caller, Place, Service};
use crate::worker::Worker;
use hefu_answer::{Ask, Delta, Finish, Prepared, Prompt, Summary, Token, prepare};
use hefu_engine::sampling::Choice;
use hefu_text::tokenizer::Tokenizer;
use serde_json::Map;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tokio::sync::mpsc;

/// A prompt as it is repeated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Echo {
    /// Its text: as it was given, or that of its tokens.
    pub(crate) text: String,
    /// Its tokens, if log-probabilities are wanted.
    pub(crate) tokens: Option<Vec<EchoToken>>,
    /// So many characters of its first tokens are not in the text: the beginning-of-sequence token, a space put before it.
    pub(crate) hidden: usize,
    /// Number of tokens.
    pub(crate) length: usize,
}

/// A token of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EchoToken {
    /// The token.
    pub(crate) token: Token,
    /// Its log-probability and those of the likeliest tokens in its place, best first; the first token has none.
    pub(crate) scored: Option<(f32, Vec<(Token, f32)>)>,
}

impl Service {
    /// The prompts of these requests, repeated; all ask the same model for the same.
    ///
    /// # Errors
    /// Whatever is wrong with a prompt, a full queue, or a model that cannot be had.
    pub(crate) async fn echoes(
        self: &Arc<Self>,
        caller: &Caller,
        asks: Vec<Ask>,
    ) -> Result<(Lease, Vec<Echo>), ApiError> {
        let arrived = Instant::now();
        let Some(first) = asks.first() else { return Err(ApiError::parameter("prompt", "prompt is empty")) };
        self.check(first)?;
        let (priority, is_scored) = (first.priority, first.logprobs.is_some());
        let lease = self.lease(caller.client, first).await?;
        let work = move |lease: &Lease, limits: &Limits, _: &AtomicBool| worked_out(&asks, lease, limits);
        let (lease, (prepared, mut echoes)) = self.text_work(caller.client, lease, work).await?;
        if !is_scored {
            return Ok((lease, echoes));
        }
        let prompts = prepared.into_iter().map(|prepared| Scored { request: prepared.request, from: 1 }).collect();
        let scored = self.likelihoods(caller, &lease, prompts, (priority, arrived)).await?;
        for (echo, choices) in echoes.iter_mut().zip(&scored) {
            let places = echo.tokens.iter_mut().flatten().skip(1);
            places.zip(choices).for_each(|(place, choice)| place.score(choice, &lease.worker.text.tokenizer));
        }
        Ok((lease, echoes))
    }
}

impl Echo {
    fn new(prompt: &Prompt, ids: &[u32], tokenizer: &Tokenizer, is_scored: bool) -> Self {
        let tokens: Vec<Token> = ids.iter().map(|id| token(*id, tokenizer)).collect();
        let text = match prompt {
            Prompt::Text(text) => text.clone(),
            _ => String::from_utf8_lossy(&tokens.iter().flat_map(|token| &token.bytes).copied().collect::<Vec<_>>())
                .into_owned(),
        };
        let hidden = tokens.iter().map(Token::characters).sum::<usize>().saturating_sub(text.chars().count());
        let tokens = is_scored.then(|| tokens.into_iter().map(|token| EchoToken { token, scored: None }).collect());
        Self { text, tokens, hidden, length: ids.len() }
    }

    /// The answer to a prompt that is to be repeated and not continued.
    pub(crate) fn alone(&self, ask: &Ask, worker: &Worker, place: Place) -> Answer {
        let choices = ask.count.max(1);
        // One end for each choice, and that of all.
        let (outlet, pieces) = mpsc::channel(choices + 1);
        let ends = (0..choices).map(|choice| Piece::Delta { choice, delta: Delta::Finish(Finish::Length) });
        let summary = Summary { prompt_tokens: self.length, ..Summary::default() };
        for piece in ends.chain([Piece::Done(summary)]) {
            // There is room for all of them.
            drop(outlet.try_send(piece));
        }
        Answer {
            id: place.id,
            created: ids::unix_seconds(),
            model: worker.text.name.clone(),
            fingerprint: worker.fingerprint.clone(),
            prompt_tokens: self.length,
            seed: ask.sampling.seed.unwrap_or(0),
            choices,
            labels: Map::new(),
            pieces,
        }
    }
}

impl EchoToken {
    fn score(&mut self, choice: &Choice, tokenizer: &Tokenizer) {
        let top = choice.top.iter().map(|(id, logprob)| (token(*id, tokenizer), *logprob));
        self.scored = choice.logprob.map(|logprob| (logprob, top.collect()));
    }
}

/// A token with its bytes.
fn token(id: u32, tokenizer: &Tokenizer) -> Token {
    Token { id, bytes: tokenizer.token_bytes(id, true).to_vec() }
}

/// The prompts' tokens, with the bounds that any request has.
fn worked_out(asks: &[Ask], lease: &Lease, limits: &Limits) -> Result<(Vec<Prepared>, Vec<Echo>), ApiError> {
    let worker = &lease.worker;
    let (mut prepared, mut echoes, mut entries) = (Vec::new(), Vec::new(), 0_usize);
    for ask in asks {
        if matches!(ask.prompt, Prompt::Gap(_)) {
            return Err(ApiError::parameter(
                "echo",
                "echo repeats a prompt before its answer; it cannot go with suffix",
            ));
        }
        let size = worker.text.tokenizer.size();
        if let Prompt::Ids(ids) = &ask.prompt
            && let Some(id) = ids.iter().find(|id| **id as usize >= size)
        {
            let sentence = format!("prompt names token {id}, but the vocabulary has only {size}");
            return Err(ApiError::parameter("prompt", sentence));
        }
        // Nothing of the answer matters here.
        let own = Ask { max_tokens: Some(1), count: 1, format: None, ..ask.clone() };
        let one = prepare(&own, &worker.text, &limits.of_requests())?;
        let places = one.request.prompt.len().saturating_mul(ask.count.max(1));
        entries = entries.saturating_add(places.saturating_mul(ask.logprobs.map_or(0, |top| top as usize + 1)));
        if entries > MAX_LOGPROBS {
            let sentence = format!(
                "the tokens of the repeated prompts with their alternatives are {entries} log-probabilities or more, but one \
                 request may have {MAX_LOGPROBS}; ask for fewer alternatives, choices or prompts"
            );
            return Err(ApiError::parameter("logprobs", sentence));
        }
        echoes.push(Echo::new(&ask.prompt, &one.request.prompt, &worker.text.tokenizer, ask.logprobs.is_some()));
        prepared.push(one);
    }
    Ok((prepared, echoes))
}
