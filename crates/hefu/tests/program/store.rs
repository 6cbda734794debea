//! The commands about the store, with a model that is pulled from a path.

use crate::support::{Home, repository};
use crate::tiny;

#[test]
fn a_model_is_pulled_listed_shown_used_and_removed() {
    let home = Home::new();
    let pull = || home.hefu(&["pull", "./tiny.gguf", "--name", "mine"]);
    assert_eq!(pull().success(), "mine\n");
    assert_eq!(pull().success(), "mine is there already\n");

    let list = home.hefu(&["models", "--json"]).json();
    let models = list["models"].as_array().unwrap();
    let mine = models.iter().find(|model| model["name"] == "mine").unwrap();
    assert_eq!((&mine["pulled"], &mine["default"]), (&true.into(), &false.into()));
    assert!(models.iter().any(|model| model["default"] == true && model["pulled"] == false));
    assert!(home.hefu(&["models"]).success().contains("mine "));

    let shown = home.hefu(&["show", "mine", "--json", "--context", "100"]).json();
    assert_eq!(shown["memory"]["context"], 100);
    // Two pages of 64 positions, two layers, keys and values of 32 numbers of 2 bytes.
    assert_eq!(shown["memory"]["cache_bytes"], 128 * 2 * 2 * 32 * 2);
    let q8 = home.hefu(&["show", "mine", "--json", "--context", "100", "--cache", "q8"]).json();
    // The 16 numbers of each of 2 heads are filled up to 32, with 2 bytes of scale.
    assert_eq!(
        (&q8["memory"]["cache_type"], &q8["memory"]["cache_bytes"]),
        (&"q8".into(), &(128 * 2 * 2 * 2 * 34).into())
    );
    assert_eq!(shown["licence"], "CC0-1.0");
    assert_eq!(shown["formats"][0]["format"], "F32");
    assert_eq!(shown["metadata"]["llama.block_count"], 2);
    assert_eq!(shown["context_length"], tiny::CONTEXT);
    assert_eq!(shown["files"][0]["sha256"].as_str().map(str::len), Some(64));

    let ask =
        |model: &str| home.hefu(&["run", "--json", "--raw", "-n", "3", "--seed", "1", "--model", model, "hi"]).json();
    let (by_name, by_path) = (ask("mine"), ask("tiny.gguf"));
    assert_eq!(by_name["fingerprint"], by_path["fingerprint"]);
    assert_eq!(by_name["token_ids"], by_path["token_ids"]);

    assert!(home.hefu(&["remove", "mine"]).success().starts_with("removed mine"));
    home.hefu(&["remove", "mine"]).failure(1);
}

#[test]
fn a_page_about_a_model_names_what_matters() {
    let home = Home::new();
    let page = home.hefu(&["show", "tiny.gguf", "--tensors"]).success();
    for part in ["licence", "CC0-1.0", "architecture", "llama", "cache", "F32", "blk.1.ffn_down.weight", "template"] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
    let template = home.hefu(&["show", "tiny.gguf", "--print-template"]).success();
    assert!(template.starts_with("{% for m in messages %}"), "{template}");
    let said = home.hefu(&["show", "tiny.gguf", "--context", "257"]).failure(2);
    assert!(said.contains("257") && said.contains("256"), "{said}");
}

#[test]
fn malformed_files_end_in_one_sentence() {
    let home = Home::new();
    let files = std::fs::read_dir(repository("golden/hostile")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "gguf"));
    let mut tried = 0;
    for path in files {
        let said = home.hefu(&["show", path.to_str().unwrap()]).failure(1);
        assert!(said.starts_with("hefu: ") && said.trim_end().lines().count() == 1, "{}: {said}", path.display());
        tried += 1;
    }
    assert!(tried >= 10, "{tried} files");
}
