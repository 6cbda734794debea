//! `/v1/chat/completions` as a stream.

use super::super::sse::{Events, data};
use super::output;
use crate::answer::{Answer, Piece};
use hefu_answer::{Delta, Finish, TokenLogprob};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Chunks of one answer.
pub(super) struct ChatStream {
    /// The fields that every chunk has.
    frame: Map<String, Value>,
    choices: usize,
    include_usage: bool,
    labels: Map<String, Value>,
    /// Log-probabilities that wait for the next chunk of their choice.
    logprobs: BTreeMap<usize, Vec<TokenLogprob>>,
}

impl ChatStream {
    pub(super) fn new(answer: &Answer, include_usage: bool) -> Self {
        let frame = [
            ("id", json!(format!("chatcmpl-{}", answer.id))),
            ("object", json!("chat.completion.chunk")),
            ("created", json!(answer.created)),
            ("model", json!(answer.model)),
            ("system_fingerprint", json!(answer.fingerprint)),
        ];
        Self {
            frame: frame.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            choices: answer.choices,
            include_usage,
            labels: answer.labels.clone(),
            logprobs: BTreeMap::new(),
        }
    }

    fn chunk(&self, choices: Value) -> Map<String, Value> {
        let mut chunk = self.frame.clone();
        chunk.insert("choices".to_owned(), choices);
        if self.include_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        chunk
    }

    fn of_choice(&mut self, index: usize, delta: Value, finish: Option<&Finish>) -> Map<String, Value> {
        let logprobs = self.logprobs.remove(&index).map(|tokens| output::logprobs(&tokens));
        let reason = finish.map(|finish| output::finish_reason(Some(finish)));
        self.chunk(json!([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}]))
    }

    fn delta(&mut self, choice: usize, delta: Delta) -> Option<Map<String, Value>> {
        let value = match delta {
            Delta::Text(text) => json!({"content": text}),
            // Both names are in use among clients.
            Delta::Reasoning(text) => json!({"reasoning_content": text, "reasoning": text}),
            Delta::CallStart { call, id, name } => json!({"tool_calls": [{
                "index": call, "id": id, "type": "function", "function": {"name": name, "arguments": ""},
            }]}),
            Delta::CallArguments { call, text } => {
                json!({"tool_calls": [{"index": call, "function": {"arguments": text}}]})
            }
            Delta::Logprobs(tokens) => {
                self.logprobs.entry(choice).or_default().extend(tokens);
                return None;
            }
            Delta::Finish(finish) => {
                let mut chunk = self.of_choice(choice, json!({}), Some(&finish));
                chunk.extend(self.labels.clone());
                return Some(chunk);
            }
        };
        Some(self.of_choice(choice, value, None))
    }
}

impl Events for ChatStream {
    fn begin(&mut self, out: &mut String) {
        for choice in 0..self.choices {
            let mut chunk = self.of_choice(choice, json!({"role": "assistant", "content": ""}), None);
            if choice == 0 {
                chunk.extend(self.labels.clone());
            }
            data(&Value::Object(chunk), out);
        }
    }

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { choice, delta } => {
                if let Some(chunk) = self.delta(choice, delta) {
                    data(&Value::Object(chunk), out);
                }
            }
            Piece::Labels(labels) => self.labels = labels,
            Piece::Done(summary) => {
                if self.include_usage {
                    let mut chunk = self.chunk(json!([]));
                    chunk.extend(self.labels.clone());
                    chunk.insert("usage".to_owned(), output::usage(&summary));
                    chunk.insert("timings".to_owned(), output::timings(&summary));
                    data(&Value::Object(chunk), out);
                }
                out.push_str("data: [DONE]\n\n");
            }
            Piece::Failed(error) => data(&error.openai(), out),
        }
    }
}
