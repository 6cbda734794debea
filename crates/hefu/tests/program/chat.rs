//! A conversation typed through a pipe.

use crate::support::{Home, Outcome};

fn chat(home: &Home, more: &[&str], typed: &str) -> Outcome {
    let fixed = ["chat", "--model", "tiny.gguf", "--seed", "5", "--max-tokens", "6"];
    home.hefu_with(&[&fixed, more].concat(), typed)
}

#[test]
fn a_conversation_can_be_saved_and_continued() {
    let home = Home::new();
    let whole = chat(&home, &[], "one\ntwo\n").success();
    assert!(!whole.is_empty());
    let first = chat(&home, &[], "one\n/save talk.json\n").success();
    let second = chat(&home, &["--seed", "9"], "/load talk.json\ntwo\n").success();
    assert_eq!(first + &second, whole);
    // The history is kept, the directives in it too.
    let history = std::fs::read_to_string(home.path("home/chat-history")).unwrap();
    assert!(history.contains("one") && history.contains("/save talk.json"), "{history}");
}

#[test]
fn what_was_computed_is_kept_for_the_next_turn() {
    let home = Home::new();
    let outcome = chat(&home, &["--stats"], "one\ntwo\n");
    let kept: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("kept from before")).collect();
    assert_eq!(kept.len(), 2, "{}", outcome.stderr);
    assert!(kept[0].contains("(0 of them kept") && !kept[1].contains("(0 of them kept"), "{kept:?}");
}

#[test]
fn slips_are_explained_and_the_conversation_goes_on() {
    let home = Home::new();
    let typed =
        "/nonsense\n/load none.json\n/seed\n/seed 6\n/system Be brief.\n/system\n/stats\n/clear\n/help\n/quit\nnever\n";
    let outcome = chat(&home, &[], typed);
    for said in ["/nonsense is not known", "none.json", "the seed is 5", "Be brief.", "no answer yet", "seed 6"] {
        assert!(outcome.stderr.contains(said), "{said} in\n{}", outcome.stderr);
    }
    assert!(outcome.success().starts_with("/help"));
}

#[test]
fn a_question_that_does_not_fit_is_taken_back() {
    let home = Home::new();
    let typed = format!("one\n{}\n/save talk.json\n", "x".repeat(200));
    let outcome = chat(&home, &["--context", "100"], &typed);
    assert!(outcome.stderr.contains("/clear"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("saved 2 messages"), "{}", outcome.stderr);
    outcome.success();
}

#[test]
fn a_full_context_has_a_way_on_that_is_said() {
    let home = Home::new();
    let long = "x".repeat(30);
    // One exchange fits, the second question does not; with the first gone it is asked again.
    let typed = format!("{long}\n{long}\n/compact\n/save talk.json\n");
    let outcome = chat(&home, &["--context", "100", "--max-tokens", "4"], &typed);
    assert!(outcome.stderr.contains("/compact drops the oldest turns"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("dropped the 2 oldest messages of 2;"), "{}", outcome.stderr);
    outcome.success();
    let talk = std::fs::read_to_string(home.path("talk.json")).unwrap();
    assert!(talk.matches(&long).count() == 1 && talk.contains("assistant"), "{talk}");
    let nothing = chat(&home, &[], "one\n/compact\n");
    assert!(nothing.stderr.contains("nothing is dropped"), "{}", nothing.stderr);
}

#[test]
fn another_model_goes_on_with_the_conversation() {
    let home = Home::new();
    std::fs::copy(home.model(), home.path("other.gguf")).unwrap();
    let typed = "one\n/model ./other.gguf\ntwo\n/model none.gguf\n/model\n/save talk.json\n";
    let outcome = chat(&home, &[], typed);
    assert!(outcome.stderr.matches("the model is other.gguf").count() == 3, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("none.gguf") && outcome.stderr.contains("saved 4 messages"), "{}", outcome.stderr);
    // The same bytes under another name give the same conversation.
    assert_eq!(outcome.success(), chat(&home, &[], "one\ntwo\n").success());
}
