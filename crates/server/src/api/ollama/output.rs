//! Lines of an answer, for chat and generate alike.

use super::super::sse::Events;
use super::line;
use crate::answer::{Answer, Piece};
use hefu_answer::{Choice, Delta, Finish, Summary, TokenLogprob};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// Shape of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The text is in `message`.
    Chat,
    /// The text is in `response`.
    Generate,
}

/// Lines of one answer.
pub(super) struct Lines {
    shape: Shape,
    model: String,
    fingerprint: String,
    labels: Map<String, Value>,
    /// Calls whose arguments still grow; each goes out whole.
    choice: Choice,
    sent_calls: usize,
    is_first: bool,
}

impl Lines {
    pub(super) fn new(answer: &Answer, shape: Shape) -> Self {
        Self {
            shape,
            model: answer.model.clone(),
            fingerprint: answer.fingerprint.clone(),
            labels: answer.labels.clone(),
            choice: Choice::default(),
            sent_calls: 0,
            is_first: true,
        }
    }

    /// A line that is not the last.
    fn part(&mut self, text: &str, thinking: &str, calls: &[Value]) -> Map<String, Value> {
        let mut fields = self.frame(text, thinking, calls);
        fields.insert("done".to_owned(), json!(false));
        if std::mem::take(&mut self.is_first) {
            fields.extend(self.labels.clone());
        }
        let tokens = std::mem::take(&mut self.choice.logprobs);
        if !tokens.is_empty() {
            fields.insert("logprobs".to_owned(), tokens.iter().map(logprob).collect());
        }
        fields
    }

    fn frame(&self, text: &str, thinking: &str, calls: &[Value]) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("model".to_owned(), json!(self.model));
        fields.insert("created_at".to_owned(), json!(now()));
        let mut own = Map::new();
        if self.shape == Shape::Chat {
            own.insert("role".to_owned(), json!("assistant"));
        }
        let name = if self.shape == Shape::Chat { "content" } else { "response" };
        own.insert(name.to_owned(), json!(text));
        if !thinking.is_empty() {
            own.insert("thinking".to_owned(), json!(thinking));
        }
        if !calls.is_empty() {
            own.insert("tool_calls".to_owned(), json!(calls));
        }
        match self.shape {
            Shape::Chat => fields.insert("message".to_owned(), own.into()).map_or((), drop),
            Shape::Generate => fields.extend(own),
        }
        fields
    }

    /// The last line, with `text` and so on where the answer was not streamed.
    fn last(&self, whole: Option<&Choice>, finish: Option<&Finish>, summary: &Summary) -> Value {
        let mut fields = match whole {
            None => self.frame("", "", &[]),
            Some(choice) => self.frame(&choice.text, &choice.reasoning, &calls(choice)),
        };
        if let Some(choice) = whole.filter(|choice| !choice.logprobs.is_empty()) {
            fields.insert("logprobs".to_owned(), choice.logprobs.iter().map(logprob).collect());
        }
        let nanoseconds = |time: Duration| json!(time.as_nanos() as u64);
        let total = summary.load + summary.queued + summary.prefill + summary.decode;
        let rest = [
            ("done", json!(true)),
            ("done_reason", json!(if finish == Some(&Finish::Length) { "length" } else { "stop" })),
            ("total_duration", nanoseconds(total)),
            ("load_duration", nanoseconds(summary.load)),
            ("prompt_eval_count", json!(summary.prompt_tokens)),
            ("prompt_eval_duration", nanoseconds(summary.prefill)),
            ("eval_count", json!(summary.completion_tokens)),
            ("eval_duration", nanoseconds(summary.decode)),
            ("system_fingerprint", json!(self.fingerprint)),
        ];
        fields.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        fields.extend(self.labels.clone());
        Value::Object(fields)
    }

    /// The whole of an answer that is not streamed.
    pub(super) fn whole(&self, choice: &Choice, summary: &Summary) -> Value {
        self.last(Some(choice), choice.finish.as_ref(), summary)
    }

    /// Calls that are complete, because something else has come after them.
    fn send_calls(&mut self, out: &mut String) {
        let all = calls(&self.choice);
        let new = all.get(self.sent_calls..).unwrap_or_default().to_vec();
        self.sent_calls = all.len();
        if !new.is_empty() {
            let part = self.part("", "", &new);
            line(&Value::Object(part), out);
        }
    }
}

impl Events for Lines {
    fn begin(&mut self, _: &mut String) {}

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { delta: Delta::CallArguments { call, text }, .. } => {
                self.choice.push(Delta::CallArguments { call, text });
            }
            Piece::Delta { delta, .. } => {
                self.send_calls(out);
                let part = match &delta {
                    Delta::Text(text) => Some(self.part(text, "", &[])),
                    Delta::Reasoning(text) => Some(self.part("", text, &[])),
                    _ => None,
                };
                match part {
                    Some(part) => line(&Value::Object(part), out),
                    None => self.choice.push(delta),
                }
            }
            Piece::Labels(labels) => self.labels = labels,
            Piece::Done(summary) => line(&self.last(None, self.choice.finish.as_ref(), &summary), out),
            Piece::Failed(error) => line(&error.ollama(), out),
        }
    }
}

/// Calls with their arguments as objects; what is no JSON stays a text.
fn calls(choice: &Choice) -> Vec<Value> {
    let call = |call: &hefu_answer::ToolCall| {
        let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
        json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}})
    };
    choice.calls.iter().map(call).collect()
}

fn logprob(entry: &TokenLogprob) -> Value {
    let one = |token: &hefu_answer::Token, logprob: f32| json!({"token": token.text(), "logprob": logprob, "bytes": token.bytes});
    let mut value = one(&entry.token, entry.logprob);
    value["top_logprobs"] = entry.top.iter().map(|(token, logprob)| one(token, *logprob)).collect();
    value
}

/// The moment, as RFC 3339 writes it.
pub(super) fn now() -> String {
    humantime::format_rfc3339_micros(SystemTime::now()).to_string()
}
