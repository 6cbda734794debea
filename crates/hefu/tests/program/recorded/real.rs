//! Many answers at once on one instruction set, each verified alone on another.

use super::server::Server;
use crate::real_models::models;
use crate::support::Home;
use serde_json::{Value, json};

/// Requests at the same time.
const REQUESTS: u64 = 16;
/// Where they are answered, and where they are verified.
const ANSWERED_ON: &str = "avx512";
const VERIFIED_ON: &str = "avx2";

fn has(name: &str) -> bool {
    hefu_cpu::select::ISAS.iter().any(|isa| isa.name == name && (isa.is_available)())
}

#[test]
fn sixteen_answers_at_once_are_verified_one_by_one_on_another_instruction_set() {
    if !has(ANSWERED_ON) || !has(VERIFIED_ON) {
        eprintln!("SKIPPED: this machine does not have both {ANSWERED_ON} and {VERIFIED_ON}");
        return;
    }
    let home = Home::new();
    for (name, model) in models() {
        let model = model.to_str().unwrap();
        let server = Server::of(&home, &["--model", model, "--isa", ANSWERED_ON, "--context", "512", "--threads", "2"]);
        let receipts: Vec<String> = std::thread::scope(|scope| {
            let ask = |number: u64| {
                let (client, server) = (server.client(), &server);
                scope.spawn(move || {
                    let body = json!({"prompt": format!("Story number {number}: once upon a time"), "seed": number,
                        "max_tokens": 8 + number, "temperature": 0.9, "ignore_eos": true});
                    let reply = client.post("/v1/completions", &body, &[]).unwrap();
                    assert_eq!(reply.status, 200, "{}", reply.body);
                    server.get(&format!("/v1/receipts/{}", reply.id)).body
                })
            };
            let asking: Vec<_> = (0..REQUESTS).map(ask).collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        });
        drop(server);
        std::fs::write(home.path("receipts.jsonl"), receipts.concat()).unwrap();
        let arguments =
            ["verify", "receipts.jsonl", "--json", "--model", model, "--isa", VERIFIED_ON, "--threads", "1"];
        let said = home.hefu(&arguments).json();
        let verdicts: Vec<&Value> = said["receipts"].as_array().unwrap().iter().map(|one| &one["matches"]).collect();
        assert_eq!(verdicts, vec![&json!(true); REQUESTS as usize], "{name}: {said}");
    }
}
