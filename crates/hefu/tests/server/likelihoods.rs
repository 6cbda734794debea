//! Log-likelihoods of texts, in the shapes that evaluations ask.

use crate::process::{Home, Server};
use serde_json::{Value, json};

const CONTEXT: &str = "one two three";

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("{value}")).iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Log-probabilities of a prompt's tokens after the first.
fn of_echo(server: &Server, prompt: &Value) -> Vec<f64> {
    let body = json!({"prompt": prompt, "max_tokens": 0, "logprobs": 0, "echo": true});
    let answer = server.post("/v1/completions", &body).success();
    numbers(&json!(answer["choices"][0]["logprobs"]["token_logprobs"].as_array().unwrap()[1..]))
}

fn score(server: &Server, items: Value) -> Value {
    server.post("/v1/score", &json!({ "items": items })).success()
}

#[test]
fn continuations_are_as_likely_as_their_tokens_alone_or_together() {
    let home = Home::new();
    let server = home.serve(&[]);
    let texts = [" four", " five six", " a"];
    let items = json!([{"context": CONTEXT, "continuations": texts}, {"context": format!("{CONTEXT} "), "continuations": ["four"]}]);
    let body = score(&server, items.clone());
    let all = body["data"][0]["continuations"].as_array().unwrap();
    for (text, own) in texts.iter().zip(all) {
        let (found, whole) = (numbers(&own["token_logprobs"]), of_echo(&server, &json!(format!("{CONTEXT}{text}"))));
        assert_eq!(found, whole[whole.len() - found.len()..], "{text}");
        assert_eq!(own["logprob"].as_f64().unwrap(), found.iter().sum::<f64>());
        assert_eq!(own["token_ids"].as_array().unwrap().len(), found.len());
        // Alone, and with the context in the cache.
        let alone = score(&server, json!([{"context": CONTEXT, "continuations": [text]}]));
        assert_eq!(&alone["data"][0]["continuations"][0]["token_logprobs"], &own["token_logprobs"]);
    }
    // A blank at the end of a context belongs to what follows.
    assert_eq!(body["data"][1]["continuations"][0]["token_logprobs"], all[0]["token_logprobs"]);
    assert!(body["system_fingerprint"].is_string() && body["usage"]["prompt_tokens"].as_u64() > Some(0));

    // The model's own continuation is greedy.
    let ids = server.post("/tokenize", &json!({"prompt": CONTEXT})).success()["tokens"].clone();
    let mut longer = ids.as_array().unwrap().clone();
    longer.push(json!(7));
    let body = json!({"prompt": longer, "max_tokens": 1, "prompt_logprobs": 1});
    let answer = server.post("/v1/completions", &body).success();
    let last = answer["choices"][0]["prompt_logprobs"].as_array().unwrap().last().unwrap().as_object().unwrap();
    let best = last.iter().find(|(_, token)| token["rank"] == 1).unwrap().0;
    let greedy = json!([best.parse::<u32>().unwrap()]);
    let own = score(&server, json!([{"context": ids, "continuations": [greedy, [7]]}]));
    let [one, other] = [0, 1].map(|index| &own["data"][0]["continuations"][index]);
    assert_eq!((&one["is_greedy"], &one["token_ids"]), (&json!(true), &greedy));
    assert!(greedy == json!([7]) || other["is_greedy"] == json!(false));
    // Without a context, after the token that begins a text.
    let none = score(&server, json!([{"context": "", "continuations": ["one"]}]));
    assert!(none["data"][0]["continuations"][0]["logprob"].as_f64().unwrap() < 0.0);
}

#[test]
fn what_cannot_be_scored_is_refused_in_its_place() {
    let home = Home::new();
    let server = home.serve(&[]);
    for (items, place) in [
        (json!([]), "items"),
        (json!([{"context": "a"}]), "continuations"),
        (
            json!([{"context": "a", "continuations": ["b"]}, {"context": "a", "continuations": [""]}]),
            "items[1].continuations[0]",
        ),
        (json!([{"context": "a", "continuations": [[1]]}]), "items[0].continuations[0]"),
        (json!([{"context": [1], "continuations": [[999_999]]}]), "items[0].continuations[0]"),
        (json!([{"context": ["a", "b"], "continuations": ["c"]}]), "items[0]"),
        (json!([{"context": "a", "continuations": ["b"], "more": 1}]), "more"),
        (json!([3]), "items[0]"),
    ] {
        let said = server.post("/v1/score", &json!({ "items": items })).refusal(400);
        assert!(said.contains(place), "{items}: {said}");
    }
    for input in [json!(""), json!([7]), json!(3)] {
        server.post("/get_ppl", &json!({ "input": input })).refusal(400);
    }
    server.post("/v1/encode", &json!({"input": [1, 2]})).refusal(400);
}

#[test]
fn lmdeploys_and_vllms_shapes_say_the_same() {
    let home = Home::new();
    let server = home.serve(&[]);
    let encoded = server
        .post("/v1/encode", &json!({"input": [CONTEXT, "one"], "add_bos": true, "do_preprocess": false}))
        .success();
    let ids = encoded["input_ids"][0].clone();
    assert_eq!(encoded["length"][0], ids.as_array().unwrap().len());
    assert_eq!(server.post("/v1/encode", &json!({"input": CONTEXT})).success()["input_ids"], ids);

    let own = of_echo(&server, &ids);
    let mean = -own.iter().sum::<f64>() / own.len() as f64;
    let ppl = |input: &Value| server.post("/get_ppl", &json!({ "input": input })).success()["ppl"].clone();
    assert!((ppl(&ids).as_f64().unwrap() - mean).abs() < 1e-12);
    assert_eq!(ppl(&json!([CONTEXT, CONTEXT])), json!([ppl(&json!(CONTEXT)), ppl(&json!(CONTEXT))]));

    let body = json!({"prompt": ids, "max_tokens": 1, "prompt_logprobs": 2, "seed": 1});
    let answer = server.post("/v1/completions", &body).success();
    let scored = answer["choices"][0]["prompt_logprobs"].as_array().unwrap();
    assert!(scored[0].is_null() && scored.len() == own.len() + 1);
    for ((place, id), expected) in scored[1..].iter().zip(&ids.as_array().unwrap()[1..]).zip(&own) {
        assert_eq!(place[id.to_string()]["logprob"].as_f64().unwrap(), *expected);
        let best = place.as_object().unwrap().values().find(|token| token["rank"] == 1).unwrap();
        assert!(best["logprob"].as_f64().unwrap() >= *expected && best["decoded_token"].is_string());
        assert!((2..=3).contains(&place.as_object().unwrap().len()));
    }
    let chat =
        json!({"messages": [{"role": "user", "content": "one"}], "max_tokens": 1, "prompt_logprobs": 0, "seed": 1});
    let answer = server.post("/v1/chat/completions", &chat).success();
    assert_eq!(
        answer["prompt_logprobs"].as_array().unwrap().len() as u64,
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    );
    for path in ["/v1/completions", "/v1/chat/completions"] {
        let mut streamed = if path.contains("chat") { chat.clone() } else { body.clone() };
        streamed["stream"] = json!(true);
        assert!(server.post(path, &streamed).refusal(400).contains("prompt_logprobs"));
    }
}

#[test]
fn the_likeliest_of_several_answers_stay() {
    let home = Home::new();
    let server = home.serve(&[]);
    let ask = |more: Value| {
        let mut body = json!({"prompt": CONTEXT, "max_tokens": 6, "temperature": 2.0, "seed": 5, "ignore_eos": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/completions", &body).success()
    };
    let mean = |choice: &Value| {
        let logprobs = numbers(&choice["logprobs"]["token_logprobs"]);
        logprobs.iter().sum::<f64>() / logprobs.len() as f64
    };
    // Each candidate is the answer that its seed gives alone.
    let alone: Vec<Value> =
        (0..7).map(|number| ask(json!({"seed": 5 + number, "logprobs": 0}))["choices"][0].clone()).collect();
    let mut order: Vec<usize> = (0..7).collect();
    order.sort_by(|left, right| mean(&alone[*right]).total_cmp(&mean(&alone[*left])));
    assert_ne!(order[..2], [0, 1]);
    let body = ask(json!({"n": 2, "best_of": 7}));
    let choices = body["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 2);
    for (index, choice) in choices.iter().enumerate() {
        let expected = &alone[order[index]];
        assert_eq!((&choice["index"], &choice["candidate"]), (&json!(index), &json!(order[index])));
        assert_eq!((&choice["text"], &choice["logprobs"]), (&expected["text"], &Value::Null));
        assert_eq!(choice["mean_logprob"].as_f64(), Some(mean(expected)));
    }
    // With log-probabilities, of two prompts, after a repeated prompt; what was made counts as used.
    let body = ask(json!({"prompt": [CONTEXT, CONTEXT], "best_of": 7, "logprobs": 0}));
    assert_eq!(body["choices"][1]["logprobs"], alone[order[0]]["logprobs"]);
    assert_eq!(
        (body["choices"][1]["index"].as_u64(), body["usage"]["completion_tokens"].as_u64()),
        (Some(1), Some(84))
    );
    let body = ask(json!({"n": 2, "best_of": 7, "echo": true}));
    let text = format!("{CONTEXT}{}", alone[order[1]]["text"].as_str().unwrap());
    assert_eq!(body["choices"][1]["text"], json!(text));
    // Too many are refused under the name that asked for them.
    let many = json!({"prompt": CONTEXT, "n": 2, "best_of": 65});
    assert_eq!(server.post("/v1/completions", &many).json()["error"]["param"], "best_of");
}

#[test]
fn an_end_counts_as_a_token_of_the_likeliest_answer() {
    let home = Home::new();
    let server = home.serve(&[]);
    let ask = |more: Value| {
        let mut body = json!({"prompt": CONTEXT, "max_tokens": 3, "temperature": 2.0, "seed": 1, "logprobs": 0});
        body["logit_bias"] = json!({"257": 3.0});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/completions", &body).success()
    };
    let body = ask(json!({"n": 8, "best_of": 24}));
    let choices = body["choices"].as_array().unwrap();
    let told = |choice: &Value| choice["logprobs"]["token_logprobs"].as_array().map_or(0, Vec::len);
    assert!(choices.iter().all(|choice| choice["mean_logprob"].as_f64().is_some()), "{body}");
    assert!(choices.iter().any(|choice| choice["finish_reason"] == "stop" && told(choice) < 3), "{body}");
    let means: Vec<f64> = choices.iter().filter_map(|choice| choice["mean_logprob"].as_f64()).collect();
    assert!(means.is_sorted_by(|left, right| left >= right), "{means:?}");
}
