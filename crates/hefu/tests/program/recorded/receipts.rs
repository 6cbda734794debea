//! Every answer has a receipt under its id, and `hefu verify` makes the answer again by it.

use super::server::{Server, dialects};
use crate::support::Home;
use serde_json::{Value, json};

/// A template that has tools and leaves the answer in the middle of reasoning where it is asked to.
pub(super) const TEMPLATE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if tools %}<tool_call>\
                        {% endif %}{% if enable_thinking %}<think>\n{% endif %}";

/// The lines that `hefu verify` says of receipts.
fn verify(home: &Home, receipts: &[(String, String)], more: &[&str]) -> Vec<String> {
    let text: String = receipts.iter().map(|(_, receipt)| receipt.as_str()).collect();
    std::fs::write(home.path("receipts.jsonl"), text).unwrap();
    let said = home.tiny(&[&["verify", "receipts.jsonl"], more].concat());
    let lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), receipts.len(), "{}{}", said.stdout, said.stderr);
    lines
}

fn all_match(home: &Home, receipts: &[(String, String)], more: &[&str]) {
    for ((name, _), line) in receipts.iter().zip(verify(home, receipts, more)) {
        assert!(line.contains(": matches ("), "{name}: {line}");
    }
}

#[test]
fn every_dialect_has_a_receipt_that_matches() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let mut receipts = Vec::new();
    for (name, path, body) in dialects() {
        let reply = server.post(path, &body);
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let receipt = server.get(&format!("/v1/receipts/{}", reply.id));
        assert_eq!((receipt.status, &receipt.json()["answer"]["id"]), (200, &json!(reply.id)), "{name}");
        if path.starts_with("/v1") && body["stream"] == false {
            // The id in the body names it too, with what the dialect puts before it.
            let id = reply.json()["id"].as_str().unwrap().to_owned();
            assert!(id.ends_with(&reply.id), "{name}");
            assert_eq!(server.get(&format!("/v1/receipts/{id}")).body, receipt.body, "{name}");
        }
        receipts.push((name, receipt.body));
    }
    all_match(&home, &receipts, &[]);
    all_match(&home, &receipts, &["--steps", "--threads", "1", "--isa", "portable"]);
    let missing = server.get("/v1/receipts/0198c0de-0000-7000-8000-000000000001");
    assert_eq!(missing.status, 404);
    assert!(missing.sentence().contains("no receipt of this answer"));
}

/// Asks with many kinds of requests; the receipts of every choice.
pub(super) fn many_kinds(server: &Server) -> Vec<(String, String)> {
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {
        "type": "object", "properties": {"z": {"type": "boolean"}, "a": {"enum": ["x", "yy"]}}, "required": ["z", "a"],
        "additionalProperties": false}}}]);
    let schema = tools[0]["function"]["parameters"].clone();
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
    let kinds = [
        ("choices", json!({"n": 3})),
        ("schema", json!({"response_format": schema, "max_tokens": 64})),
        ("any JSON, cut", json!({"response_format": {"type": "json_object"}})),
        ("regex", json!({"response_format": {"type": "regex", "regex": "[ab]{3,9}c"}})),
        ("one of some", json!({"response_format": {"type": "choice", "choices": ["red wine", "red apple"]}, "n": 2})),
        ("tool", json!({"tools": tools, "tool_choice": "required", "max_tokens": 128})),
        (
            "one tool",
            json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "f"}},
            "max_tokens": 128, "parallel_tool_calls": false}),
        ),
        ("tools, freely", json!({"tools": tools})),
        ("reasoning", json!({"enable_thinking": true})),
        ("schema after reasoning", json!({"enable_thinking": true, "response_format": schema})),
        ("stop strings", json!({"stop": ["e", "t", "\n", " ", "a"], "max_tokens": 128})),
        ("log-probabilities", json!({"logprobs": true, "top_logprobs": 3})),
        (
            "settings",
            json!({"top_k": 20, "min_p": 0.01, "repetition_penalty": 1.3, "logit_bias": {"101": 3.5},
            "dry_multiplier": 0.8, "xtc_probability": 0.5, "ignore_eos": true}),
        ),
    ];
    let mut receipts = Vec::new();
    for (name, more) in kinds {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 20, "seed": 3,
            "temperature": 1.1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = server.post("/v1/chat/completions", &body);
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let count = body["n"].as_u64().unwrap_or(1);
        receipts.extend((0..count).map(|choice| (name.to_owned(), receipt(server, &reply.id, choice))));
    }
    receipts
}

fn receipt(server: &Server, id: &str, choice: u64) -> String {
    let id = if choice == 0 { id.to_owned() } else { format!("{id}-{choice}") };
    let reply = server.get(&format!("/v1/receipts/{id}"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

#[test]
fn grammars_tools_reasoning_and_stop_strings_are_made_again() {
    let home = Home::new();
    std::fs::write(home.path("template.jinja"), TEMPLATE).unwrap();
    let server = Server::start(&home, &["--template", "template.jinja"]);
    let receipts = many_kinds(&server);
    all_match(&home, &receipts, &[]);
    all_match(&home, &receipts, &["--steps"]);
    let said = verify(&home, &receipts, &[]);
    let of = |name: &str| receipts.iter().position(|(found, _)| found == name).unwrap();
    assert!(said[of("one tool")].contains("forced by its grammar"), "{}", said[of("one tool")]);
    let answer = |name: &str| serde_json::from_str::<Value>(&receipts[of(name)].1).unwrap()["answer"].clone();
    assert_eq!(answer("stop strings")["finish"], "stop_string");
    // The order of a schema's fields is a part of it.
    assert!(answer("schema")["grammar"]["text"].as_str().unwrap().contains("\"properties\":{\"z\":"));
    assert!(answer("schema after reasoning")["grammar"]["text"].as_str().unwrap().contains("after_reasoning"));
}

#[test]
fn several_prompts_of_one_request_are_counted_through() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let body = json!({"prompt": ["one", "two"], "n": 2, "max_tokens": 6, "seed": 5, "temperature": 1.4});
    let reply = server.post("/v1/completions", &body);
    let receipts: Vec<_> = (0..4).map(|choice| (choice.to_string(), receipt(&server, &reply.id, choice))).collect();
    all_match(&home, &receipts, &[]);
    let prompts: Vec<Value> = receipts
        .iter()
        .map(|(_, text)| serde_json::from_str::<Value>(text).unwrap()["answer"]["prompt"].clone())
        .collect();
    assert_eq!((&prompts[0], &prompts[2]), (&prompts[1], &prompts[3]));
    assert_ne!(prompts[0], prompts[2]);
}

#[test]
fn a_client_that_goes_away_leaves_a_receipt_of_what_was_said() {
    use std::io::{Read, Write};
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    let body = json!({"prompt": "one", "max_tokens": 200, "stream": true, "seed": 1, "ignore_eos": true}).to_string();
    let address = server.client().authority();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(stream, "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 512];
    while !String::from_utf8_lossy(&seen).contains("\"text\":") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&buffer[..count]);
    }
    drop(stream);
    server.stop();
    let listed = home.hefu(&["audit", "list", "audit.db", "--json", "--type", "answer"]).success();
    let record: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = record["id"].as_str().unwrap().to_owned();
    let receipt = home.hefu(&["audit", "show", "audit.db", &id, "--receipt"]).success();
    let answer: Value = serde_json::from_str(&receipt).unwrap();
    let (finish, count) = (&answer["answer"]["finish"], answer["answer"]["output"].as_array().unwrap().len());
    // The machine may have been faster than the client.
    assert!(finish == "cancelled" && count < 200 || finish == "max_tokens", "{finish} {count}");
    all_match(&home, &[("cancelled".to_owned(), receipt)], &[]);
}

#[test]
fn prompts_are_hidden_where_the_operator_or_the_client_wants_it() {
    let home = Home::new();
    let body = json!({"prompt": "secret", "max_tokens": 6, "seed": 5});
    for (arguments, header) in [(vec!["--hide-prompts"], "false"), (vec![], "true")] {
        let server = Server::start(&home, &arguments);
        let ids = server.post("/tokenize", &json!({"content": "secret", "add_special": true}));
        std::fs::write(home.path("ids"), ids.json()["tokens"].to_string()).unwrap();
        let client = server.client();
        let reply = client.post("/v1/completions", &body, &[("x-hefu-hide-prompt", header)]).unwrap();
        let text = receipt(&server, &reply.id, 0);
        let prompt = serde_json::from_str::<Value>(&text).unwrap()["answer"]["prompt"].clone();
        assert!(prompt["hash"]["sha256"].is_string() && prompt["tokens"].is_null(), "{prompt}");
        let receipts = [("hidden".to_owned(), text)];
        assert!(verify(&home, &receipts, &[])[0].contains("--prompt-ids"));
        all_match(&home, &receipts, &["--prompt-ids", "ids"]);
        let unclear = client.post("/v1/completions", &body, &[("x-hefu-hide-prompt", "perhaps")]).unwrap();
        assert_eq!((unclear.status, unclear.sentence().contains("true or false")), (400, true));
    }
}

#[test]
fn a_key_gets_the_receipts_of_its_own_answers_alone() {
    let home = Home::new();
    let keys: Vec<String> = ["one", "two"]
        .iter()
        .map(|name| home.hefu(&["key", "add", name]).success().split_whitespace().last().unwrap().to_owned())
        .collect();
    for arguments in [vec!["--require-key"], vec!["--require-key", "--receipts", "0", "--audit", "audit.db"]] {
        let server = Server::start(&home, &arguments);
        let bearer = |key: &str| format!("Bearer {key}");
        let (one, two) = (bearer(&keys[0]), bearer(&keys[1]));
        let body = json!({"prompt": "a", "max_tokens": 4});
        let reply = server.client().post("/v1/completions", &body, &[("authorization", &one)]).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        let path = format!("/v1/receipts/{}", reply.id);
        assert_eq!(server.client().get(&path, &[("authorization", &one)]).status, 200);
        assert_eq!(server.client().get(&path, &[("authorization", &two)]).status, 404);
        assert_eq!(server.get(&path).status, 401);
    }
}

#[test]
fn without_a_log_the_newest_receipts_are_kept_and_with_none_it_is_said() {
    let home = Home::new();
    let body = json!({"prompt": "a", "max_tokens": 3});
    let server = Server::start(&home, &["--receipts", "2"]);
    let ids: Vec<String> = (0..3).map(|_| server.post("/v1/completions", &body).id).collect();
    let status = |id: &String| server.get(&format!("/v1/receipts/{id}")).status;
    assert_eq!(ids.iter().map(status).collect::<Vec<_>>(), [404, 200, 200]);
    let server = Server::start(&home, &["--receipts", "0"]);
    let reply = server.post("/v1/completions", &body);
    let none = server.get(&format!("/v1/receipts/{}", reply.id));
    assert_eq!((none.status, none.sentence().contains("makes no receipts")), (404, true));
}
