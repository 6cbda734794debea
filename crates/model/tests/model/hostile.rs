//! Damaged files end in an error or in a model, never in a panic.

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use proptest::prelude::*;

use crate::devices::{Chunk, devices, load, size};
use crate::tiny::{FAMILIES, Tiny};

/// Largest model that a damaged file may describe before it is not run: more would only be slow.
const MAX_CACHE: usize = 1 << 24;

/// Loads a file and, if that works, runs two tokens.
fn try_to_run(bytes: &[u8]) {
    let options = LoadOptions::default();
    let Ok(spec) = Gguf::parse(&[bytes]).map_err(Into::into).and_then(|gguf| ModelSpec::read(&gguf, &options)) else {
        return;
    };
    for device in devices() {
        let footprint = device.footprint(&spec.program, &size(1));
        if footprint.is_none_or(|footprint| footprint.states > MAX_CACHE) {
            return;
        }
    }
    let mut session = load(bytes, &options).expect("it was read before").session(1);
    let chunk = Chunk { tokens: &[0, 1], position: 0, pages: &[0], wanted: 0..2 };
    if session.run(&[chunk]).is_ok() {
        let _ = session.logits(0..2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flipped_bits_do_no_harm(family in 0..FAMILIES.len(), flips in prop::collection::vec((0usize..3000, 0u8..8), 1..4)) {
        let mut bytes = Tiny::new(FAMILIES[family], 1, 1).bytes();
        for (at, bit) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        try_to_run(&bytes);
    }

    #[test]
    fn any_number_in_any_key_does_no_harm(family in 0..FAMILIES.len(), key in 1usize..16, value in numbers()) {
        use hefu_model::gguf::Value;
        let mut tiny = Tiny::new(FAMILIES[family], 1, 1);
        let key = key.min(tiny.keys.len() - 1);
        tiny.keys[key].1 = match tiny.keys[key].1 {
            Value::F32(_) => Value::F32(f32::from_bits(value as u32)),
            _ => Value::U64(value),
        };
        try_to_run(&tiny.bytes());
    }
}

/// Small, around powers of two, and arbitrary.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..300,
        (0u32..64, 0u64..3).prop_map(|(power, less)| (1u64 << power).wrapping_sub(less)),
        any::<u64>()
    ]
}
