//! Folders of safetensors files from outside: the same answers, to the bit, as from the GGUF file that somebody made of them.

use crate::support::{Home, repository};
use std::fs;

#[test]
fn a_folder_answers_as_its_gguf_file_does() {
    let home = Home::new();
    // The converter's file of the tiny Gemma 3 has tables of two sizes, so that nothing runs it.
    for name in ["llama", "mixtral", "qwen2", "qwen3", "qwen3moe"] {
        let of = |path: &str| {
            let model = repository(&format!("golden/checkpoints/{path}"));
            let flags = ["run", "--json", "--seed", "1", "--max-tokens", "8", "--logits-hash", "The other an in 12"];
            home.hefu(&[&flags[..], &["--model", model.to_str().unwrap()]].concat()).json()
        };
        let (folder, file) = (of(name), of(&format!("{name}.gguf")));
        assert!(folder["logits_hash"].is_string(), "{folder}");
        for key in ["logits_hash", "text"] {
            assert_eq!(folder[key], file[key], "{name} {key}");
        }
    }
}

#[test]
fn a_folder_becomes_a_file() {
    let home = Home::new();
    let (folder, out) = (repository("golden/checkpoints/qwen3"), home.path("out.gguf"));
    home.hefu(&["quantize", folder.to_str().unwrap(), out.to_str().unwrap(), "--to", "Q8_0"]).success();
    let said = home.hefu(&["tokenize", "--ids", "--model", out.to_str().unwrap(), "the other"]).success();
    assert_eq!(said, home.hefu(&["tokenize", "--ids", "--model", folder.to_str().unwrap(), "the other"]).success());
    home.hefu(&["show", "--model", folder.to_str().unwrap()]).success();
}

#[test]
fn what_is_wrong_with_a_folder_is_said() {
    let home = Home::new();
    let folder = home.path("broken");
    fs::create_dir(&folder).unwrap();
    for file in fs::read_dir(repository("golden/checkpoints/qwen3")).unwrap().flatten() {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let said = || home.hefu(&["run", "--model", folder.to_str().unwrap(), "Hi"]).failure(1);
    let tokenizer = fs::read_to_string(folder.join("tokenizer.json")).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer.replace("p{L}", "p{Lu}")).unwrap();
    assert!(said().contains("cuts text in a way that is not known"), "{}", said());
    fs::remove_file(folder.join("tokenizer.json")).unwrap();
    assert!(said().contains("no tokenizer.json"), "{}", said());
    fs::write(folder.join("config.json"), "{").unwrap();
    assert!(said().contains("config.json"), "{}", said());
}
