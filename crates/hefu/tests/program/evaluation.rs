//! `hefu eval` and `hefu verify --sample`: one score however it is computed, resumable, and shown to be what it says.

use crate::support::{Home, repository};
use hefu_proof::canonical::canonical;
use hefu_proof::{Identity, ScoreReceipt, merkle};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Samples of each task.
const SAMPLES: usize = 9;

const CHOICE: &str = "\
name: choice
data: rows.jsonl
prompt: 'Q: {{ question }} A:'
multiple_choice: {divide_by: tokens}
examples: {data: rows.jsonl, count: 1}
";
const LIKELIHOOD: &str =
    "name: likelihood\ndata: rows.csv\nlikelihood: {text: '{{ question }}, {{ answer }}. {{ question }}'}\n";
const EXACT: &str = "\
name: exact
data: rows.jsonl
chat: true
prompt: '{{ question }}'
exact_match: {max_tokens: 12, stop: ['zz'], extract: '.', ignore_case: true}
";
const JUDGED: &str = "\
name: judged
data: rows.jsonl
prompt: '{{ question }}'
judge: {prompt: '{{ question }} is {{ reply }}?', max_tokens: 5, chat: true, yes: 'a', no: 'b'}
";

/// The four tasks and their samples, in files.
fn tasks(home: &Home, samples: usize) -> [String; 4] {
    let question = |number: usize| format!("What is {number}?");
    let row = |number: usize| json!({"question": question(number), "choices": ["one", "two", format!("{number}")], "answer": number % 3});
    let lines: String = (0..samples).map(|number| format!("{}\n", row(number))).collect();
    std::fs::write(home.path("rows.jsonl"), lines).unwrap();
    let table: String = (0..samples).map(|number| format!("{},\"a, {number}\"\n", question(number))).collect();
    std::fs::write(home.path("rows.csv"), format!("question,answer\n{table}")).unwrap();
    [("choice", CHOICE), ("likelihood", LIKELIHOOD), ("exact", EXACT), ("judged", JUDGED)].map(|(name, text)| {
        let path = format!("{name}.yaml");
        std::fs::write(home.path(&path), text).unwrap();
        path
    })
}

/// Root and fraction of each task's score.
fn scores(home: &Home, tasks: &[String], flags: &[&str]) -> Vec<Value> {
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    let found = home.tiny(&[&["eval", "--json", "--force"], &tasks[..], flags].concat()).json();
    let of = |task: &Value| json!([task["task"], task["root"], task["numerator"], task["denominator"]]);
    found["tasks"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_score_is_the_same_on_every_instruction_set_thread_count_and_batch() {
    let home = Home::new();
    let tasks = tasks(&home, SAMPLES);
    let expected = scores(&home, &tasks, &["--isa", "reference", "--threads", "1", "--parallel", "1"]);
    assert_eq!(expected.len(), 4);
    for isa in hefu_cpu::select::ISAS.iter().filter(|isa| (isa.is_available)() && isa.name != "reference") {
        for (threads, parallel, chunk) in [("1", "1", "512"), ("1", "64", "7"), ("2", "8", "512"), ("2", "64", "33")] {
            let flags = ["--isa", isa.name, "--threads", threads, "--parallel", parallel, "--prefill-chunk", chunk];
            assert_eq!(scores(&home, &tasks, &flags), expected, "{flags:?}");
        }
    }
    // The shares are neither nothing nor all, so that a slip would show.
    assert!(expected[0][2].as_u64().is_some_and(|points| points > 0 && points < SAMPLES as u64), "{expected:?}");
}

#[test]
fn a_score_holds_on_another_instruction_set_and_says_what_that_proves() {
    let home = Home::new();
    let tasks = tasks(&home, 40);
    let best = hefu_cpu::select::ISAS.iter().rfind(|isa| (isa.is_available)()).unwrap().name;
    scores(&home, &tasks, &["--isa", best]);
    for task in &tasks {
        let score = task.replace(".yaml", ".score");
        let said = home.tiny(&["verify", &score, "--sample", "5", "--task", task, "--isa", "portable"]).success();
        assert!(said.contains("5 of 40 samples were drawn by chance") && said.contains("95 %"), "{said}");
        assert!(said.contains("signed by this instance"), "{said}");
        let said = home.tiny(&["verify", &score, "--threads", "1"]).success();
        assert!(said.contains("all 40 samples were made again"), "{said}");
    }
    let report = home.tiny(&["verify", "choice.score", "--sample", "0", "--json"]).json();
    assert_eq!((&report["scores"][0]["excluded"], &report["matching"]), (&Value::Null, &json!(1)));
}

#[test]
fn a_false_score_is_found() {
    let home = Home::new();
    let [choice, _, exact, judged] = tasks(&home, SAMPLES);
    scores(&home, &[choice, exact, judged], &[]);
    let text = std::fs::read_to_string(home.path("choice.score")).unwrap();
    let verify = |text: &str, flags: &[&str]| {
        std::fs::write(home.path("other.score"), text).unwrap();
        let outcome = home.tiny(&[&["verify", "other.score"], flags].concat());
        (outcome.status, outcome.stdout)
    };
    assert_eq!(verify(&text, &[]).0, 0);
    // A record that was changed, one that is missing, and the order.
    let lines: Vec<&str> = text.lines().collect();
    let changed = text.replacen("\"index\":3", "\"index\":4", 1);
    let missing = lines[..lines.len() - 1].join("\n");
    let swapped = [&lines[..1], &[lines[2], lines[1]], &lines[3..]].concat().join("\n");
    for (text, wrong) in [(&changed, "changed"), (&missing, "9 samples"), (&swapped, "changed")] {
        let (status, said) = verify(text, &["--sample", "1"]);
        assert!(status == 1 && said.contains("refused") && said.contains(wrong), "{said}");
    }
    // Whoever has a key can sign anything that adds up; the model tells.
    let mut records: Vec<Value> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &mut records {
        let text = &mut record["parts"][0]["likelihoods"]["texts"][0]["logprobs"][0];
        *text = json!(text.as_f64().unwrap() as f32 - 1e-3);
    }
    let forged = signed_again(&home, lines[0], &records);
    let (status, said) = verify(&forged, &["--sample", "2"]);
    assert!(status == 1 && said.contains("differs") && said.contains("log-probability"), "{said}");
    // Points that do not follow from what came.
    records[0]["points"] = json!(1 - records[0]["points"].as_u64().unwrap());
    let (status, said) = verify(&signed_again(&home, lines[0], &records), &[]);
    assert!(status == 1 && said.contains("its parts earn"), "{said}");
    // A judge that was asked something else, or a prompt that somebody else wrote; only the task tells.
    for (part, whose) in [(0, "the prompt"), (1, "the judge's prompt")] {
        let judged = std::fs::read_to_string(home.path("judged.score")).unwrap();
        let lines: Vec<&str> = judged.lines().collect();
        let mut records: Vec<Value> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let place = if part == 0 { "/parts/0/answer/prompt/0" } else { "/parts/1/likelihoods/shared/0" };
        *records[4].pointer_mut(place).unwrap() = json!(7);
        let (status, said) = verify(&signed_again(&home, lines[0], &records), &["--task", "judged.yaml"]);
        assert!(status == 1 && said.contains(&format!("{whose} of sample 4 is not the task's")), "{said}");
    }
    // Another task, other samples.
    let (status, said) = verify(&text, &["--task", "exact.yaml"]);
    assert!(status == 1 && said.contains("the task is another"), "{said}");
    std::fs::write(home.path("rows.jsonl"), "{\"question\": \"?\", \"choices\": [\"1\", \"2\"], \"answer\": 0}\n")
        .unwrap();
    let (status, said) = verify(&text, &["--task", "choice.yaml"]);
    assert!(status == 1 && said.contains("the file of samples is another"), "{said}");
}

/// A score over these records, signed by the instance.
fn signed_again(home: &Home, first: &str, records: &[Value]) -> String {
    let identity = Identity::open(&home.path("home/identity.pem")).unwrap();
    let lines: Vec<String> = records.iter().map(|record| canonical(record).unwrap()).collect();
    let mut score = ScoreReceipt::parse(first).unwrap().score().clone();
    score.root = merkle::root(&lines);
    ScoreReceipt::sign(score, &identity).unwrap().to_text() + &lines.join("\n") + "\n"
}

#[cfg(unix)]
#[test]
fn an_evaluation_that_is_killed_goes_on_where_it_was() {
    let home = Home::new();
    let tasks = tasks(&home, 200);
    let task = &tasks[2..3];
    let expected = scores(&home, task, &[]);
    std::fs::remove_file(home.path("exact.score")).unwrap();
    let part = home.path("exact.score.begun");
    let mut killed = 0;
    for round in 0..20_u64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(["eval", "exact.yaml", "--parallel", "2", "--model"]).arg(home.model());
        command.env("HEFU_HOME", home.path("home")).current_dir(home.path("")).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let before = lines(&part);
        while lines(&part) <= before + 3 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 777 % 4000));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        killed += 1;
        assert!(lines(&part) > before, "nothing was kept");
        if killed == 4 {
            break;
        }
    }
    assert!(killed > 0, "it was never killed in the middle");
    let already = lines(&part);
    assert_eq!(scores(&home, task, &[]), expected);
    assert!(already > 3 && !part.exists());
}

#[cfg(unix)]
fn lines(path: &std::path::Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

#[test]
fn reports_say_the_same_and_a_share_that_is_too_small_fails() {
    let home = Home::new();
    let [choice, likelihood, ..] = tasks(&home, SAMPLES);
    let flags = ["--junit", "report.xml", "--svg", "table.svg"];
    let table = home.tiny(&[&["eval", &choice, &likelihood], &flags[..]].concat()).success();
    let found = home.tiny(&["eval", &choice, "--force", "--json"]).json();
    let right = found["tasks"][0]["numerator"].as_u64().unwrap();
    assert!(
        table.contains(&format!("| choice | multiple choice | 9 | {:.4} ({right}/9) |", right as f64 / 9.0)),
        "{table}"
    );
    assert!(table.contains("| likelihood | bits per byte | 9 | "), "{table}");
    let report = std::fs::read_to_string(home.path("report.xml")).unwrap();
    let report = roxmltree::Document::parse(&report).unwrap();
    let count = |name: &str| report.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!((count("testsuite"), count("testcase"), count("failure")), (2, 18, SAMPLES - right as usize));
    let drawing = std::fs::read_to_string(home.path("table.svg")).unwrap();
    assert!(roxmltree::Document::parse(&drawing).unwrap().root_element().has_tag_name("svg"));
    let outcome = home.tiny(&["eval", &choice, "--force", "--at-least", "1"]);
    assert!(outcome.status == 1 && outcome.stderr.contains("--at-least"), "{}", outcome.stderr);
    assert!(home.tiny(&["eval", &choice]).failure(2).contains("is there already"));
    assert!(home.tiny(&["eval", &choice, &choice, "--force"]).failure(2).contains("two tasks are called choice"));
}

#[test]
fn what_cannot_be_evaluated_is_told_before_anything_is_computed() {
    let home = Home::new();
    tasks(&home, 2);
    for (text, wrong) in [
        (
            "name: t\ndata: rows.jsonl\nprompt: '{{ other }}'\nmultiple_choice: {}",
            "sample 0: the template prompt fails",
        ),
        ("name: t\ndata: rows.jsonl\nprompt: x\nmultiple_choice: {choices: question}", "its field question is no list"),
        ("name: t\ndata: none.jsonl\nlikelihood: {}", "cannot be read"),
        ("name: t\ndata: rows.txt\nlikelihood: {}", "files that end in"),
        ("name: t\nlikelihood: {}", "it is no task"),
    ] {
        std::fs::write(home.path("wrong.yaml"), text).unwrap();
        let said = home.tiny(&["eval", "wrong.yaml"]).failure(1);
        assert!(said.contains(wrong), "{said}");
    }
    assert!(!home.path("t.score.begun").exists());
}

#[test]
fn the_tasks_that_are_brought_along_are_in_order() {
    let home = Home::new();
    let of = |name: &str| repository(&format!("tasks/{name}.yaml")).to_str().unwrap().to_owned();
    let tasks = ["everyday-en", "common-zh", "python-output"].map(of);
    let found = scores(&home, &tasks, &["--limit", "2", "--context", "256"]);
    assert_eq!(found.len(), 3);
}
