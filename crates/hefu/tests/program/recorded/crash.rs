//! A server that is killed while many ask: what a client has to its last byte is in the log.

use super::server::Server;
use crate::support::Home;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Number of times that the server is killed.
const KILLS: u64 = 6;
/// Clients that ask at the same time.
const CLIENTS: u64 = 6;

/// Asks until the server is gone; the ids of the answers that came to their end.
fn ask(client: &super::server::Client, number: u64, complete: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    for round in 0.. {
        let seed = number * 1_000_000 + round;
        let is_streaming = seed.is_multiple_of(2);
        let body = json!({"prompt": "one", "max_tokens": 1 + seed % 5, "n": 1 + seed % 2, "seed": seed, "stream": is_streaming});
        let Some(reply) = client.post("/v1/completions", &body, &[]) else { return ids };
        assert_eq!(reply.status, 200, "{}", reply.body);
        if is_streaming && !reply.body.ends_with("data: [DONE]\n\n") {
            return ids;
        }
        complete.fetch_add(1, Ordering::Relaxed);
        if seed % 2 == 1 {
            ids.push(format!("{}-1", reply.id));
        }
        ids.push(reply.id);
    }
    ids
}

#[test]
fn nothing_that_a_client_has_is_missing_after_kill_9() {
    let home = Home::new();
    let mut answered = BTreeSet::new();
    let mut random = 99_u64;
    for _ in 0..KILLS {
        let server = Server::start(&home, &["--audit", "audit.db", "--quiet"]);
        let complete = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let ask = |number| {
                let (client, complete) = (server.client(), &complete);
                scope.spawn(move || ask(&client, number, complete))
            };
            let asking: Vec<_> = (0..CLIENTS).map(ask).collect();
            while complete.load(Ordering::Relaxed) < CLIENTS as usize {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Then at any moment.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_micros((random >> 33) % 60_000));
            server.kill();
            answered.extend(asking.into_iter().flat_map(|asking| asking.join().unwrap()));
        });
        let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
        assert!(verified.contains("nothing was changed, and nothing is missing"), "{verified}");
    }
    let listed = home.hefu(&["audit", "list", "audit.db", "--json"]).success();
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    let logged: BTreeSet<String> = listed.lines().map(id).collect();
    let missing: Vec<&String> = answered.difference(&logged).collect();
    println!("{KILLS} kills, {} answered, {} logged, {} missing", answered.len(), logged.len(), missing.len());
    assert!(missing.is_empty(), "{missing:?}");
    assert!(answered.len() as u64 >= KILLS * CLIENTS);
}
