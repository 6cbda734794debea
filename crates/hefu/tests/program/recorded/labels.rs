//! Labels of generated content: beside every answer, in every dialect, and never in its text.

use super::server::{Reply, Server, dialects};
use crate::support::Home;
use serde_json::{Value, json};

/// The objects of a stream, of events or of lines.
fn chunks(reply: &Reply) -> Vec<Value> {
    let data = reply.body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    data.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The label in an object or in the response or message that it holds.
fn label(value: &Value) -> Option<&Value> {
    value.get("aigc").or_else(|| value.pointer("/response/aigc")).or_else(|| value.pointer("/message/aigc"))
}

#[test]
fn every_dialect_is_labelled_at_both_ends_and_never_in_its_text() {
    let home = Home::new();
    let labelled = Server::start(&home, &["--label", "cn", "--label-producer", "somebody"]);
    let plain = Server::start(&home, &[]);
    for (name, path, body) in dialects() {
        let reply = labelled.post(path, &body);
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let receipt = labelled.get(&format!("/v1/receipts/{}", reply.id)).json();
        let with = |code: &Value| {
            json!({"Label": "1", "ContentProducer": "somebody", "ProduceID": reply.id, "ReservedCode1": code,
                "ContentPropagator": "somebody", "PropagateID": reply.id, "ReservedCode2": ""})
        };
        // Before the answer there is no receipt that could be named.
        let (begun, ended) = (with(&json!("")), with(&receipt["digest"]));
        let is_streamed = body["stream"] == true;
        let header: Value = serde_json::from_str(reply.aigc.as_ref().unwrap()).unwrap();
        assert_eq!(header, if is_streamed { begun.clone() } else { ended.clone() }, "{name}");
        if is_streamed {
            let chunks = chunks(&reply);
            // The end of a message says nothing more than that it is the end.
            let last = chunks.iter().rposition(|chunk| chunk["type"] != "message_stop").unwrap();
            assert!(last > 0, "{name}");
            assert_eq!(label(&chunks[0]), Some(&begun), "{name}");
            assert_eq!(label(&chunks[last]), Some(&ended), "{name}");
        } else {
            assert_eq!(label(&reply.json()), Some(&ended), "{name}");
        }
        let without = plain.post(path, &body);
        assert!(without.aigc.is_none() && !without.body.contains("aigc"), "{name}");
        assert_eq!(text(&reply), text(&without), "{name}");
        assert!(!text(&reply).is_empty(), "{name}");
    }
}

/// All text of an answer, however it came.
fn text(reply: &Reply) -> String {
    const PLACES: [&str; 9] = [
        "/choices/0/message/content",
        "/choices/0/delta/content",
        "/choices/0/text",
        "/output/0/content/0/text",
        "/delta",
        "/delta/text",
        "/content/0/text",
        "/message/content",
        "/response",
    ];
    let of = |chunk: &Value| PLACES.iter().find_map(|place| chunk.pointer(place)?.as_str()).map(str::to_owned);
    chunks(reply).iter().filter_map(of).collect()
}

#[test]
fn the_label_of_several_answers_names_the_receipt_of_the_first() {
    let home = Home::new();
    let server = Server::start(&home, &["--label", "cn", "--label-producer", "somebody"]);
    for body in [
        json!({"prompt": ["one", "two three"], "n": 2, "max_tokens": 6}),
        json!({"prompt": ["one", "two three"], "n": 2, "max_tokens": 6, "stream": true, "stream_options": {"include_usage": true}}),
    ] {
        let reply = server.post("/v1/completions", &body);
        let receipt = server.get(&format!("/v1/receipts/{}", reply.id)).json();
        let chunks = chunks(&reply);
        let last = chunks.last().and_then(label).unwrap_or_else(|| panic!("{}", reply.body));
        assert_eq!(last["ReservedCode1"], receipt["digest"]);
    }
}

#[test]
fn a_label_needs_a_producer_and_a_producer_a_label() {
    let home = Home::new();
    assert!(home.tiny(&["serve", "--port", "0", "--label", "cn"]).failure(2).contains("--label-producer"));
    assert!(home.tiny(&["serve", "--port", "0", "--label-producer", "x"]).failure(2).contains("--label"));
    let spaced = home.tiny(&["serve", "--port", "0", "--label", "cn", "--label-producer", "a b"]);
    assert!(spaced.failure(2).contains("visible ASCII"));
    let wrong =
        home.tiny(&["serve", "--port", "0", "--label", "cn", "--label-producer", "001191350100M000100Y4410001"]);
    assert!(wrong.failure(2).contains("check digit"));
}

#[test]
fn a_document_names_the_receipt_of_its_answer() {
    let home = Home::new();
    let run = |seed: &str, receipt: &str| {
        let answer =
            home.tiny(&["run", "--json", "--raw", "-n", "6", "--seed", seed, "--receipt", receipt, "hi"]).success();
        std::fs::write(home.path(&format!("{seed}.json")), answer).unwrap();
    };
    run("1", "one.json");
    run("2", "two.json");
    let export = |receipt: &str| {
        home.hefu(&["export", "1.json", "--receipt", receipt, "--label", "cn", "--label-producer", "somebody"])
    };
    let document = export("one.json").success();
    let receipt: serde_json::Value = serde_json::from_slice(&std::fs::read(home.path("one.json")).unwrap()).unwrap();
    for (field, value) in [("ReservedCode1", &receipt["digest"]), ("ProduceID", &receipt["answer"]["id"])] {
        assert!(document.contains(&format!("  {field}: {value}\n")), "{field} {value} in {document}");
    }
    std::fs::write(home.path("answer.md"), &document).unwrap();
    home.hefu(&["label", "check", "answer.md"]).success();
    assert!(export("two.json").failure(1).contains("of another text"));
    assert!(home.tiny(&["run", "--receipt", "no/such/folder/r.json", "hi"]).failure(1).contains("write the receipt"));
}
