//! One choice on its way from tokens to what is shown: characters, then stop strings, then reasoning and calls.

use crate::delta::{Delta, Finish, Token, TokenLogprob};
use crate::structure::Structure;
use hefu_engine::FinishReason;
use hefu_engine::sampling::Choice;
use hefu_engine::stop::{Progress, StopMatcher};
use hefu_engine::trace::Trace;
use hefu_text::tokenizer::{Detokenizer, Position, Tokenizer};
use hefu_text::tools::{Piece, ToolParser};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Letters and digits of the id of a call. The templates of one family take ids of exactly this length.
const CALL_ID: usize = 9;

/// One choice under way.
#[derive(Debug)]
pub struct ChoiceStream {
    tokenizer: Arc<Tokenizer>,
    /// `None` once the text is complete.
    text: Option<(Detokenizer<Arc<Tokenizer>>, StopMatcher)>,
    stops: Arc<[String]>,
    parser: Option<ToolParser>,
    one_call: bool,
    /// Unique to this choice; the ids of its calls are made of it.
    name: String,
    with_logprobs: bool,
    /// True if log-probabilities are told of the token that ends the answer too.
    tells_end: bool,
    /// True if the last text was reasoning.
    is_reasoning: bool,
    /// Number of calls handed out.
    calls: usize,
    /// Every token that counts, with the one that ended the answer.
    pub ids: Vec<u32>,
    /// Tokens of reasoning among them.
    pub reasoning_tokens: usize,
    /// The text as the model wrote it, without stop string and special tokens.
    pub written: String,
    /// Digests of what the model's layers handed on, if that is traced.
    pub trace: Trace,
    /// Reason why it is over, for the record.
    pub finish: Option<FinishReason>,
}

impl ChoiceStream {
    pub(crate) fn new(
        tokenizer: &Arc<Tokenizer>,
        (matcher, stops): (StopMatcher, Arc<[String]>),
        structure: &Structure,
        name: String,
        with_logprobs: bool,
    ) -> Self {
        let detokenizer = Detokenizer::new(Arc::clone(tokenizer), Position::Continuation);
        Self {
            tokenizer: Arc::clone(tokenizer),
            text: Some((detokenizer.show(structure.shown.iter().copied()), matcher)),
            stops,
            parser: structure.parser.clone(),
            one_call: structure.one_call,
            name,
            with_logprobs,
            tells_end: structure.tells_end,
            is_reasoning: false,
            calls: 0,
            ids: Vec::new(),
            reasoning_tokens: 0,
            written: String::new(),
            trace: Trace::default(),
            finish: None,
        }
    }

    /// Takes a token. Once the choice is finished, what follows is passed over.
    pub fn token(&mut self, choice: &Choice) -> Vec<Delta> {
        let Some((detokenizer, matcher)) = &mut self.text else { return Vec::new() };
        let progress = matcher.push(&detokenizer.push(choice.id));
        self.ids.push(choice.id);
        let mut deltas = Vec::new();
        if self.with_logprobs
            && (self.tells_end || !self.tokenizer.is_end(choice.id))
            && let Some(logprob) = choice.logprob
        {
            deltas.push(Delta::Logprobs(vec![of_token(&self.tokenizer, choice, logprob)]));
        }
        self.progress(progress, &mut deltas);
        self.reasoning_tokens += usize::from(self.is_reasoning);
        deltas
    }

    /// Ends the choice, for the reason that the engine or whoever gives it up has; a choice that is over stays as it is.
    pub fn finish(&mut self, finish: FinishReason) -> Vec<Delta> {
        let Some((detokenizer, mut matcher)) = self.text.take() else { return Vec::new() };
        let mut deltas = Vec::new();
        let progress = matcher.push(&detokenizer.finish());
        self.progress(progress, &mut deltas);
        if self.finish.is_some() {
            return deltas;
        }
        self.say(&matcher.finish(), &mut deltas);
        let seen = match finish {
            FinishReason::EndToken | FinishReason::Complete | FinishReason::StopString => Finish::End,
            FinishReason::MaxTokens | FinishReason::Context | FinishReason::Deadline | FinishReason::Cancelled => {
                Finish::Length
            }
        };
        self.end(seen, finish, &mut deltas);
        deltas
    }

    fn progress(&mut self, progress: Progress, deltas: &mut Vec<Delta>) {
        self.say(&progress.text, deltas);
        if let Some(stop) = progress.stop
            && self.finish.is_none()
        {
            let stop = self.stops.get(stop).cloned().unwrap_or_default();
            self.end(Finish::StopString(stop), FinishReason::StopString, deltas);
        }
    }

    /// Hands out text, taken apart.
    fn say(&mut self, text: &str, deltas: &mut Vec<Delta>) {
        if text.is_empty() || self.finish.is_some() {
            return;
        }
        self.written.push_str(text);
        match &mut self.parser {
            None => deltas.push(Delta::Text(text.to_owned())),
            Some(parser) => {
                let pieces = parser.push(text);
                self.take(pieces, deltas);
            }
        }
    }

    fn take(&mut self, pieces: Vec<Piece>, deltas: &mut Vec<Delta>) {
        for piece in pieces {
            self.is_reasoning = matches!(piece, Piece::Reasoning(_));
            match piece {
                Piece::Text(text) => deltas.push(Delta::Text(text)),
                Piece::Reasoning(text) => deltas.push(Delta::Reasoning(text)),
                Piece::CallStart { index, .. } if self.one_call && index > 0 => {
                    // Only one was asked for: what follows it does not count.
                    self.parser = None;
                    return self.end(Finish::ToolCalls, FinishReason::StopString, deltas);
                }
                Piece::CallStart { index, name } => {
                    self.calls += 1;
                    deltas.push(Delta::CallStart { call: index, id: self.call_id(index), name });
                }
                Piece::CallArguments { index, piece } => {
                    deltas.push(Delta::CallArguments { call: index, text: piece });
                }
            }
        }
    }

    /// Ends the choice: what the parser held back comes first. An answer with a call ends with it, unless it was cut.
    fn end(&mut self, seen: Finish, recorded: FinishReason, deltas: &mut Vec<Delta>) {
        self.text = None;
        if self.finish.replace(recorded).is_some() {
            return;
        }
        if let Some(mut parser) = self.parser.take() {
            let pieces = parser.finish();
            self.take(pieces, deltas);
        }
        let has_called = self.calls > 0 && matches!(seen, Finish::End | Finish::StopString(_));
        // A second call that was left out has ended the choice already.
        if !matches!(deltas.last(), Some(Delta::Finish(_))) {
            deltas.push(Delta::Finish(if has_called { Finish::ToolCalls } else { seen }));
        }
    }

    fn call_id(&self, call: usize) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digest = Sha256::digest(format!("{}-{call}", self.name));
        let letter = |byte: &u8| LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().map_or('0', char::from);
        digest.iter().take(CALL_ID).map(letter).collect()
    }
}

fn of_token(tokenizer: &Tokenizer, choice: &Choice, logprob: f32) -> TokenLogprob {
    let token = |id| Token { id, bytes: tokenizer.token_bytes(id, true).to_vec() };
    let top = choice.top.iter().map(|(id, logprob)| (token(*id), *logprob)).collect();
    TokenLogprob { token: token(choice.id), logprob, top }
}
