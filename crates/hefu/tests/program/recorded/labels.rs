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
        let expected = json!({"Label": "1", "ContentProducer": "somebody", "ProduceID": reply.id, "ReservedCode1": "",
            "ContentPropagator": "somebody", "PropagateID": reply.id, "ReservedCode2": ""});
        let header: Value = serde_json::from_str(reply.aigc.as_ref().unwrap()).unwrap();
        assert_eq!(header, expected, "{name}");
        if body["stream"] == true {
            let chunks = chunks(&reply);
            let labelled: Vec<usize> = chunks
                .iter()
                .enumerate()
                .filter(|(_, chunk)| label(chunk) == Some(&expected))
                .map(|(at, _)| at)
                .collect();
            // The end of a message says nothing more than that it is the end.
            let last = chunks.iter().rposition(|chunk| chunk["type"] != "message_stop").unwrap();
            assert!(
                labelled.first() == Some(&0) && labelled.contains(&last),
                "{name}: {labelled:?} of {}",
                chunks.len()
            );
            assert!(last > 0, "{name}");
        } else {
            assert_eq!(label(&reply.json()), Some(&expected), "{name}");
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
