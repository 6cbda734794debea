//! Signatures of models, the bill of materials, labelled documents.

use crate::support::Home;

#[test]
fn a_signed_model_is_checked_and_a_changed_one_is_noticed() {
    let home = Home::new();
    home.hefu(&["sign", "--create-key", "key.pem"]).success();
    assert!(home.hefu(&["sign", "--create-key", "key.pem"]).failure(1).contains("key.pem.pub is there already"));
    std::fs::write(home.path("half.pem"), "a key").unwrap();
    assert!(home.hefu(&["sign", "--create-key", "half.pem"]).failure(1).contains("half.pem is there already"));
    assert!(!home.path("half.pem.pub").exists());
    home.hefu(&["sign", "tiny.gguf", "--private-key", "key.pem"]).success();
    let check = || home.hefu(&["verify-model", "tiny.gguf", "--public-key", "key.pem.pub"]);
    assert_eq!(check().success(), "matches: tiny.gguf (1 file)\n");

    let mut bytes = std::fs::read(home.model()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(home.model(), bytes).unwrap();
    assert!(check().failure(1).contains("was changed after it was signed"));

    home.hefu(&["sign", "--create-key", "other.pem"]).success();
    let other = home.hefu(&["verify-model", "tiny.gguf", "--public-key", "other.pem.pub"]);
    assert!(other.failure(1).contains("another key"));
    assert!(home.hefu(&["sign"]).failure(2).contains("--private-key"));
    assert!(home.hefu(&["sign", "tiny.gguf", "--private-key", "tiny.gguf"]).failure(1).contains("UTF-8"));
    assert!(home.hefu(&["sign", "tiny.gguf", "--private-key", "key.pem.pub"]).failure(1).contains("no private key"));
}

#[test]
fn the_bill_of_materials_names_libraries_and_models() {
    let home = Home::new();
    let bill = home.hefu(&["bom", "tiny.gguf"]).json();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    assert!(components.iter().any(|component| component["name"] == "serde"));
    let model = components.iter().find(|component| component["type"] == "machine-learning-model").unwrap();
    assert_eq!(model["components"][0]["hashes"][0]["content"].as_str().map(str::len), Some(64));
}

#[test]
fn an_answer_becomes_a_labelled_document() {
    let home = Home::new();
    let answer = home.tiny(&["run", "--json", "--raw", "-n", "4", "hi"]).success();
    let export = ["export", "--label", "cn", "--label-producer", "somebody", "--output", "answer.md"];
    home.hefu_with(&export, &answer).success();
    assert!(home.hefu(&["label", "check", "answer.md"]).success().contains("produced by somebody"));

    std::fs::write(home.path("plain.md"), home.hefu_with(&["export"], &answer).success()).unwrap();
    let both = home.hefu(&["label", "check", "answer.md", "plain.md"]);
    assert_eq!(both.status, 1);
    assert!(both.stderr.contains("1 of 2"), "{}", both.stderr);
    assert!(home.hefu_with(&["export", "--label", "cn"], &answer).failure(2).contains("--label-producer"));
    assert!(home.hefu_with(&["export"], "{}").failure(1).contains("no answer"));
    assert!(home.hefu_with(&["export"], "nonsense").failure(1).contains("no JSON"));
}
