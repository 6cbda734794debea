//! Receipts that state what lies between the layers of a model, and where two who disagree part.

use super::receipts::{TEMPLATE, many_kinds};
use super::server::Server;
use crate::support::Home;
use hefu_model::gguf::Gguf;
use hefu_proof::{Identity, Receipt};
use serde_json::{Value, json};

/// Flags of every question.
const ASKED: [&str; 6] = ["--raw", "--temperature", "0", "-n", "6", "the end of the"];

/// Has a model answer; its receipt, and its digests beside it.
fn answered(home: &Home, model: &str, name: &str) -> String {
    home.hefu(&[&["run", "--receipt", name, "--trace", "--model", model], &ASKED[..]].concat()).success();
    std::fs::read_to_string(home.path(name)).unwrap()
}

/// The line that `hefu verify --trace` says of a receipt, and its status.
fn verify(home: &Home, receipt: &str, more: &[&str]) -> (i32, String) {
    let said = home.tiny(&[&["verify", "--trace", receipt], more].concat());
    (said.status, said.stdout)
}

/// The tiny model with one bit of one weight of its second layer changed.
fn altered(home: &Home) {
    let mut bytes = std::fs::read(home.model()).unwrap();
    let gguf = Gguf::parse(&[&bytes]).unwrap();
    let data = gguf.data(gguf.tensor("blk.1.ffn_down.weight").unwrap());
    let place = data.as_ptr() as usize - bytes.as_ptr() as usize;
    // The greatest bit of the first number's fraction.
    bytes[place + 2] ^= 0x40;
    std::fs::write(home.path("altered.gguf"), bytes).unwrap();
}

#[test]
fn a_trace_that_fits_is_made_again_in_any_way() {
    let home = Home::new();
    let receipt = answered(&home, "tiny.gguf", "a.json");
    let stated: Value = serde_json::from_str(&receipt).unwrap();
    let (prompt, output) = (&stated["answer"]["prompt"]["tokens"], &stated["answer"]["output"]);
    let positions = prompt.as_array().unwrap().len() + output.as_array().unwrap().len() - 1;
    assert_eq!(stated["answer"]["trace"]["positions"], positions);
    for more in [&[][..], &["--steps"], &["--isa", "portable", "--threads", "1"], &["--prefill-chunk", "3"]] {
        let (status, line) = verify(&home, "a.json", more);
        assert!(status == 0 && line.contains(&format!("its trace fits (2 layers of {positions} positions)")), "{line}");
    }
    // Its digests are beside it, and it fits without them.
    let digests = std::fs::read_to_string(home.path("a.json.trace")).unwrap();
    assert_eq!(digests.lines().count(), 1 + positions);
    std::fs::remove_file(home.path("a.json.trace")).unwrap();
    assert_eq!(verify(&home, "a.json", &[]).0, 0);
    let found = home.tiny(&["verify", "--trace", "--json", "a.json"]).json();
    assert_eq!(found["receipts"][0]["trace"], json!({"fits": true}));
    // The answer is the one without a trace.
    home.tiny(&[&["run", "--receipt", "plain.json"], &ASKED[..]].concat()).success();
    let plain: Value = serde_json::from_str(&std::fs::read_to_string(home.path("plain.json")).unwrap()).unwrap();
    assert_eq!((&plain["answer"]["output"], &plain["answer"]["trace"]), (output, &Value::Null));
    let (status, line) = verify(&home, "plain.json", &[]);
    assert!(status == 1 && line.contains("refused: it states no trace"), "{line}");
}

#[test]
fn who_computed_with_other_weights_is_found_out_at_the_layer() {
    let home = Home::new();
    altered(&home);
    let right: Value = serde_json::from_str(&answered(&home, "tiny.gguf", "right.json")).unwrap();
    let wrong = Receipt::parse(&answered(&home, "altered.gguf", "wrong.json")).unwrap();
    // Its maker says that it is of the model that it is not of, and signs that.
    let mut answer = wrong.answer().clone();
    answer.fingerprint = right["answer"]["fingerprint"].as_str().unwrap().to_owned();
    let forged = Receipt::sign(answer, &Identity::from_seed(&[7; 32])).unwrap();
    std::fs::write(home.path("forged.json"), forged.to_text()).unwrap();
    let (status, line) = verify(&home, "forged.json", &[]);
    assert!(status == 1 && line.contains("its trace differs; where, the digests"), "{line}");
    let (status, line) = verify(&home, "forged.json", &["--digests", "wrong.json.trace"]);
    let place = "its trace differs first at layer 1 of position 0 (token 0 of the prompt)";
    assert!(status == 1 && line.contains(place), "{line}");
    std::fs::copy(home.path("wrong.json.trace"), home.path("forged.json.trace")).unwrap();
    let found = home.tiny(&["verify", "--trace", "--json", "forged.json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["receipts"][0]["trace"], json!({"fits": false, "position": 0, "layer": 1}));
    // Digests that are another's tell nothing, and what is none is refused.
    let (_, line) = verify(&home, "forged.json", &["--digests", "right.json.trace"]);
    assert!(line.contains("not those of the receipt"), "{line}");
    let sentence = home.tiny(&["verify", "--trace", "forged.json", "--digests", "right.json"]).failure(1);
    assert!(sentence.contains("it is no trace"), "{sentence}");
}

#[test]
fn a_server_traces_every_answer() {
    let home = Home::new();
    std::fs::write(home.path("template.jinja"), TEMPLATE).unwrap();
    let server = Server::start(&home, &["--template", "template.jinja", "--trace"]);
    for (name, receipt) in many_kinds(&server) {
        let answer = serde_json::from_str::<Value>(&receipt).unwrap()["answer"].clone();
        let digests = server.get(&format!("/v1/receipts/{}/trace", answer["id"].as_str().unwrap()));
        assert_eq!(digests.status, 200, "{name}: {}", digests.body);
        assert_eq!(digests.body.lines().count() as u64, 1 + answer["trace"]["positions"].as_u64().unwrap(), "{name}");
        std::fs::write(home.path("a.json"), receipt).unwrap();
        std::fs::write(home.path("a.json.trace"), digests.body).unwrap();
        let (status, line) = verify(&home, "a.json", &[]);
        assert!(status == 0 && line.contains("its trace fits"), "{name}: {line}");
    }
    let server = Server::start(&home, &[]);
    let reply = server.post("/v1/completions", &json!({"prompt": "one", "max_tokens": 3}));
    let none = server.get(&format!("/v1/receipts/{}/trace", reply.id));
    assert_eq!((none.status, none.sentence().contains("without --trace")), (404, true));
}
