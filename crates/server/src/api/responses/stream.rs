//! `/v1/responses` as a stream: items that open, grow and close one after the other.

use super::super::sse::{Events, named};
use super::Keeper;
use super::items;
use super::resource::Resource;
use crate::answer::Piece;
use crate::error::ApiError;
use crate::ids;
use hefu_answer::ToolCall;
use hefu_answer::{Delta, Finish, Summary, TokenLogprob};
use serde_json::{Value, json};

/// Events of one response.
pub(super) struct ResponseStream {
    resource: Resource,
    /// Keeps the response once it is whole.
    keeper: Option<Keeper>,
    /// Events so far.
    sequence: u64,
    /// Items that are closed.
    output: Vec<Value>,
    open: Option<Open>,
    /// Log-probabilities that wait for their text, and those of the open text.
    waiting: Vec<TokenLogprob>,
    logprobs: Vec<TokenLogprob>,
    finish: Option<Finish>,
}

/// The item that is open.
enum Open {
    Reasoning(String),
    Message(String),
    /// Number of the call in the answer, and the call so far.
    Call(usize, ToolCall),
}

impl ResponseStream {
    pub(super) fn new(resource: Resource, keeper: Option<Keeper>) -> Self {
        Self {
            resource,
            keeper,
            sequence: 0,
            output: Vec::new(),
            open: None,
            waiting: Vec::new(),
            logprobs: Vec::new(),
            finish: None,
        }
    }

    fn event<const N: usize>(&mut self, name: &str, fields: [(&str, Value); N], out: &mut String) {
        let mut event = json!({"type": name, "sequence_number": self.sequence});
        self.sequence += 1;
        if let Some(event) = event.as_object_mut() {
            event.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        }
        named(name, &event, out);
    }

    /// An event about the open item.
    fn of_item<const N: usize>(&mut self, name: &str, id: &str, fields: [(&str, Value); N], out: &mut String) {
        let mut event = json!({
            "type": name,
            "sequence_number": self.sequence,
            "item_id": format!("{id}_{}", self.resource.answer_id()),
            "output_index": self.output.len(),
        });
        self.sequence += 1;
        if let Some(event) = event.as_object_mut() {
            event.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        }
        named(name, &event, out);
    }

    fn added(&mut self, item: Value, out: &mut String) {
        let index = json!(self.output.len());
        self.event("response.output_item.added", [("output_index", index), ("item", item)], out);
    }

    fn done(&mut self, item: Value, out: &mut String) {
        let index = json!(self.output.len());
        self.event("response.output_item.done", [("output_index", index), ("item", item.clone())], out);
        self.output.push(item);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        if !matches!(self.open, Some(Open::Message(_))) {
            self.close(out);
            self.open = Some(Open::Message(String::new()));
            let mut item = items::message_item(self.resource.answer_id(), "", &[]);
            item["status"] = json!("in_progress");
            item["content"] = json!([]);
            self.added(item, out);
            let part = items::text_part("", &[]);
            self.of_item("response.content_part.added", "msg", [("content_index", json!(0)), ("part", part)], out);
        }
        if let Some(Open::Message(whole)) = &mut self.open {
            whole.push_str(text);
        }
        let tokens = std::mem::take(&mut self.waiting);
        let fields = [("content_index", json!(0)), ("delta", json!(text)), ("logprobs", items::logprobs(&tokens))];
        self.logprobs.extend(tokens);
        self.of_item("response.output_text.delta", "msg", fields, out);
    }

    fn reasoning(&mut self, text: &str, out: &mut String) {
        if !matches!(self.open, Some(Open::Reasoning(_))) {
            self.close(out);
            self.open = Some(Open::Reasoning(String::new()));
            self.added(items::reasoning_item(self.resource.answer_id(), ""), out);
        }
        if let Some(Open::Reasoning(whole)) = &mut self.open {
            whole.push_str(text);
        }
        let fields = [("content_index", json!(0)), ("delta", json!(text))];
        self.of_item("response.reasoning_text.delta", "rs", fields, out);
    }

    fn call(&mut self, at: usize, call: ToolCall, out: &mut String) {
        self.close(out);
        self.added(items::call_item(self.resource.answer_id(), at, &call, "in_progress"), out);
        self.open = Some(Open::Call(at, call));
    }

    fn arguments(&mut self, text: &str, out: &mut String) {
        let Some(Open::Call(at, call)) = &mut self.open else { return };
        call.arguments.push_str(text);
        let (index, item) = (json!(self.output.len()), format!("fc_{}_{at}", self.resource.answer_id()));
        let fields = [("item_id", json!(item)), ("output_index", index), ("delta", json!(text))];
        self.event("response.function_call_arguments.delta", fields, out);
    }

    fn close(&mut self, out: &mut String) {
        match self.open.take() {
            None => {}
            Some(Open::Reasoning(text)) => {
                let fields = [("content_index", json!(0)), ("text", json!(text))];
                self.of_item("response.reasoning_text.done", "rs", fields, out);
                self.done(items::reasoning_item(self.resource.answer_id(), &text), out);
            }
            Some(Open::Message(text)) => {
                self.logprobs.append(&mut self.waiting);
                let tokens = std::mem::take(&mut self.logprobs);
                let fields =
                    [("content_index", json!(0)), ("text", json!(text)), ("logprobs", items::logprobs(&tokens))];
                self.of_item("response.output_text.done", "msg", fields, out);
                let fields = [("content_index", json!(0)), ("part", items::text_part(&text, &tokens))];
                self.of_item("response.content_part.done", "msg", fields, out);
                self.done(items::message_item(self.resource.answer_id(), &text, &tokens), out);
            }
            Some(Open::Call(at, call)) => {
                let item = items::call_item(self.resource.answer_id(), at, &call, "completed");
                let (index, id) = (json!(self.output.len()), item["id"].clone());
                let fields = [("item_id", id), ("output_index", index), ("arguments", json!(call.arguments))];
                self.event("response.function_call_arguments.done", fields, out);
                self.done(item, out);
            }
        }
    }

    fn end(&mut self, summary: &Summary, out: &mut String) {
        if self.open.is_none() && self.output.is_empty() {
            // Every response has an item.
            self.text("", out);
        }
        self.close(out);
        let name = match self.finish {
            Some(Finish::Length) => "response.incomplete",
            _ => "response.completed",
        };
        let output = std::mem::take(&mut self.output);
        let response = self.resource.ended(output, self.finish.as_ref(), summary, ids::unix_seconds());
        if let Some(keeper) = self.keeper.take() {
            keeper.keep(&response);
        }
        self.event(name, [("response", response)], out);
    }

    fn fail(&mut self, error: &ApiError, out: &mut String) {
        let output = std::mem::take(&mut self.output);
        let response = self.resource.failed(output, error);
        self.event("response.failed", [("response", response)], out);
    }
}

impl Events for ResponseStream {
    fn begin(&mut self, out: &mut String) {
        for name in ["response.created", "response.in_progress"] {
            let response = self.resource.begun();
            self.event(name, [("response", response)], out);
        }
    }

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { delta, .. } => match delta {
                Delta::Text(text) => self.text(&text, out),
                Delta::Reasoning(text) => self.reasoning(&text, out),
                Delta::CallStart { call, id, name } => {
                    self.call(call, ToolCall { id, name, arguments: String::new() }, out);
                }
                Delta::CallArguments { text, .. } => self.arguments(&text, out),
                Delta::Logprobs(tokens) => self.waiting.extend(tokens),
                Delta::Finish(finish) => self.finish = Some(finish),
            },
            Piece::Labels(labels) => self.resource.label(labels),
            Piece::Done(summary) => self.end(&summary, out),
            Piece::Failed(error) => self.fail(&error, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use serde_json::Map;
    use tokio::sync::mpsc;

    fn events(deltas: Vec<Delta>) -> Vec<Value> {
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
        let mut stream = ResponseStream::new(Resource::new(&answer, Map::new()), None);
        let mut out = String::new();
        stream.begin(&mut out);
        for delta in deltas {
            stream.piece(Piece::Delta { choice: 0, delta }, &mut out);
        }
        stream.piece(Piece::Done(Summary::default()), &mut out);
        let data = out.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn items_open_and_close_in_order_and_the_end_holds_them_all() {
        let events = events(vec![
            Delta::Reasoning("hm".into()),
            Delta::Text("a".into()),
            Delta::Text("b".into()),
            Delta::CallStart { call: 0, id: "c0".into(), name: "f".into() },
            Delta::CallArguments { call: 0, text: "{}".into() },
            Delta::Finish(Finish::ToolCalls),
        ]);
        let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.reasoning_text.delta",
                "response.reasoning_text.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap().clone();
        assert_eq!(output[1]["content"][0]["text"], "ab");
        assert_eq!(output[2]["arguments"], "{}");
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
        assert_eq!(done.map(|event| event["item"].clone()).collect::<Vec<_>>(), output);
    }

    #[test]
    fn an_answer_that_was_cut_is_incomplete() {
        let events = events(vec![Delta::Finish(Finish::Length)]);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(last["response"]["output"][0]["type"], "message");
    }
}
