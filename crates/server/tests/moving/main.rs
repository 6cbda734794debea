//! Answers that go on at another server are the ones that stay, to the bit, whatever becomes of the other server.

mod client;
mod house;
#[path = "../../../hefu/tests/program/tiny.rs"]
#[allow(dead_code, reason = "the program's own tests need more of it")]
mod tiny;

use client::{Reply, ask, essence, eventually};
use house::{House, Plan, keys};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Choices of all requests.
const CHOICES: u64 = 16;

/// Requests of several clients: greedy, sampled, held to forms, with several choices, with tools, streamed and whole.
fn requests() -> Vec<(&'static str, Value)> {
    let parameters = json!({"type": "object", "properties": {"x": {"enum": ["a", "b"]}}, "required": ["x"],
        "additionalProperties": false});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    let messages = json!([{"role": "user", "content": "one two"}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 6}}, "required": ["a", "b"]}}});
    let text = |more: Value| {
        let mut body = json!({"prompt": "one two", "max_tokens": 14, "seed": 7, "temperature": 1, "ignore_eos": true,
            "stream": true, "stream_options": {"include_usage": true}});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        ("/v1/completions", body)
    };
    let chat = |more: Value| {
        let mut body = json!({"messages": messages, "max_tokens": 22, "seed": 3, "temperature": 1, "stream": true,
            "stream_options": {"include_usage": true}});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        ("/v1/chat/completions", body)
    };
    vec![
        text(json!({"temperature": 0})),
        text(json!({"logprobs": 3})),
        text(json!({"n": 3, "repetition_penalty": 1.3, "presence_penalty": 0.4, "logprobs": 1})),
        text(json!({"response_format": {"type": "regex", "regex": "[a-f]{4,20}(-[0-9]{2}){2}"}})),
        text(json!({"stop": ["e", "\u{1}"], "temperature": 0.9})),
        text(json!({"stream": false, "stream_options": null, "best_of": 2, "n": 1})),
        // Until the context is full.
        text(json!({"prompt": "a".repeat(80), "max_tokens": -1})),
        chat(json!({"response_format": schema, "logprobs": true, "top_logprobs": 2})),
        chat(json!({"tools": tools, "tool_choice": "required", "temperature": 2})),
        chat(json!({"tools": tools, "n": 2, "stream": false, "stream_options": null})),
        (
            "/v1/messages",
            json!({"messages": messages, "max_tokens": 14, "temperature": 0.7, "stream": true,
            "model": "tiny", "seed": 11}),
        ),
        ("/v1/responses", json!({"input": "one", "max_output_tokens": 16, "seed": 2, "store": false})),
    ]
}

/// Asks everything at once.
fn begin(address: SocketAddr) -> Vec<JoinHandle<Reply>> {
    let one = |(path, body): (&'static str, Value)| {
        tokio::spawn(async move { ask(address, "POST", path, None, &body.to_string()).await })
    };
    requests().into_iter().map(one).collect()
}

/// Waits for every answer and holds it against the one that nothing has disturbed.
async fn compare(answers: Vec<JoinHandle<Reply>>, right: &[Reply], when: &str) {
    for ((answer, right), (path, body)) in answers.into_iter().zip(right).zip(requests()) {
        let answer = answer.await.unwrap();
        assert_eq!(essence(&answer), essence(right), "{when}: {path} {body}\n{}", answer.body);
    }
}

/// The answers that nothing has disturbed, and their records.
async fn undisturbed(folder: &Path) -> (Vec<Reply>, Vec<String>) {
    let house = House::new(folder, Plan::default()).await;
    let mut right = Vec::new();
    for answer in begin(house.address) {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        right.push(answer);
    }
    (right, records(&house))
}

/// What the records of a server's answers say, in any order.
fn records(house: &House) -> Vec<String> {
    let mut records: Vec<String> = house.noted("answer").iter().map(Value::to_string).collect();
    records.sort();
    records
}

async fn drain(house: &House, to: &str, key: &str, their_key: &str) -> Reply {
    let body = json!({"to": to, "key": their_key}).to_string();
    ask(house.address, "POST", "/v1/drain", Some(key), &body).await
}

/// A server whose answers wait after so many tokens in all, and the answers.
async fn waiting(folder: &Path, tokens: usize) -> (House, Vec<JoinHandle<Reply>>) {
    let house = House::new(folder, Plan { tokens: 0, ..Plan::default() }).await;
    let answers = begin(house.address);
    // All that is asked is to be there before anything is computed.
    loop {
        let slots = ask(house.address, "GET", "/slots", None, "").await.success();
        let of = |name: &str| slots[0][name].as_u64().unwrap_or_default();
        if of("running") + of("waiting") == CHOICES {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    house.gate.allow(tokens);
    eventually("it waits", || house.gate.chosen() >= tokens).await;
    (house, answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_move_after_any_token_are_the_ones_that_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, _) = keys(folder.path());
    let (right, recorded) = undisturbed(folder.path()).await;
    let there = House::new(folder.path(), Plan::default()).await;
    let (mut sent, mut received) = (0, 0);
    for tokens in [1, 7, 33, 60, 90, 130] {
        let (here, answers) = waiting(folder.path(), tokens).await;
        let account = drain(&here, &there.url(), &admin, &admin).await.success();
        assert_eq!(account["to"], there.url());
        compare(answers, &right, &format!("after {tokens} tokens")).await;
        // Nothing was computed here any more, and nothing came back.
        let account = ask(here.address, "GET", "/v1/drain", Some(&admin), "").await.success();
        assert_eq!((&account["answers"]["returned"], &account["answers"]["away"]), (&json!(0), &json!(0)), "{account}");
        sent += account["answers"]["sent"].as_u64().unwrap();
        let notes =
            (here.noted("drain").len(), here.noted("answer_sent").len() as u64, here.noted("answer_returned").len());
        assert_eq!(notes, (1, account["answers"]["sent"].as_u64().unwrap(), 0));
        // Each choice has one record, and it is made where it was asked for.
        assert_eq!(records(&here), recorded);
        received = there.noted("answer_received").len();
    }
    assert!(sent > 40 && received > 40, "{sent} {received} prove little");
    assert!(there.noted("answer").is_empty());
    let text = ask(there.address, "GET", "/metrics", None, "").await.body;
    assert!(text.contains("hefu_moved_answers_total{model=\"tiny\",direction=\"received\"}"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_everything_moves_is_told_so_and_let_in_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, phone) = keys(folder.path());
    let (here, there) =
        (House::new(folder.path(), Plan::default()).await, House::new(folder.path(), Plan::default()).await);
    let (path, body) = &requests()[0];
    let body = body.to_string();
    drain(&here, &there.url(), &admin, &admin).await.success();
    let refused = ask(here.address, "POST", path, Some(&phone), &body).await;
    assert!(refused.refusal(503).contains("hands its work over"), "{}", refused.body);
    assert!(refused.head.to_lowercase().contains("retry-after: 5"), "{}", refused.head);
    assert_eq!(ask(here.address, "GET", "/ready", None, "").await.status, 503);
    // It takes no one else's either.
    let other = House::new(folder.path(), Plan::default()).await;
    assert!(drain(&other, &here.url(), &admin, &admin).await.refusal(400).contains("503"));
    ask(here.address, "DELETE", "/v1/drain", Some(&admin), "").await.success();
    assert_eq!(ask(here.address, "POST", path, Some(&phone), &body).await.status, 200);
    assert_eq!(ask(here.address, "DELETE", "/v1/drain", Some(&admin), "").await.status, 404);
    assert_eq!(ask(here.address, "GET", "/v1/drain", Some(&admin), "").await.success()["to"], json!(null));
    assert_eq!(here.noted("drain_ended").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_other_server_refuses_answers_go_on_at_home() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, _) = keys(folder.path());
    let (right, recorded) = undisturbed(folder.path()).await;
    let other = Plan { fingerprint: "hefu-other", ..Plan::default() };
    let small = Plan { context: 48, ..Plan::default() };
    let narrow = Plan { body_bytes: 64, ..Plan::default() };
    for (plan, all) in [(other, true), (small, false), (narrow, true)] {
        let there = House::new(folder.path(), plan).await;
        let (here, answers) = waiting(folder.path(), 20).await;
        drain(&here, &there.url(), &admin, &admin).await.success();
        here.gate.allow(usize::MAX);
        compare(answers, &right, "refused").await;
        let account = ask(here.address, "GET", "/v1/drain", Some(&admin), "").await.success();
        let (sent, returned) = (&account["answers"]["sent"], account["answers"]["returned"].as_u64().unwrap());
        assert!(returned > 0 && (!all || *sent == json!(returned)), "{account}");
        assert_eq!(here.noted("answer_returned").len() as u64, returned);
        let why = here.noted("answer_returned")[0]["why"].as_str().unwrap().to_owned();
        assert!(why.contains("refuses with status 4") || why.contains("cannot be reached"), "{why}");
        assert_eq!(records(&here), recorded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_other_server_dies_answers_go_on_at_home() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, _) = keys(folder.path());
    let (right, recorded) = undisturbed(folder.path()).await;
    for tokens in [1, 9, 40] {
        // It stands still after so many tokens of its own.
        let there = House::new(folder.path(), Plan { tokens, ..Plan::default() }).await;
        let (here, answers) = waiting(folder.path(), 20).await;
        drain(&here, &there.url(), &admin, &admin).await.success();
        eventually("it has computed some", || there.gate.chosen() >= tokens).await;
        here.gate.allow(usize::MAX);
        there.kill();
        compare(answers, &right, &format!("killed after {tokens} tokens")).await;
        assert!(!here.noted("answer_returned").is_empty());
        assert_eq!(records(&here), recorded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_alone_move_anything() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, phone) = keys(folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let (their_admin, their_phone) = keys(elsewhere.path());
    let there = House::new(elsewhere.path(), Plan::default()).await;
    let (here, answers) = waiting(folder.path(), 20).await;
    let body = json!({"to": there.url(), "key": their_admin}).to_string();
    for (method, path) in [
        ("POST", "/v1/drain"),
        ("POST", "/v1/resume"),
        ("POST", "/v1/resume/responses"),
        ("GET", "/v1/drain"),
        ("DELETE", "/v1/drain"),
        ("GET", "/v1/resume"),
    ] {
        for (key, status) in [(None, 401), (Some("hefu-wrong"), 401), (Some(phone.as_str()), 403)] {
            let reply = ask(here.address, method, path, key, &body).await;
            assert!(reply.refusal(status).contains("--operator"), "{method} {path}: {}", reply.body);
        }
    }
    // What the other server does not take moves nothing.
    for key in ["hefu-wrong", their_phone.as_str(), admin.as_str()] {
        let sentence = drain(&here, &there.url(), &admin, key).await.refusal(400);
        assert!(sentence.contains("nothing has moved") && sentence.contains("status 40"), "{sentence}");
    }
    for to in ["http://127.0.0.1:1", "nowhere", "http://127.0.0.1:1/path", "ftp://127.0.0.1"] {
        let sentence = drain(&here, to, &admin, &their_admin).await.refusal(400);
        assert!(sentence.contains("cannot be reached") || sentence.contains("is no address"), "{to}: {sentence}");
    }
    here.gate.allow(usize::MAX);
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert!(here.log.0.lock().unwrap().iter().all(|(event, _)| *event == "answer"));
    assert!(there.log.0.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, _) = keys(folder.path());
    let house = House::new(folder.path(), Plan::default()).await;
    let deep = "[".repeat(5000);
    for path in ["/v1/drain", "/v1/resume", "/v1/resume/responses"] {
        for body in
            ["", "{", "[]", "null", "{}", "\"a\"", "{\"format\": 1}", "{\"to\": 3, \"key\": []}", &deep, "\u{0}"]
        {
            let reply = ask(house.address, "POST", path, Some(&admin), body).await;
            let sentence = reply.refusal(400);
            assert!(!sentence.is_empty() && !sentence.contains('\n'), "{path} {body}: {sentence}");
        }
        let large = format!("{{\"prompt\": [{}0]}}", "0,".repeat(1 << 20));
        let sentence = ask(house.address, "POST", path, Some(&admin), &large).await.refusal(413);
        assert!(sentence.contains("--max-body-bytes"), "{sentence}");
    }
    let account = ask(house.address, "GET", "/v1/resume", Some(&admin), "").await.success();
    assert_eq!(account["models"][0]["id"], "tiny");
    assert!(house.log.0.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_responses_are_gone_on_from_at_the_other_server() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, phone) = keys(folder.path());
    let plan = || Plan { context: 256, ..Plan::default() };
    let (here, there) = (House::new(folder.path(), plan()).await, House::new(folder.path(), plan()).await);
    let respond = |house: &House, body: Value| {
        let (address, phone, body) = (house.address, phone.clone(), body.to_string());
        async move { ask(address, "POST", "/v1/responses", Some(&phone), &body).await.success() }
    };
    let more = |id: &str, input: &str| {
        json!({"input": input, "previous_response_id": id, "max_output_tokens": 20, "seed": 4, "top_logprobs": 2,
            "ignore_eos": true})
    };
    let first = respond(&here, json!({"input": "one", "max_output_tokens": 20, "seed": 4, "ignore_eos": true})).await;
    let first = first["id"].as_str().unwrap();
    let second = respond(&here, more(first, "two")).await;
    let second = second["id"].as_str().unwrap();
    let right = respond(&here, more(second, "three")).await;
    // One that is under way when everything moves is kept at both as well.
    let before = here.gate.chosen();
    here.gate.allow(before + 5);
    let late = tokio::spawn(respond(&here, more(second, "four")));
    eventually("it waits", || here.gate.chosen() >= before + 5).await;
    drain(&here, &there.url(), &admin, &admin).await.success();
    let late = late.await.unwrap();
    eventually("all have come", || there.noted("responses_received").len() >= 2).await;
    for id in [first, second, right["id"].as_str().unwrap(), late["id"].as_str().unwrap()] {
        let path = format!("/v1/responses/{id}");
        let shown = ask(there.address, "GET", &path, Some(&phone), "").await;
        assert_eq!(shown.body, ask(here.address, "GET", &path, Some(&phone), "").await.body);
        assert_eq!(ask(there.address, "GET", &path, None, "").await.status, 404);
    }
    let gone_on = respond(&there, more(second, "three")).await;
    assert_eq!(
        (&gone_on["output"][0]["content"], &gone_on["usage"]["input_tokens"]),
        (&right["output"][0]["content"], &right["usage"]["input_tokens"])
    );
    let account = ask(here.address, "GET", "/v1/drain", Some(&admin), "").await.success();
    assert_eq!(account["responses"], json!({"sent": 4, "left": 0}));
}
