//! Any bytes as a model file, and as a model in two files.
#![no_main]

use hefu_model::gguf::{Gguf, Metadata, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exercise(&[data]);
    // Two files behind one another are cut where the second begins, so that seeds and mutations find valid pairs.
    let second = data.windows(4).skip(1).position(|window| window == b"GGUF").map_or(data.len() / 2, |at| at + 1);
    let (first, second) = data.split_at(second);
    exercise(&[first, second]);
});

/// Parses and, if that succeeds, reads everything in every way.
fn exercise(parts: &[&[u8]]) {
    let gguf = match Gguf::parse(parts) {
        Ok(gguf) => gguf,
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() < 1000 && !sentence.chars().any(char::is_control), "{sentence:?}");
            return;
        }
    };
    gguf.metadata().iter().for_each(|(key, _)| read_in_every_way(gguf.metadata(), key));
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for tensor in gguf.tensors() {
        assert_eq!(gguf.data(tensor), &parts[tensor.shard][tensor.offset..tensor.offset + tensor.bytes]);
        assert_eq!(gguf.tensor(tensor.name).map(|found| found.offset), Some(tensor.offset));
        let rows: u64 = tensor.shape[1..].iter().product();
        let row = tensor.format.row_bytes(tensor.shape[0] as usize).expect("rows are whole blocks");
        assert_eq!(row * rows as usize, tensor.bytes);
        places.push((tensor.shard, tensor.offset, tensor.offset + tensor.bytes));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1), "tensors overlap");
}

fn read_in_every_way(metadata: &Metadata<'_>, key: &str) {
    let _ = (metadata.string(key), metadata.unsigned(key), metadata.float(key), metadata.boolean(key));
    let _ = (metadata.strings(key), metadata.byte_strings(key), metadata.integers(key), metadata.floats(key));
    let _ = metadata.booleans(key);
    if let Some(array) = metadata.get(key).and_then(Value::array) {
        assert_eq!(array.iter().count(), array.len());
    }
}
