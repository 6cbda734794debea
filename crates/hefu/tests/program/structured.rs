//! Answers that must look like something: by a schema, an expression or a grammar.

use crate::real_models::models;
use crate::support::Home;
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"type": "object", "properties": {"good": {"type": "boolean"}, "name": {"enum": ["ja", "nein"]},
    "count": {"type": "integer", "minimum": 10, "maximum": 99}}, "required": ["good", "name", "count"],
    "additionalProperties": false}"#;

fn check(answer: &Value) -> Value {
    assert_eq!(answer["finish_reason"], "stop", "{answer}");
    let value: Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
    let fields = value.as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["good", "name", "count"], "in the order of the schema");
    assert!(value["good"].is_boolean() && ["ja", "nein"].contains(&value["name"].as_str().unwrap()));
    assert!((10..=99).contains(&value["count"].as_i64().unwrap()));
    value
}

#[test]
fn a_schema_binds_every_answer_and_its_receipt_says_so() {
    let home = Home::new();
    let mut seen = std::collections::BTreeSet::new();
    for seed in ["1", "2", "3", "4"] {
        let receipt = home.path("receipt.json");
        let path = receipt.to_str().unwrap();
        let ask = |more: &[&str]| {
            let fixed = ["run", "--json", "--temperature", "1.5", "--seed", seed, "--schema", SCHEMA, "Answer"];
            home.tiny(&[&fixed[..], more].concat()).json()
        };
        let answer = ask(&["--receipt", path]);
        seen.insert(check(&answer).to_string());
        for way in [&["--isa", "reference"][..], &["--speculate", "ngram"], &["--threads", "1", "--prefill-chunk", "3"]]
        {
            assert_eq!(ask(way)["token_ids"], answer["token_ids"], "{way:?}");
        }
        let text = std::fs::read_to_string(&receipt).unwrap();
        let stated: Value = serde_json::from_str(&text).unwrap();
        let grammar: Value = serde_json::from_str(stated["answer"]["grammar"]["text"].as_str().unwrap()).unwrap();
        assert_eq!(grammar, json!({"kind": "json_schema", "value": serde_json::from_str::<Value>(SCHEMA).unwrap()}));
        for more in [&[][..], &["--steps"]] {
            assert!(home.tiny(&[&["verify", path][..], more].concat()).success().contains("matches"));
        }
        std::fs::write(&receipt, text.replace("nein\\\"]", "nono\\\"]")).unwrap();
        let refused = home.tiny(&["verify", path]);
        assert!(refused.status == 1 && !refused.stdout.contains("matches"), "{}", refused.stdout);
    }
    assert!(seen.len() > 1, "answers of one kind prove little: {seen:?}");
}

#[test]
fn expressions_and_grammars_bind_too() {
    let home = Home::new();
    let ask = |flag: &str, value: &str| {
        let answer = home.tiny(&["run", "--raw", "--json", "--seed", "3", flag, value, "Answer"]).json();
        assert_eq!(answer["finish_reason"], "stop", "{answer}");
        answer["text"].as_str().unwrap().to_owned()
    };
    let date = ask("--regex", "[0-9]{4}-[0-9]{2}");
    assert!(date.len() == 7 && date.as_bytes()[4] == b'-', "{date}");
    let grammars = [
        ("a.gbnf", "root ::= \"<\" [a-c]{3} \">\""),
        ("unnamed", "root ::= \"<\" [a-c]{3} \">\""),
        ("a.lark", "start: \"<\" WORD \">\"\nWORD: /[a-c]{3}/\n"),
    ];
    for (name, text) in grammars {
        std::fs::write(home.path(name), text).unwrap();
        let answer = ask("--grammar", home.path(name).to_str().unwrap());
        let inner = answer.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default();
        assert!(inner.len() == 3 && inner.bytes().all(|byte| (b'a'..=b'c').contains(&byte)), "{name}: {answer}");
    }
}

#[test]
fn what_is_cut_off_says_so() {
    let home = Home::new();
    let cut = home.tiny(&["run", "--json", "--max-tokens", "3", "--schema", SCHEMA, "Answer"]);
    assert!(cut.stderr.contains("cut off before it was complete"), "{}", cut.stderr);
    assert_eq!(cut.json()["finish_reason"], "length");
}

#[test]
fn what_cannot_be_honoured_is_refused_in_one_sentence() {
    let home = Home::new();
    let refused = |arguments: &[&str], about: &str| {
        let said = home.tiny(&[&["run", "x"], arguments].concat()).failure(2);
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("hefu: ")).collect();
        assert!(told.len() == 1 && told[0].contains(about), "{said}");
    };
    refused(&["--schema", r#"{"not": {"type": "null"}}"#], "the keyword \"not\" is not supported");
    refused(&["--schema", r#"{"type": "objekt"}"#], "is no type");
    refused(&["--schema", r#"{"type": "string", "minLength": 3, "maxLength": 2}"#], "--schema");
    refused(&["--schema", "{"], "--schema: it is no JSON");
    refused(&["--regex", "(a"], "--regex: the regular expression cannot be used");
    std::fs::write(home.path("bad.gbnf"), "root ::= thing").unwrap();
    refused(&["--grammar", home.path("bad.gbnf").to_str().unwrap()], "thing");
    assert!(home.tiny(&["run", "x", "--grammar", "none.gbnf"]).failure(1).contains("none.gbnf"));
    let both = home.tiny(&["run", "x", "--regex", "a", "--schema", "true"]).failure(2);
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn real_models_keep_to_a_schema() {
    let home = Home::new();
    for (name, model) in models() {
        let receipt = home.path("real.json");
        let (model, path) = (model.to_str().unwrap(), receipt.to_str().unwrap());
        let fixed =
            ["run", "--raw", "--json", "--seed", "7", "--context", "256", "--max-tokens", "60", "--model", model];
        let more = ["--schema", SCHEMA, "--receipt", path, "Is it good? What is its name? How many?"];
        check(&home.hefu(&[&fixed[..], &more].concat()).json());
        let said = home.hefu(&["verify", "--model", model, "--isa", "avx2", "--threads", "1", path]);
        // A machine without this instruction set says so.
        assert!(said.stdout.contains("matches") || said.stderr.contains("no avx2"), "{name}: {}", said.stderr);
    }
}
