//! `/v1/cost`: the counts and the shares of `hefu gap`, and nobody waits for it.

use crate::process::Home;
use serde_json::{Value, json};

/// One that has limits, which the tests' usual one has too.
const ISA: [&str; 2] = ["--isa", "portable"];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_counts_are_those_of_gap_and_every_share_is_its_formula() {
    let home = Home::new();
    let server = home.serve(&ISA);
    assert!(server.get("/v1/trace").success()["measured"].is_null());
    let cost = server.post("/v1/cost", &json!({"model": "tiny"})).success();
    let measured = &cost["measured"];
    assert_eq!(&server.get("/v1/trace/tiny").success()["measured"], measured, "it is kept");
    assert_eq!((&cost["model"], &measured["prompt"], &measured["steps"]), (&json!("tiny"), &json!(32), &json!(16)));

    let model = home.model();
    let fixed = ["gap", "--prompt", "32", "--generate", "16", "--threads", "1", "--json", "--model"];
    let arguments = [&fixed[..], &[model.to_str().unwrap()], &ISA].concat();
    let output = home.command(&arguments).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let decode = &report["phases"][1];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let own = ["isa", "threads", "prompt", "tolerance", "faults"];
    let of_phase = keys(measured).into_iter().filter(|key| !own.contains(&&key[..])).collect::<Vec<_>>();
    assert_eq!(of_phase, keys(decode));

    let limits = &measured["limits"];
    let counts = [
        ("bytes", "read_bytes", "memory"),
        ("int8_multiply_adds", "int8_multiply_adds", "int8"),
        ("f32_operations", "f32_multiply_adds", "f32"),
    ];
    let lines = |phase: &Value| {
        let mut lines = phase["operations"].as_array().unwrap().clone();
        lines.sort_by_key(|line| line["operation"].as_str().unwrap().to_owned());
        lines
    };
    let (found, same) = (lines(measured), lines(decode));
    assert!(found.len() > 8 && found.len() == same.len(), "{found:?}");
    for (line, other) in found.iter().zip(&same) {
        assert_eq!(keys(line), keys(other));
        for (count, _, _) in counts {
            assert_eq!((&line["operation"], &line[count]), (&other["operation"], &other[count]));
        }
        let times = counts.map(|(count, rate, bound)| (number(&line[count]) / number(&limits[rate]), bound));
        let (least, bound) =
            times.into_iter().fold((0.0, "nothing"), |most, next| if next.0 > most.0 { next } else { most });
        assert_eq!((number(&line["limit_seconds"]), &line["bound"]), (least, &json!(bound)), "{line}");
        assert_eq!(number(&line["achieved"]), least / number(&line["seconds"]), "{line}");
    }
    assert_eq!(server.post("/v1/cost", &json!({"model": "absent"})).status, 404);
    assert_eq!(server.post("/v1/cost", &json!({"again": true})).status, 400);
}

#[test]
fn nothing_is_measured_while_others_are_answered() {
    let home = Home::new();
    let server = home.serve(&ISA);
    let others = server.stream(&json!({"max_tokens": 30_000, "ignore_eos": true}));
    let refused = server.post("/v1/cost", &json!({}));
    assert_eq!(refused.status, 429, "{:?}", refused.body);
    assert!(server.get("/v1/trace").success()["measured"].is_null());
    drop(others);
}

#[test]
fn what_has_no_limits_offers_no_measure() {
    let home = Home::new();
    let server = home.serve(&["--isa", "reference"]);
    assert!(server.get("/v1/trace").success().get("measured").is_none());
    assert!(server.post("/v1/cost", &json!({})).refusal(400).contains("cannot be measured"));
}
