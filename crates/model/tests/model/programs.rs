//! The programs that families write, as text: a changed family shows in review.
//! `cargo run --release -p hefu-model --example make_programs` writes them anew.

use std::fs;
use std::path::PathBuf;

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};

#[test]
fn every_tiny_model_has_the_program_that_was_reviewed() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden");
    let mut reviewed: Vec<String> = names(&golden.join("programs"), "txt");
    let mut models = names(&golden.join("models"), "gguf");
    reviewed.sort();
    models.sort();
    assert!(!models.is_empty());
    assert_eq!(reviewed, models, "one program for each model");
    for name in models {
        let bytes = fs::read(golden.join(format!("models/{name}.gguf"))).expect("a model");
        let gguf = Gguf::parse(&[&bytes]).expect("a good file");
        let program = ModelSpec::read_any(&gguf, &LoadOptions::default()).expect("a good model").program;
        let expected = fs::read_to_string(golden.join(format!("programs/{name}.txt"))).expect("a program");
        let (found, expected) = (program.text(), expected.replace("\r\n", "\n"));
        let differs = found.lines().zip(expected.lines()).enumerate().find(|(_, (found, expected))| found != expected);
        assert_eq!(differs, None, "{name}: another program");
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}: another program");
    }
}

pub(crate) fn names(folder: &std::path::Path, extension: &str) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder of the repository");
    let paths = files.map(|file| file.expect("a file").path());
    let with = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    with.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}
