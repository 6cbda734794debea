//! Models that must be signed.

use super::server::Server;
use crate::support::Home;
use serde_json::json;

#[test]
fn a_model_without_the_right_signature_is_not_served() {
    let home = Home::new();
    for key in ["key.pem", "other.pem"] {
        home.hefu(&["sign", "--create-key", key]).success();
    }
    let serve = |key: &str| home.tiny(&["serve", "--port", "0", "--require-signature", key]);
    let missing = serve("key.pem.pub").failure(1);
    assert!(missing.contains("is not loaded") && missing.contains("tiny.gguf.sig"), "{missing}");
    assert_eq!(missing.lines().filter(|line| line.starts_with("hefu: ")).count(), 1, "{missing}");

    home.hefu(&["sign", "tiny.gguf", "--private-key", "key.pem"]).success();
    let server = Server::start(&home, &["--require-signature", "key.pem.pub"]);
    assert_eq!(server.post("/v1/completions", &json!({"prompt": "a", "max_tokens": 2})).status, 200);
    drop(server);
    let other = serve("other.pem.pub").failure(1);
    assert!(other.contains("is not loaded") && other.contains("another key"), "{other}");
    assert!(serve("key.pem").failure(1).contains("no public key"));
    assert!(serve("nowhere.pem").failure(1).contains("nowhere.pem"));

    let mut bytes = std::fs::read(home.model()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(home.model(), bytes).unwrap();
    let changed = serve("key.pem.pub").failure(1);
    assert!(
        changed.contains("is not loaded") && changed.contains("tiny.gguf was changed after it was signed"),
        "{changed}"
    );
}

#[test]
fn of_two_models_the_unsigned_one_alone_is_refused() {
    let home = Home::new();
    home.hefu(&["sign", "--create-key", "key.pem"]).success();
    home.hefu(&["sign", "tiny.gguf", "--private-key", "key.pem"]).success();
    std::fs::copy(home.model(), home.path("second.gguf")).unwrap();
    let server =
        Server::of(&home, &["--model", "tiny.gguf", "--model", "second.gguf", "--require-signature", "key.pem.pub"]);
    let ask = |model: &str| server.post("/v1/completions", &json!({"model": model, "prompt": "a", "max_tokens": 2}));
    assert_eq!(ask("tiny").status, 200);
    let refused = ask("second");
    assert!(refused.status >= 500 && refused.sentence().contains("second.gguf is not loaded"), "{}", refused.body);
    assert_eq!(ask("tiny").status, 200);
}
