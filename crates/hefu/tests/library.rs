//! The program as a library: what a program that links it is given.

#[path = "program/tiny.rs"]
mod tiny;

use hefu::library::{Engine, Failure, Options, Response};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const PROMPT: &str = "one two three";

fn options(model: &Path) -> Options {
    Options {
        model: Some(model.to_str().unwrap().to_owned()),
        context: None,
        cache: "f16".to_owned(),
        device: None,
        parts: None,
        threads: Some(2),
        isa: None,
        template: None,
        parallel: 8,
        cache_tokens: None,
        own_file: model.to_owned(),
    }
}

fn never() -> bool {
    false
}

fn posted(engine: &Engine, path: &str, body: &Value) -> Response {
    engine.request("POST", path, body.to_string().into_bytes(), &never).unwrap()
}

fn whole(response: &mut Response) -> String {
    let mut body = Vec::new();
    while let Some(piece) = response.next(&never).unwrap() {
        body.extend(piece);
    }
    String::from_utf8(body).unwrap()
}

fn post(engine: &Engine, path: &str, body: Value) -> Value {
    let mut response = posted(engine, path, &body);
    let body = whole(&mut response);
    assert_eq!(response.status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn refused<T>(outcome: Result<T, Failure>) -> String {
    match outcome {
        Err(Failure::Sentence(sentence)) => sentence,
        Err(Failure::Interrupted) => panic!("it was interrupted"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// Where the program keeps its own files is said by the environment, which a test must not change for others.
#[test]
fn a_library_does_what_the_program_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "inside", "--ignored", "--nocapture"]).env("HEFU_HOME", folder.path());
    command.env("HF_ENDPOINT", "http://127.0.0.1:1").env_remove("HEFU_MODEL");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "started by the test above"]
fn inside() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("tiny.gguf");
    std::fs::write(&model, tiny::model(true)).unwrap();
    let engine = Engine::open(options(&model)).unwrap();
    let about: Value = serde_json::from_str(&engine.about()).unwrap();
    assert_eq!((&about["name"], &about["bos"], &about["vocabulary"]), (&json!("tiny"), &json!(256), &json!(259)));

    let ids: Vec<u32> =
        serde_json::from_value(post(&engine, "/tokenize", json!({ "prompt": PROMPT }))["tokens"].clone()).unwrap();
    logits_are_those_of_the_answers(&engine, &ids);
    threads_have_the_answers_that_they_would_have_alone(&engine);
    streams_are_whole_answers(&engine);
    receipts_are_made_again(&engine, &model);

    let vectors = engine.embed(vec![PROMPT.to_owned(), "a".to_owned()], false, &never).unwrap();
    let lengths = vectors.chunks(vectors.len() / 2).map(|row| row.iter().map(|x| x * x).sum::<f32>());
    assert!(lengths.into_iter().all(|length| (length - 1.0).abs() < 1e-4));

    // Whoever wants to stop is asked for it while it takes its time.
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) > 0;
    let long = json!({"prompt": PROMPT, "max_tokens": 200, "n": 64, "ignore_eos": true}).to_string().into_bytes();
    let mut stopped = false;
    for _ in 0..200 {
        stopped |= engine.request("POST", "/v1/completions", long.clone(), &stop).err() == Some(Failure::Interrupted);
        if stopped {
            break;
        }
    }
    assert!(stopped, "nobody was asked");

    for wrong in [
        refused(engine.logits(ids.clone(), ids.len(), &never)),
        refused(engine.logits(vec![999_999], 0, &never)),
        refused(engine.request("NO METHOD", "/health", Vec::new(), &never)),
        refused(Engine::open(Options { cache: "f7".to_owned(), ..options(&model) })),
        refused(Engine::open(Options { isa: Some("mmx".to_owned()), ..options(&model) })),
        refused(Engine::open(Options { device: Some("abacus".to_owned()), ..options(&model) })),
        refused(Engine::open(Options { threads: Some(0), ..options(&model) })),
        refused(Engine::open(options(Path::new("/no/such/file.gguf")))),
    ] {
        assert!(wrong.len() > 10 && !wrong.contains('\n'), "{wrong}");
    }
    for (method, path, status) in
        [("GET", "/health", 200), ("GET", "/v1/models", 200), ("POST", "/no/such/path", 404), ("GET", "no path", 400)]
    {
        assert_eq!(engine.request(method, path, Vec::new(), &never).unwrap().status, status, "{path}");
    }
}

fn logits_are_those_of_the_answers(engine: &Engine, ids: &[u32]) {
    let logits = engine.logits(ids.to_vec(), 0, &never).unwrap();
    assert_eq!(logits.len(), ids.len() * 259);
    let last = engine.logits(ids.to_vec(), ids.len() - 1, &never).unwrap();
    assert_eq!(last, logits[logits.len() - 259..]);
    let best = (0..last.len()).fold(0, |best, id| if last[id] > last[best] { id } else { best });
    let answer = post(engine, "/v1/score", json!({"items": [{"context": ids, "continuations": [[best]]}]}));
    assert_eq!(answer["data"][0]["continuations"][0]["is_greedy"], true);
}

fn threads_have_the_answers_that_they_would_have_alone(engine: &Engine) {
    let ask = |seed: u64| {
        let body = json!({"prompt": PROMPT, "max_tokens": 20, "temperature": 1.5, "seed": seed});
        post(engine, "/v1/completions", body)["choices"][0]["text"].clone()
    };
    let alone: Vec<Value> = (0..8).map(ask).collect();
    let together: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|seed| scope.spawn(move || ask(seed))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
}

fn streams_are_whole_answers(engine: &Engine) {
    let body = json!({"prompt": PROMPT, "max_tokens": 20, "temperature": 0});
    let expected = post(engine, "/v1/completions", body.clone())["choices"][0]["text"].clone();
    let streaming = json!({"prompt": PROMPT, "max_tokens": 20, "temperature": 0, "stream": true});
    let mut response = posted(engine, "/v1/completions", &streaming);
    assert!(response.media_type.as_ref().is_some_and(|kind| kind.starts_with("text/event-stream")));
    let events = whole(&mut response);
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    let text: String = data
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|event| event["choices"][0]["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(json!(text), expected);
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");
    let mut response = posted(engine, "/v1/completions", &streaming);
    assert!(response.next(&never).unwrap().is_some());
    response.close();
    assert_eq!(response.next(&never), Ok(None));
}

fn receipts_are_made_again(engine: &Engine, model: &Path) {
    let body = json!({"prompt": PROMPT, "max_tokens": 9, "temperature": 1.0, "seed": 4, "response_format": {"type": "json_object"}});
    let answer = post(engine, "/v1/completions", body);
    let id = answer["id"].as_str().unwrap().trim_start_matches("cmpl-");
    let receipt = engine.receipt(id).unwrap().unwrap();
    let verdict = |engine: &Engine, text: &str| {
        let verdict: Value = serde_json::from_str(&engine.verify(text, &never).unwrap()).unwrap();
        (verdict["matches"] == true, verdict["reason"].as_str().unwrap().to_owned())
    };
    let (matches, reason) = verdict(engine, &receipt);
    assert!(matches && reason.starts_with("matches ("), "{reason}");
    assert!(verdict(engine, &receipt.replace("\"seed\":4", "\"seed\":5")).1.contains("refused"));
    assert!(!verdict(engine, "").0);
    let other = Engine::open(Options { cache: "q8".to_owned(), ..options(model) }).unwrap();
    assert!(verdict(&other, &receipt).1.contains("fingerprint"));
    // The file that was named computes.
    let software = serde_json::from_str::<Value>(&receipt).unwrap()["answer"]["software"]["digest"].clone();
    assert!(software.is_string());
    assert_eq!(engine.receipt("no-such-answer"), Ok(None));
}
