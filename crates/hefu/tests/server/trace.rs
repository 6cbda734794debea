//! `/v1/trace`: the same as `hefu trace`, to the bit, and nobody else waits for it.

use crate::process::Home;
use serde_json::{Value, json};

const PROMPT: &str = "The tally ";

/// Output of `hefu trace` for the same.
fn command(home: &Home, flags: &[&str]) -> Value {
    let model = home.model();
    let always = ["trace", "--json", "--raw", "--seed", "3", "--max-tokens", "5", "--context", "32768", "--model"];
    let output = home.command(&[&always, &[model.to_str().unwrap()][..], flags, &[PROMPT]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn body(more: Value) -> Value {
    let mut body = json!({"prompt": PROMPT, "seed": 3, "max_tokens": 5});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn what_is_seen_over_http_is_what_the_command_sees() {
    let home = Home::new();
    let server = home.serve(&[]);
    let list = server.get("/v1/trace").success();
    assert_eq!(list["data"], server.get("/v1/trace/tiny").success()["data"]);
    assert_eq!(server.get("/v1/trace/absent").status, 404);
    let names = list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>();
    for known in ["embedding", "queries_rotated", "attention", "block_output", "lens", "logits"] {
        assert!(names.contains(&known), "{names:?}");
    }
    let values: Vec<Value> = names.iter().map(|name| json!({"name": name, "positions": "0,3-20"})).collect();
    let found = server.post("/v1/trace", &body(json!({"values": values, "candidates": 300}))).success();
    let flags: Vec<&str> = names.iter().flat_map(|name| ["--value", *name]).collect();
    let own =
        command(&home, &[&flags[..], &["--position", "0,3-20", "--candidates", "300", "--isa", "portable"]].concat());
    assert_eq!(found["system_fingerprint"], own["fingerprint"]);
    for key in ["prompt_tokens", "tokens", "steps", "values"] {
        assert!(found[key] == own[key], "{key} differs");
    }
    assert!(found["steps"].as_array().unwrap().len() == 5 && found["parameters"]["seed"] == 3 && found["seed"] == "3");

    // The answer is one like any other, with a receipt, and looking at it again makes no other.
    server.get(&format!("/v1/receipts/{}", found["id"].as_str().unwrap())).success();
    let prompt = found["prompt_tokens"].as_u64().unwrap() as usize;
    let tokens = found["tokens"].as_array().unwrap()[prompt..].to_vec();
    let answer: Vec<&Value> = tokens.iter().map(|token| &token["id"]).collect();
    let again =
        server.post("/v1/trace", &body(json!({"answer": answer, "values": values, "candidates": 300}))).success();
    assert!(again["id"].is_null() && again["values"] == found["values"] && again["steps"] == found["steps"]);
}

#[test]
fn parts_of_it_come_as_safetensors_and_as_likeliest_tokens() {
    let home = Home::new();
    let server = home.serve(&[]);
    let values = json!([{"name": "queries_rotated", "layers": [1], "heads": [1, 0], "positions": [2, 4]}, {"name": "logits", "positions": [4]}]);
    let file = server.post("/v1/trace", &body(json!({"values": values, "format": "safetensors"})));
    assert_eq!(file.status, 200);
    let bytes = &file.body[..];
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let seen = server.post("/v1/trace", &body(json!({"values": values}))).success();
    for value in seen["values"].as_array().unwrap() {
        let name = value["name"].as_str().unwrap();
        let key = value["layer"].as_u64().map_or_else(|| name.to_owned(), |layer| format!("{layer}.{name}"));
        let offset = |at: usize| 8 + length + header[&key]["data_offsets"][at].as_u64().unwrap() as usize;
        let fours = bytes[offset(0)..offset(1)].as_chunks::<4>().0;
        let rows = value["numbers"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        let numbers: Vec<f32> = rows.map(|number| number.as_f64().unwrap() as f32).collect();
        assert_eq!(fours.iter().map(|four| f32::from_le_bytes(*four)).collect::<Vec<_>>(), numbers, "{key}");
    }
    assert_eq!(header["1.queries_rotated"]["shape"].as_array().unwrap().len(), 3);
    let best =
        server.post("/v1/trace", &body(json!({"values": [{"name": "lens", "positions": [4], "best": 2}]}))).success();
    let (lens, step) = (best["values"].as_array().unwrap(), &seen["values"][1]["numbers"][0]);
    let last = &lens.last().unwrap()["best"][0][0];
    assert_eq!(last["logit"], step[last["id"].as_u64().unwrap() as usize]);
}

#[test]
fn what_cannot_be_traced_is_refused_in_a_sentence() {
    let home = Home::new();
    let server = home.serve(&[]);
    let refusal = |more: Value| server.post("/v1/trace", &body(more)).refusal(400);
    assert!(refusal(json!({"values": [{"name": "querys"}]})).contains("GET /v1/trace names them"));
    assert!(refusal(json!({"values": [{"name": "queries", "heads": [99]}]})).contains("heads"));
    assert!(refusal(json!({"answer": [1_000_000]})).contains("names token 1000000"));
    assert!(refusal(json!({"answer": vec![1; 5000]})).contains("a trace may have 4096"));
    assert!(refusal(json!({"max_tokens": 5000})).contains("a trace may have 4096"));
    assert!(refusal(json!({"answer": vec![1; 4000], "candidates": 100})).contains("candidates"));
    let many = ["embedding", "block_output", "attn_norm", "queries"].map(|name| json!({"name": name}));
    assert!(refusal(json!({"answer": vec![1; 4000], "candidates": 0, "values": many})).contains("JSON holds at most"));
    assert!(refusal(json!({"n": 2})).contains("n must be 1"));
    assert!(refusal(json!({"regex": "a+"})).contains("not supported"));
    let held = json!({"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}});
    assert!(server.post("/v1/trace", &held).refusal(400).contains("held to a form"));
}

#[test]
fn answers_go_on_while_a_long_text_is_looked_at() {
    let home = Home::new();
    let server = &home.serve(&[]);
    std::thread::scope(|scope| {
        let long = json!({"prompt": "x", "answer": vec![1; 4000], "candidates": 8, "seed": 1});
        let trace = scope.spawn(move || server.post("/v1/trace", &long).success());
        let mut answers = 0;
        while !trace.is_finished() {
            server.complete(&json!({"max_tokens": 4})).success();
            answers += 1;
        }
        assert_eq!(trace.join().unwrap()["steps"].as_array().unwrap().len(), 4000);
        assert!(answers > 3, "{answers} answers in the time of one trace");
    });
}

#[test]
fn an_edited_model_is_the_same_over_http_and_by_the_command_and_no_answer_passes_for_the_models() {
    let home = Home::new();
    let server = home.serve(&[]);
    let list = server.get("/v1/trace").success();
    let plain = server.post("/v1/trace", &body(json!({}))).success();
    let edits = json!([
        {"off": "layer", "layers": [0], "positions": "2-9999"},
        {"off": "attention_output", "layers": "1", "heads": [1]},
        {"add": "block_output", "layers": "1", "numbers": vec![0.25; 64]},
    ]);
    let seen = json!([{"name": "block_output", "positions": [3]}, {"name": "logits", "positions": [4]}]);
    let found = server.post("/v1/trace", &body(json!({"edits": edits, "values": seen}))).success();
    std::fs::write(home.path("edits.json"), edits.to_string()).unwrap();
    let own =
        command(&home, &["--edits", "edits.json", "--value", "block_output", "--position", "3", "--isa", "portable"]);
    assert_eq!(
        (&found["steps"], &found["tokens"], &found["values"][0]),
        (&own["steps"], &own["tokens"], &own["values"][0])
    );
    assert_ne!(found["steps"], plain["steps"]);
    let fingerprint = found["system_fingerprint"].as_str().unwrap();
    let digest = fingerprint.strip_prefix(list["system_fingerprint"].as_str().unwrap()).unwrap();
    assert!(digest.starts_with("+edited-") && own["fingerprint"] == fingerprint, "{fingerprint}");
    assert!(found["id"].is_null(), "an edited answer has a receipt");
    // An answer that was given is read under the edits, at the positions that are asked for.
    let answer: Vec<&Value> = plain["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .skip(plain["prompt_tokens"].as_u64().unwrap() as usize)
        .map(|token| &token["id"])
        .collect();
    let again = server.post("/v1/trace", &body(json!({"answer": answer, "edits": edits}))).success();
    assert!(again["tokens"] == plain["tokens"] && again["steps"] != plain["steps"]);
    for (edits, said) in [
        (json!([{"off": "absent"}]), "absent"),
        (json!([{"add": "block_output", "numbers": [1]}]), "a row there has 64"),
        (json!([{"put": "logits", "numbers": [1]}]), "cannot be changed"),
        (json!([{"off": "layer", "heads": [1]}]), "nothing else"),
    ] {
        let sentence = server.post("/v1/trace", &body(json!({"edits": edits}))).refusal(400);
        assert!(sentence.contains(said), "{sentence}");
    }
    let long = server.post("/v1/trace", &body(json!({"edits": edits, "max_tokens": 257}))).refusal(400);
    assert!(long.contains("at most 256"), "{long}");
    // Without edits, the model is as it was.
    assert_eq!(server.post("/v1/trace", &body(json!({}))).success()["steps"], plain["steps"]);
}
