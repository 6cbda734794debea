//! `hefu trace`: values and choices on the way to an answer.

use crate::support::Home;
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const ASKED: [&str; 6] = ["--seed", "3", "--max-tokens", "5", "--raw", "The tally "];

#[test]
fn values_are_listed_and_shown_at_the_layers_and_positions_asked_for() {
    let home = Home::new();
    let list = home.tiny(&["trace", "--list"]);
    assert!(
        list.status == 0 && list.stdout.contains("block_output") && list.stdout.contains("layers 0-1"),
        "{}",
        list.stdout
    );
    let flags = ["trace", "--json", "--value", "block_output", "--layer", "1", "--position", "0,2-3"];
    let found = home.tiny(&[&flags[..], &ASKED].concat());
    assert_eq!(found.status, 0, "{}", found.stderr);
    let found = json(&found.stdout);
    let value = &found["values"][0];
    assert_eq!((value["layer"].as_u64(), value["positions"].to_string()), (Some(1), "[0,2,3]".to_owned()));
    let rows = value["numbers"].as_array().unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.as_array().unwrap().len() == 64));
    // Other instruction sets, threads and chunks give the same numbers.
    let other =
        home.tiny(&[&flags[..], &["--isa", "portable", "--threads", "2", "--prefill-chunk", "3"], &ASKED].concat());
    assert_eq!(json(&other.stdout)["values"], found["values"]);
}

#[test]
fn each_token_of_the_answer_is_explained_by_the_clauses_of_sampling() {
    let home = Home::new();
    let answer = json(&home.tiny(&[&["run", "--json"][..], &ASKED].concat()).stdout);
    let trace = home.tiny(&[&["trace", "--json", "--candidates", "300"][..], &ASKED].concat());
    assert_eq!(trace.status, 0, "{}", trace.stderr);
    let trace = json(&trace.stdout);
    assert_eq!(trace["fingerprint"], answer["fingerprint"]);
    let steps = trace["steps"].as_array().unwrap();
    let ids: Vec<&Value> = steps.iter().map(|step| &step["id"]).collect();
    assert_eq!(ids, answer["token_ids"].as_array().unwrap().iter().collect::<Vec<_>>());
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    for step in steps {
        assert_eq!(step["stages"][0]["clause"], "S1");
        let (mut end, point) = (0, number(&step["draw"]["point"]));
        let drawn = step["draw"]["stretches"].as_array().unwrap().iter().find(|one| {
            end += number(&one["weight"]);
            end > point
        });
        assert_eq!(drawn.unwrap()["id"], step["id"]);
    }
    let text = home.tiny(&[&["trace"][..], &ASKED].concat()).stdout;
    assert!(text.contains("top_k") && text.contains("of the line"), "{text}");
}

#[test]
fn a_safetensors_file_holds_the_same_numbers() {
    let home = Home::new();
    let file = home.path("values.safetensors");
    let flags = ["trace", "--value", "queries", "--value", "embedding", "--candidates", "0"];
    let all = home.tiny(&[&flags[..], &["--json"], &ASKED].concat());
    let written = home.tiny(&[&flags[..], &["--safetensors", file.to_str().unwrap()], &ASKED].concat());
    assert_eq!(written.status, 0, "{}", written.stderr);
    let bytes = std::fs::read(&file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    let (header, numbers) = (json(std::str::from_utf8(&bytes[8..8 + length]).unwrap()), &bytes[8 + length..]);
    for value in json(&all.stdout)["values"].as_array().unwrap() {
        let name = value["name"].as_str().unwrap();
        let key = value["layer"].as_u64().map_or_else(|| name.to_owned(), |layer| format!("{layer}.{name}"));
        let offset = |index: usize| header[&key]["data_offsets"][index].as_u64().unwrap() as usize;
        let found: Vec<f32> =
            numbers[offset(0)..offset(1)].as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        let rows = value["numbers"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        let expected: Vec<f32> = rows.map(|number| number.as_f64().unwrap() as f32).collect();
        assert_eq!(found, expected, "{key}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let home = Home::new();
    for (arguments, status, sentence) in [
        (&["trace", "--value", "querys", "x"][..], 2, "no value of these layers is called querys"),
        (&["trace", "--value", "queries", "--layer", "7", "x"], 2, "no value of these layers is called queries"),
        (&["trace", "--layer", "3-1", "x"], 2, "ends before it begins"),
        (&["trace", "--safetensors", "f", "x"], 2, "--safetensors needs a --value"),
        (&["trace"], 2, "there is no prompt"),
    ] {
        let found = home.tiny(arguments);
        assert_eq!(found.status, status, "{arguments:?}: {}", found.stderr);
        assert!(found.stderr.contains(sentence), "{arguments:?}: {}", found.stderr);
    }
}
