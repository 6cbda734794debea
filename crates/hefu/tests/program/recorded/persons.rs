//! Persons for whom programs ask: in the log by a pseudonym alone.

use super::audit::records;
use super::server::{Server, dialects};
use crate::support::Home;
use serde_json::{Value, json};

#[test]
fn a_person_is_recorded_by_a_pseudonym_alone() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db", "--audit-store", "text"]);
    let person = "mei.lin@example.org";
    let named = |name: &str, path: &str| match (path, name) {
        ("/v1/messages", _) => json!({"metadata": {"user_id": person, "more": 1}}),
        _ => json!({name: person}),
    };
    // Ollama's API names nobody.
    let asked: Vec<_> = dialects().into_iter().filter(|(_, path, _)| path.starts_with("/v1")).collect();
    for (_, path, body) in &asked {
        for name in ["user", "safety_identifier"] {
            let mut body = body.clone();
            body.as_object_mut().unwrap().extend(named(name, path).as_object().unwrap().clone());
            let reply = server.post(path, &body);
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            assert!(!server.get(&format!("/v1/receipts/{}", reply.id)).body.contains(person));
        }
    }
    server.post("/v1/completions", &json!({"prompt": "a", "max_tokens": 2, "user": "somebody else"}));
    server.post("/v1/completions", &json!({"prompt": "a", "max_tokens": 2, "user": ""}));
    let wrong = server.post("/v1/completions", &json!({"prompt": "a", "user": 7}));
    assert!(wrong.status == 400 && wrong.sentence().contains("user must be"), "{}", wrong.body);
    server.stop();

    assert!(home.hefu(&["audit", "verify", "audit.db"]).success().contains("nothing was changed"));
    let users: Vec<Value> = records(&home, "audit.db").iter().map(|(_, said)| said["user"].clone()).collect();
    let hers = 2 * asked.len();
    assert!(users[..hers].iter().all(|user| *user == users[0] && user.as_str().unwrap().len() == 64), "{users:?}");
    assert!(users[hers].is_string() && users[hers] != users[0] && users[hers + 1].is_null(), "{users:?}");
    for file in ["audit.db", "serve.log"] {
        let bytes = std::fs::read(home.path(file)).unwrap();
        assert!(!bytes.windows(person.len()).any(|part| part == person.as_bytes()), "{file} names the person");
    }
    // Who has the key finds what was answered for a person; who has another one does not.
    let of =
        |home: &Home, user: &str| home.hefu(&["audit", "list", "audit.db", "--user", user]).success().lines().count();
    assert_eq!((of(&home, person), of(&home, "nobody")), (hers, 0));
    let other = Home::new();
    std::fs::copy(home.path("audit.db"), other.path("audit.db")).unwrap();
    let keyless = other.hefu(&["audit", "list", "audit.db", "--user", person]).failure(1);
    assert!(keyless.contains("the key of the instance"), "{keyless}");
    other.hefu(&["identity"]).success();
    assert_eq!(of(&other, person), 0);
}
