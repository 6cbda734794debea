//! One choice on its way from tokens to what a client sees.

use crate::answer::{Delta, Finish, Token, TokenLogprob};
use crate::record;
use hefu_engine::generation;
use hefu_engine::sampling::Choice;
use hefu_engine::stop::StopMatcher;
use hefu_text::tokenizer::{Detokenizer, Position, Tokenizer};
use std::sync::Arc;

/// One choice under way.
#[derive(Debug)]
pub(super) struct Voice {
    tokenizer: Arc<Tokenizer>,
    /// `None` once the text is complete.
    text: Option<(Detokenizer<Arc<Tokenizer>>, StopMatcher)>,
    with_logprobs: bool,
    /// Every token that counts, with the one that ended the answer.
    pub(super) ids: Vec<u32>,
    /// The text as the model wrote it, without stop string and special tokens.
    pub(super) written: String,
    /// Why it is over, for the record.
    pub(super) finish: Option<record::Finish>,
}

impl Voice {
    pub(super) fn new(tokenizer: &Arc<Tokenizer>, matcher: &StopMatcher, with_logprobs: bool) -> Self {
        let detokenizer = Detokenizer::new(Arc::clone(tokenizer), Position::Continuation);
        Self {
            tokenizer: Arc::clone(tokenizer),
            text: Some((detokenizer, matcher.clone())),
            with_logprobs,
            ids: Vec::new(),
            written: String::new(),
            finish: None,
        }
    }

    /// Takes a token. Once a stop string is complete the choice is finished, and what follows is passed over.
    pub(super) fn token(&mut self, choice: &Choice, stops: &[String]) -> Vec<Delta> {
        let Some((detokenizer, matcher)) = &mut self.text else { return Vec::new() };
        self.ids.push(choice.id);
        let mut deltas = Vec::new();
        if self.with_logprobs
            && !self.tokenizer.is_end(choice.id)
            && let Some(logprob) = choice.logprob
        {
            deltas.push(Delta::Logprobs(vec![of_token(&self.tokenizer, choice, logprob)]));
        }
        let progress = matcher.push(&detokenizer.push(choice.id));
        self.say(progress.text, &mut deltas);
        if let Some(stop) = progress.stop {
            self.text = None;
            self.finish = Some(record::Finish::StopString);
            let stop = stops.get(stop).cloned().unwrap_or_default();
            deltas.push(Delta::Finish(Finish::StopString(stop)));
        }
        deltas
    }

    /// Takes the engine's end of the choice.
    pub(super) fn finish(&mut self, finish: generation::Finish, stops: &[String]) -> Vec<Delta> {
        let Some((detokenizer, mut matcher)) = self.text.take() else { return Vec::new() };
        let mut deltas = Vec::new();
        let progress = matcher.push(&detokenizer.finish());
        self.say(progress.text, &mut deltas);
        if let Some(stop) = progress.stop {
            self.finish = Some(record::Finish::StopString);
            let stop = stops.get(stop).cloned().unwrap_or_default();
            deltas.push(Delta::Finish(Finish::StopString(stop)));
            return deltas;
        }
        self.say(matcher.finish(), &mut deltas);
        let (seen, recorded) = match finish {
            generation::Finish::EndToken => (Finish::End, record::Finish::EndToken),
            generation::Finish::Complete => (Finish::End, record::Finish::Complete),
            generation::Finish::MaxTokens => (Finish::Length, record::Finish::MaxTokens),
            generation::Finish::Context => (Finish::Length, record::Finish::Context),
            generation::Finish::Deadline => (Finish::Length, record::Finish::Cancelled),
        };
        self.finish = Some(recorded);
        deltas.push(Delta::Finish(seen));
        deltas
    }

    fn say(&mut self, text: String, deltas: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.written.push_str(&text);
            deltas.push(Delta::Text(text));
        }
    }
}

fn of_token(tokenizer: &Tokenizer, choice: &Choice, logprob: f32) -> TokenLogprob {
    let token = |id| Token { id, bytes: tokenizer.token_bytes(id, true).to_vec() };
    let top = choice.top.iter().map(|(id, logprob)| (token(*id), *logprob)).collect();
    TokenLogprob { token: token(choice.id), logprob, top }
}
