//! `hefu quantize` and `hefu imatrix` from outside: files that run, the same bytes whoever makes them, and what is refused.

use crate::support::Home;
use crate::tiny;
use hefu_model::gguf::Gguf;
use hefu_model::importance::Importance;
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The tiny model's rows have 64 and 96 numbers: 32 to a block, or plain.
#[test]
fn every_mix_gives_a_model_that_answers() {
    let home = Home::new();
    let (model, out) = (home.model(), home.path("out.gguf"));
    for to in ["F16", "BF16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_0", "Q5_1", "IQ4_NL", "Q3_K_S", "MXFP4_MOE"] {
        let said = home.hefu(&["quantize", text(&model), text(&out), "--to", to, "--force"]).success();
        assert!(said.contains("bits for each"), "{said}");
        let answer = home.hefu(&["run", "--model", text(&out), "--max-tokens", "3", "--temperature", "0", "Hi"]);
        answer.success();
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let home = Home::new();
    let model = home.model();
    let of = |threads: &str| {
        let out = home.path(&format!("out-{threads}.gguf"));
        home.hefu(&["quantize", text(&model), text(&out), "--to", "q4_k_m", "--threads", threads]).success();
        fs::read(out).unwrap()
    };
    let one = of("1");
    assert_eq!(one, of("3"));
    let gguf = Gguf::parse(&[&one]).unwrap();
    // Rows of 64 numbers are no whole blocks of 256.
    assert_eq!(gguf.tensor("blk.0.ffn_up.weight").unwrap().format.name, "Q5_0");
    assert_eq!(gguf.tensor("output.weight").unwrap().format.name, "Q8_0");
    assert_eq!(gguf.tensor("blk.0.attn_norm.weight").unwrap().format.name, "F32");
    assert_eq!(gguf.metadata().unsigned("general.file_type"), Ok(Some(15)));
    assert_eq!(gguf.metadata().string("general.name"), Ok(Some("Tiny")));
}

#[test]
fn a_dry_run_writes_nothing_and_says_everything() {
    let home = Home::new();
    let out = home.path("out.gguf");
    let arguments =
        ["quantize", text(&home.model()), text(&out), "--to", "Q8_0", "--dry-run", "--json"].map(str::to_owned);
    let said = home.hefu(&arguments.each_ref().map(String::as_str)).json();
    assert!(!out.exists());
    let tensors = said["tensors"].as_array().unwrap();
    assert!(tensors.iter().any(|tensor| tensor["name"] == "blk.1.ffn_down.weight" && tensor["to"] == "Q8_0"));
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let home = Home::new();
    let (model, out) = (home.model(), home.path("out.gguf"));
    let files = || fs::read_dir(out.parent().unwrap()).unwrap().count();
    let before = files();
    let refused = |arguments: &[&str], status: i32, word: &str| {
        let said = home.hefu(&[&["quantize"], arguments].concat()).failure(status);
        assert!(said.contains(word), "{said}");
        assert_eq!(files(), before, "{said}");
    };
    refused(&[text(&model), text(&model), "--to", "Q8_0", "--force"], 2, "is the input");
    refused(&[text(&model), text(&out), "--to", "Q9_0"], 2, "Q9_0");
    refused(&[text(&model), text(&home.path("none/out.gguf")), "--to", "Q8_0"], 1, "cannot create");
    refused(&[text(&model), text(&out), "--to", "Q8_0", "--imatrix", text(&model)], 1, "no importance matrix");
    let mut bytes = tiny::model(true);
    let place = bytes.len() - 4;
    bytes[place..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(home.model(), bytes).unwrap();
    refused(&[text(&model), text(&out), "--to", "Q8_0"], 1, "NaN");
}

#[test]
fn a_file_that_is_there_stays() {
    let home = Home::new();
    let out = home.path("out.gguf");
    fs::write(&out, "mine").unwrap();
    let said = home.hefu(&["quantize", text(&home.model()), text(&out), "--to", "Q8_0"]).failure(2);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(fs::read(&out).unwrap(), b"mine");
}

#[test]
fn an_importance_matrix_is_the_same_however_it_is_made_and_is_used() {
    let home = Home::new();
    let (model, corpus) = (home.model(), home.path("text.txt"));
    fs::write(&corpus, "The quick brown fox jumps over the lazy dog. ".repeat(20)).unwrap();
    let of = |name: &str, more: &[&str]| {
        let out = home.path(name);
        let arguments =
            ["imatrix", "--model", text(&model), "--file", text(&corpus), "--output", text(&out), "--context", "96"];
        home.hefu(&[&arguments, more].concat()).success();
        fs::read(out).unwrap()
    };
    let bytes = of("one.gguf", &["--threads", "1"]);
    assert_eq!(bytes, of("two.gguf", &["--threads", "2", "--prefill-chunk", "7", "--isa", "portable"]));
    let importance = Importance::read(&Gguf::parse(&[&bytes]).unwrap()).unwrap();
    let sums = &importance.tensors["blk.1.ffn_down.weight"];
    assert_eq!((sums.squares.len(), sums.counts.clone()), (96, vec![864.0]));
    assert_eq!(importance.tensors.len(), 14);
    assert!(importance.tensors.values().all(|sums| sums.squares.iter().any(|sum| *sum > 0.0)));
    let of = |more: &[&str]| {
        let out = home.path("out.gguf");
        home.hefu(&[&["quantize", text(&model), text(&out), "--to", "Q4_0", "--force"], more].concat()).success();
        fs::read(out).unwrap()
    };
    assert_ne!(of(&[]), of(&["--imatrix", text(&home.path("one.gguf"))]));
}

#[test]
fn the_last_matrices_of_experts_have_their_sums() {
    let home = Home::new();
    let corpus = home.path("text.txt");
    fs::write(&corpus, "The quick brown fox jumps over the lazy dog. ".repeat(20)).unwrap();
    let model = crate::support::repository("golden/models/tiny-qwen3moe.gguf");
    let of = |name: &str, more: &[&str]| {
        let out = home.path(name);
        let fixed =
            ["imatrix", "--model", text(&model), "--file", text(&corpus), "--output", text(&out), "--context", "96"];
        home.hefu(&[&fixed, more].concat()).success();
        fs::read(out).unwrap()
    };
    let bytes = of("one.gguf", &[]);
    assert_eq!(bytes, of("two.gguf", &["--prefill-chunk", "5", "--isa", "portable"]));
    let importance = Importance::read(&Gguf::parse(&[&bytes]).unwrap()).unwrap();
    for layer in 0..2 {
        let of = |part: &str| &importance.tensors[&format!("blk.{layer}.ffn_{part}_exps.weight")];
        let (gate, down) = (of("gate"), of("down"));
        assert_eq!(gate.counts, down.counts, "as many rows go in as come out");
        assert!(down.counts.iter().sum::<f32>() > 0.0);
        let columns = down.squares.len() / down.counts.len();
        for (expert, count) in down.counts.iter().enumerate() {
            let own = &down.squares[expert * columns..(expert + 1) * columns];
            assert_eq!(own.iter().any(|sum| *sum > 0.0), *count > 0.0, "expert {expert}");
        }
    }
}
