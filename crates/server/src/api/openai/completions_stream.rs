//! `/v1/completions` as a stream.

use super::super::sse::{Events, data};
use super::output::{self, PlainLogprobs};
use crate::answer::{Answer, Piece};
use crate::echo::Echo;
use hefu_answer::{Delta, TokenLogprob};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Chunks of one or several answers.
pub(super) struct CompletionsStream {
    /// The fields that every chunk has.
    frame: Map<String, Value>,
    include_usage: bool,
    labels: Map<String, Value>,
    /// Labels go with the first chunk of all.
    is_first: bool,
    /// Log-probabilities that wait for the next chunk of their choice.
    logprobs: BTreeMap<usize, Vec<TokenLogprob>>,
    /// Length of each choice's text so far, in characters, as its tokens have it.
    offsets: BTreeMap<usize, usize>,
    /// Echoes before everything else: each choice's prompt, if it is to be repeated.
    echoes: Vec<Echo>,
}

impl CompletionsStream {
    pub(super) fn new(answer: &Answer, include_usage: bool, echoes: Vec<Echo>) -> Self {
        let frame = [
            ("id", json!(format!("cmpl-{}", answer.id))),
            ("object", json!("text_completion")),
            ("created", json!(answer.created)),
            ("model", json!(answer.model)),
            ("system_fingerprint", json!(answer.fingerprint)),
        ];
        Self {
            frame: frame.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            include_usage,
            labels: answer.labels.clone(),
            is_first: true,
            logprobs: BTreeMap::new(),
            offsets: BTreeMap::new(),
            echoes,
        }
    }

    fn chunk(&mut self, choices: Value, with_labels: bool) -> Value {
        let mut chunk = self.frame.clone();
        chunk.insert("choices".to_owned(), choices);
        if self.include_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        if with_labels || std::mem::take(&mut self.is_first) {
            chunk.extend(self.labels.clone());
        }
        Value::Object(chunk)
    }

    fn of_choice(&mut self, index: usize, text: &str, reason: Option<&str>) -> Value {
        let offset = self.offsets.entry(index).or_default();
        let logprobs = self.logprobs.remove(&index).map(|tokens| {
            let mut logprobs = PlainLogprobs::default();
            logprobs.extend(&tokens, offset);
            logprobs
        });
        let choice = json!([{"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason}]);
        self.chunk(choice, reason.is_some())
    }

    fn of_prompt(&mut self, index: usize, echo: &Echo) -> Value {
        self.offsets.insert(index, echo.text.chars().count());
        let logprobs = PlainLogprobs::of_prompt(echo);
        self.chunk(json!([{"text": echo.text, "index": index, "logprobs": logprobs, "finish_reason": null}]), false)
    }
}

impl Events for CompletionsStream {
    fn begin(&mut self, out: &mut String) {
        for (index, echo) in std::mem::take(&mut self.echoes).iter().enumerate() {
            data(&self.of_prompt(index, echo), out);
        }
    }

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { choice, delta: Delta::Text(text) } => data(&self.of_choice(choice, &text, None), out),
            Piece::Delta { choice, delta: Delta::Logprobs(tokens) } => {
                self.logprobs.entry(choice).or_default().extend(tokens);
            }
            Piece::Delta { choice, delta: Delta::Finish(finish) } => {
                data(&self.of_choice(choice, "", Some(output::finish_reason(Some(&finish)))), out);
            }
            // A text that is continued as it stands has neither reasoning nor calls.
            Piece::Delta { .. } => {}
            Piece::Labels(labels) => self.labels = labels,
            Piece::Done(summary) => {
                if self.include_usage {
                    let mut chunk = self.chunk(json!([]), true);
                    chunk["usage"] = output::usage(&summary);
                    chunk["timings"] = output::timings(&summary);
                    data(&chunk, out);
                }
                out.push_str("data: [DONE]\n\n");
            }
            Piece::Failed(error) => data(&error.openai(), out),
        }
    }
}
