//! Messages about models that cannot be run.

use crate::support::Home;
use hefu_model::gguf::Value;
use hefu_model::gguf::write::Writer;
use hefu_numerics::quant::Format;

/// A file of a made-up family, with a tensor of a made-up format and a made-up tokeniser.
fn made_up() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value("general.architecture", Value::String(b"made-up"));
    writer.value("general.name", Value::String(b"Nobody's"));
    writer.value("tokenizer.ggml.model", Value::String(b"hybriddna"));
    let f32 = Format::from_gguf_type(0).unwrap();
    writer.tensor("strange.weight", &[4], f32, &[0; 16]);
    let mut file = writer.finish();
    // After the name: the number of dimensions, one size, the type.
    let name = file.windows(14).position(|bytes| bytes == b"strange.weight").unwrap();
    let place = name + 14 + 4 + 8;
    file[place..place + 4].copy_from_slice(&4_000_u32.to_le_bytes());
    file
}

#[test]
fn everything_that_stands_in_the_way_is_shown() {
    let home = Home::new();
    std::fs::write(home.path("made.gguf"), made_up()).unwrap();
    let shown = home.hefu(&["show", "made.gguf", "--json", "--tensors"]).json();
    assert_eq!(
        (&shown["runs"], &shown["title"], &shown["architecture"]),
        (&false.into(), &"Nobody's".into(), &"made-up".into())
    );
    let obstacles: Vec<&str> = shown["obstacles"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(obstacles[0], "weight formats that are not supported: type 4000 (1 tensors)");
    assert!(obstacles[1].contains("hybriddna"), "{obstacles:?}");
    assert_eq!(shown["formats"][0]["supported"], false);
    assert_eq!(shown["tensors"][0]["shape"], serde_json::json!([4]));
    let page = home.hefu(&["show", "made.gguf"]).success();
    assert!(page.contains("what stands in the way") && page.contains("hybriddna"), "{page}");
    // To run it says the first of them.
    assert!(home.hefu(&["run", "--model", "made.gguf", "x"]).failure(1).contains("type 4000"));
}

#[test]
fn a_family_that_is_not_known_is_in_the_way_too() {
    let home = Home::new();
    let mut writer = Writer::new();
    writer.value("general.architecture", Value::String(b"made-up"));
    std::fs::write(home.path("made.gguf"), writer.finish()).unwrap();
    let shown = home.hefu(&["show", "made.gguf", "--json"]).json();
    let obstacles = shown["obstacles"].to_string();
    assert!(obstacles.contains("`made-up`") && obstacles.contains("tokenizer.ggml.model"), "{obstacles}");
    let good = home.hefu(&["show", "tiny.gguf", "--json"]).json();
    assert_eq!((&good["runs"], &good["obstacles"]), (&true.into(), &serde_json::json!([])));
}
