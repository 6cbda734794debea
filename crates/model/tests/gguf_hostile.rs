//! Messages of the parser about the malformed files of `golden/hostile`, word for word.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hefu_model::gguf::Gguf;
use hefu_numerics::quant::FORMATS;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden/hostile")
}

/// Lines `file: sentence`, where `FORMATS` stands for the names of all formats that are read.
fn sentences() -> Vec<(String, String)> {
    let formats = FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    let text = std::fs::read_to_string(folder().join("sentences.txt")).expect("a readable list");
    let lines = text.lines().map(|line| line.split_once(": ").expect("a line `file: sentence`"));
    lines.map(|(file, sentence)| (file.to_owned(), sentence.replace("FORMATS", &formats))).collect()
}

#[test]
fn every_malformed_file_gets_its_sentence() {
    for (name, sentence) in sentences() {
        let file = std::fs::read(folder().join(&name).with_extension("gguf")).expect("a readable file");
        let error = Gguf::parse(&[&file]).expect_err(&name);
        assert_eq!(error.to_string(), sentence, "{name}");
    }
}

#[test]
fn every_file_of_the_folder_has_its_sentence() {
    let listed: BTreeSet<String> = sentences().iter().map(|(name, _)| format!("{name}.gguf")).collect();
    let entries = std::fs::read_dir(folder()).expect("a readable folder");
    let there = entries.map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned());
    let there: BTreeSet<String> = there.filter(|name| name.ends_with(".gguf")).collect();
    assert_eq!(listed, there);
    assert!(there.len() >= 50, "the folder was found but holds only {} files", there.len());
}
