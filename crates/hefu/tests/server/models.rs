//! Several models with memory for one, and a model that cannot be loaded.

use crate::process::{Home, Server, eventually};
use crate::tiny;
use serde_json::{Value, json};

/// A server with the models `a` and `b`, with memory for one of them or for both.
fn two(home: &Home, budget: &str) -> Server {
    for name in ["a", "b"] {
        std::fs::write(home.path(&format!("{name}.gguf")), tiny::model(true)).unwrap();
    }
    home.serve_only(&["--model", "a.gguf", "--model", "b.gguf", "--threads", "1", "--memory-budget", budget])
}

fn model(server: &Server, name: &str) -> Value {
    let props = server.get("/props").success();
    props["models"].as_array().unwrap().iter().find(|model| model["id"] == name).unwrap().clone()
}

fn is_loaded(server: &Server, name: &str) -> bool {
    model(server, name)["loaded"] == true
}

#[test]
fn the_least_used_model_makes_room_and_requests_wait_for_theirs() {
    let home = Home::new();
    let needed = model(&two(&home, "1G"), "a")["memory_bytes"].as_u64().unwrap();
    let server = two(&home, &(needed + needed / 2).to_string());
    let ask = |name: &str| server.complete(&json!({"model": name, "max_tokens": 100})).success();
    let expected = ask("a")["choices"].clone();
    assert!(is_loaded(&server, "a") && !is_loaded(&server, "b"));
    assert_eq!(ask("b")["choices"], expected);
    assert!(!is_loaded(&server, "a") && is_loaded(&server, "b"));
    // Many for both at the same time: all are answered, though only one of the two is there at any moment.
    std::thread::scope(|scope| {
        let names = ["a", "b", "a", "b", "b", "a", "a", "b", "a", "b", "a", "b"];
        let threads = names.map(|name| scope.spawn(move || ask(name)["choices"].clone()));
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), expected));
    });
    assert!(!(is_loaded(&server, "a") && is_loaded(&server, "b")));
    // An answer under way is complete before its model goes.
    let other = if is_loaded(&server, "a") { ("a", "b") } else { ("b", "a") };
    let mut stream = server.stream(&json!({"model": other.0, "max_tokens": 200, "n": 32}));
    stream.until_text();
    assert_eq!(ask(other.1)["choices"], expected);
    assert!(String::from_utf8(stream.rest().unwrap()).unwrap().ends_with("data: [DONE]\n\n"));
    let metric = |name: &str| server.metric(&format!("hefu_memory_bytes{{model=\"{name}\"}}"));
    assert!(metric("a") + metric("b") <= (needed + needed / 2) as f64);
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_and_others_are_not_held_up() {
    let home = Home::new();
    let server = two(&home, "1G");
    let (path, kept) = (home.path("b.gguf"), home.path("kept"));
    std::fs::rename(&path, &kept).unwrap();
    let ask = |name: &str| server.complete(&json!({"model": name}));
    for _ in 0..3 {
        assert!(ask("b").refusal(500).contains("b.gguf"));
    }
    std::fs::write(&path, b"GGUF and nothing else").unwrap();
    assert!(ask("b").refusal(500).contains("b.gguf"));
    let expected = ask("a").success();
    assert_eq!(server.get("/ready").status, 200);
    // Once it can be, it is.
    std::fs::rename(&kept, &path).unwrap();
    assert_eq!(ask("b").success()["choices"], expected["choices"]);
    assert!(ask("c").refusal(404).contains("a, b"));
}

#[test]
fn a_model_that_nobody_asks_for_goes_and_comes_back() {
    let home = Home::new();
    let server = home.serve(&["--keep-alive", "0"]);
    let expected = server.complete(&json!({})).success();
    eventually("it is unloaded", || !is_loaded(&server, "tiny"));
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(server.complete(&json!({})).success()["choices"], expected["choices"]);
}

#[test]
fn of_several_models_one_that_was_made_for_less_has_less_context() {
    let home = Home::new();
    std::fs::write(home.path("long.gguf"), tiny::model_for(2048, true)).unwrap();
    std::fs::write(home.path("short.gguf"), tiny::model_for(512, true)).unwrap();
    let both = ["--model", "long.gguf", "--model", "short.gguf", "--threads", "1"];
    let server = home.serve_only(&[&both[..], &["--context", "1024"]].concat());
    let context = |name: &str| model(&server, name)["n_ctx"].clone();
    assert_eq!((context("long"), context("short")), (json!(1024), json!(512)));
    let too_long = home.command(&[&["serve"], &both[..], &["--context", "4096"]].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&too_long.stderr).into_owned();
    assert!(
        !too_long.status.success() && said.contains("more than any of these models") && said.contains("2048"),
        "{said}"
    );
}
