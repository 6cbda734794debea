//! `/v1/messages` as a stream: blocks that open, grow and close one after the other.

use super::super::sse::{Events, named};
use super::output;
use crate::answer::{Answer, Piece};
use hefu_answer::{Delta, Finish, Summary};
use serde_json::{Map, Value, json};

/// Events of one message.
pub(super) struct MessageStream {
    start: Value,
    labels: Map<String, Value>,
    /// The block that is open: what it is, and for a call, which.
    open: Option<Kind>,
    /// Blocks that were opened so far.
    blocks: usize,
    finish: Option<Finish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call(usize),
}

impl MessageStream {
    pub(super) fn new(answer: &Answer) -> Self {
        let mut message = json!({
            "id": output::id(&answer.id),
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "stop_details": null,
            "container": null,
            "usage": output::usage(&Summary { prompt_tokens: answer.prompt_tokens, ..Summary::default() }),
            "system_fingerprint": answer.fingerprint,
            "seed": answer.seed,
        });
        if let Some(message) = message.as_object_mut() {
            message.extend(answer.labels.clone());
        }
        Self { start: message, labels: answer.labels.clone(), open: None, blocks: 0, finish: None }
    }

    /// Makes sure that a block of a kind is open.
    fn need(&mut self, kind: Kind, block: Value, out: &mut String) {
        if self.open != Some(kind) {
            self.close(out);
            self.open = Some(kind);
            let event = json!({"type": "content_block_start", "index": self.blocks, "content_block": block});
            named("content_block_start", &event, out);
            self.blocks += 1;
        }
    }

    fn grow(&self, delta: Value, out: &mut String) {
        let event = json!({"type": "content_block_delta", "index": self.blocks.saturating_sub(1), "delta": delta});
        named("content_block_delta", &event, out);
    }

    fn close(&mut self, out: &mut String) {
        if self.open == Some(Kind::Thinking) {
            self.grow(json!({"type": "signature_delta", "signature": ""}), out);
        }
        if self.open.take().is_some() {
            let event = json!({"type": "content_block_stop", "index": self.blocks.saturating_sub(1)});
            named("content_block_stop", &event, out);
        }
    }

    fn delta(&mut self, delta: Delta, out: &mut String) {
        match delta {
            Delta::Text(text) => {
                self.need(Kind::Text, json!({"type": "text", "text": ""}), out);
                self.grow(json!({"type": "text_delta", "text": text}), out);
            }
            Delta::Reasoning(text) => {
                self.need(Kind::Thinking, json!({"type": "thinking", "thinking": "", "signature": ""}), out);
                self.grow(json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Delta::CallStart { call, id, name } => {
                let block =
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}, "caller": {"type": "direct"}});
                self.need(Kind::Call(call), block, out);
            }
            Delta::CallArguments { text, .. } => {
                self.grow(json!({"type": "input_json_delta", "partial_json": text}), out);
            }
            Delta::Logprobs(_) => {}
            Delta::Finish(finish) => self.finish = Some(finish),
        }
    }

    fn end(&mut self, summary: &Summary, out: &mut String) {
        if self.blocks == 0 {
            // Every message has a block.
            self.need(Kind::Text, json!({"type": "text", "text": ""}), out);
        }
        self.close(out);
        let (reason, sequence) = output::stop(self.finish.as_ref());
        let mut event = json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": output::usage(summary),
        });
        if let Some(event) = event.as_object_mut() {
            event.extend(self.labels.clone());
        }
        named("message_delta", &event, out);
        named("message_stop", &json!({"type": "message_stop"}), out);
    }
}

impl Events for MessageStream {
    fn begin(&mut self, out: &mut String) {
        named("message_start", &json!({"type": "message_start", "message": self.start}), out);
        named("ping", &json!({"type": "ping"}), out);
    }

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { delta, .. } => self.delta(delta, out),
            Piece::Labels(labels) => self.labels = labels,
            Piece::Done(summary) => self.end(&summary, out),
            Piece::Failed(error) => named("error", &error.anthropic(), out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[test]
    fn blocks_open_and_close_in_order() {
        let answer = Answer {
            id: "1".into(),
            created: 0,
            model: "m".into(),
            fingerprint: "f".into(),
            prompt_tokens: 3,
            seed: 0,
            choices: 1,
            labels: Map::new(),
            pieces: mpsc::channel(1).1,
        };
        let mut stream = MessageStream::new(&answer);
        let mut out = String::new();
        stream.begin(&mut out);
        for delta in [
            Delta::Reasoning("hm".into()),
            Delta::Text("a".into()),
            Delta::Text("b".into()),
            Delta::CallStart { call: 0, id: "c0".into(), name: "f".into() },
            Delta::CallArguments { call: 0, text: "{}".into() },
            Delta::CallStart { call: 1, id: "c1".into(), name: "g".into() },
            Delta::Finish(Finish::ToolCalls),
        ] {
            stream.piece(Piece::Delta { choice: 0, delta }, &mut out);
        }
        stream.piece(Piece::Done(Summary { completion_tokens: 7, ..Summary::default() }), &mut out);
        let events: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        let block = |deltas: usize| {
            [vec!["content_block_start"], vec!["content_block_delta"; deltas], vec!["content_block_stop"]].concat()
        };
        let expected = [
            vec!["message_start", "ping"],
            block(2),
            block(2),
            block(1),
            block(0),
            vec!["message_delta", "message_stop"],
        ];
        assert_eq!(events, expected.concat());
        assert!(out.contains("\"stop_reason\":\"tool_use\"") && out.contains("\"output_tokens\":7"));
    }
}
