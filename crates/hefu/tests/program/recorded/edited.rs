//! An edited model's answer is not taken for the model's, whoever signs it.

use crate::support::Home;
use hefu_proof::{Identity, Receipt};
use serde_json::{Value, json};

/// A receipt of an answer, signed again with an edited model's fingerprint, which it returns.
fn forged(home: &Home) -> String {
    home.tiny(&["run", "--raw", "--seed", "3", "-n", "4", "--receipt", "own.json", "The tally "]).success();
    std::fs::write(home.path("edits.json"), json!([{"off": "layer", "layers": [0]}]).to_string()).unwrap();
    let traced =
        ["trace", "--raw", "--seed", "3", "--max-tokens", "4", "--edits", "edits.json", "--json", "The tally "];
    let traced = home.tiny(&traced).success();
    std::fs::write(home.path("traced.json"), &traced).unwrap();
    let traced: Value = serde_json::from_str(&traced).unwrap();
    let receipt = Receipt::parse(&std::fs::read_to_string(home.path("own.json")).unwrap()).unwrap();
    let mut answer = receipt.answer().clone();
    let own = std::mem::replace(&mut answer.fingerprint, traced["fingerprint"].as_str().unwrap().to_owned());
    assert!(answer.fingerprint.starts_with(&format!("{own}+edited-")), "{}", answer.fingerprint);
    let signed = Receipt::sign(answer.clone(), &Identity::from_seed(&[7; 32])).unwrap();
    std::fs::write(home.path("edited.json"), signed.to_text()).unwrap();
    answer.fingerprint
}

#[test]
fn a_receipt_of_an_edited_model_is_refused_in_one_true_sentence() {
    let home = Home::new();
    let fingerprint = forged(&home);
    let said = home.tiny(&["verify", "edited.json"]);
    let sentence = format!(
        "edited.json: refused: it is of an edited model, {fingerprint}, and holds no edits, so that the answer cannot be made again by it"
    );
    assert!(said.status == 1 && said.stdout.starts_with(&sentence), "{} {}", said.status, said.stdout);
    let said = home.tiny(&["verify", "--json", "own.json", "edited.json"]);
    assert_eq!(said.status, 1, "{}", said.stderr);
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&found["matching"], &found["total"]), (&json!(1), &json!(2)));
    assert_eq!((&found["receipts"][0]["matches"], &found["receipts"][1]["matches"]), (&json!(true), &json!(false)));
    assert!(found["receipts"][1]["reason"].as_str().unwrap().contains("holds no edits"));
    // Where nobody says which model it was, either.
    assert_eq!(home.hefu(&["verify", "edited.json"]).status, 1);
}

#[test]
fn an_answer_of_an_edited_model_is_told_from_a_receipt() {
    let home = Home::new();
    let fingerprint = forged(&home);
    let said = home.tiny(&["verify", "traced.json"]);
    let sentence = format!(
        "traced.json: refused: it is an answer of an edited model, {fingerprint}, which has no receipt; hefu trace --edits makes it again\n"
    );
    assert_eq!((said.status, said.stdout), (1, sentence));
}
