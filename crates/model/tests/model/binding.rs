//! Files that are no model, and what loading does to memory.

use std::ops::Range;
use std::sync::Mutex;

use hefu_model::gguf::{Gguf, Value};
use hefu_model::{Error, LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Error as DeviceError, Weights};
use hefu_numerics::program::Shape;

use crate::devices::{Chunk, devices, load, logits, size};
use crate::tiny::{FAMILIES, Tensor, Tiny, VOCABULARY, WIDTH, bits, tokens};

#[test]
fn every_byte_of_every_matrix_is_read_once() {
    for family in FAMILIES {
        let mut tiny = Tiny::new(family, 2, 31);
        enlarge(&mut tiny);
        let file = tiny.bytes();
        let gguf = Gguf::parse(&[&file]).expect("a good file");
        let spec = ModelSpec::read(&gguf, &LoadOptions::default()).expect("a good model");
        for device in devices() {
            let read: Mutex<Vec<Range<usize>>> = Mutex::default();
            let done = |file, range| {
                assert_eq!(file, 0);
                read.lock().expect("no thread panicked").push(range);
            };
            device.load(&spec.program, &ModelFiles::new(&gguf, &done)).expect("enough memory");
            let mut read = read.into_inner().expect("no thread panicked");
            read.sort_by_key(|range| range.start);
            assert!(read.windows(2).all(|pair| pair[0].end <= pair[1].start), "{family}: pieces overlap");
            let is_used = |name: &str| spec.program.weights.iter().any(|weight| weight.tensor == name);
            for tensor in gguf.tensors().iter().filter(|tensor| tensor.shape.len() > 1) {
                assert!(is_used(tensor.name) || tensor.name.contains(".nextn."), "{family}: {}", tensor.name);
                // Kernels of short convolutions are small, and read as vectors are.
                if !is_used(tensor.name) || tensor.name.contains("conv1d") {
                    continue;
                }
                let of = tensor.offset..tensor.offset + tensor.bytes;
                let inside = read.iter().filter(|range| of.start <= range.start && range.end <= of.end);
                let name = tensor.name;
                assert_eq!(inside.map(Range::len).sum::<usize>(), tensor.bytes, "{family}: {name} is read once");
            }
        }
    }
}

/// Gives a model a vocabulary so large that its matrices are packed in several pieces.
fn enlarge(tiny: &mut Tiny) {
    for name in ["token_embd.weight", "output.weight"] {
        if let Some(tensor) = tiny.tensors.iter_mut().find(|tensor| tensor.name == name) {
            tensor.format = "F32";
            tensor.shape[1] = 10_001;
            tensor.values = (0..10_001 * WIDTH).map(|i| (i % 1013) as f32 * 1e-3 - 0.5).collect();
        }
    }
}

#[test]
fn pieces_do_not_change_what_is_loaded() {
    let mut tiny = Tiny::new("qwen3", 1, 32);
    enlarge(&mut tiny);
    // Devices are compared there.
    logits(&tiny.load().expect("a good model"), &[1, 5000, 10_000], [3]);
}

#[test]
fn a_tied_output_is_in_memory_once() {
    let mut tiny = Tiny::new("qwen2", 1, 33);
    let bytes = |tiny: &Tiny| {
        let model = tiny.load().expect("a good model");
        let bytes = model.on.iter().map(|(_, weights)| weights.bytes());
        bytes.collect::<Vec<_>>()
    };
    let (untied, rows) = (bytes(&tiny), VOCABULARY * WIDTH);
    tiny.tensors.retain(|tensor| tensor.name != "output.weight");
    for (untied, tied) in untied.into_iter().zip(bytes(&tiny)) {
        assert_eq!(untied - tied, rows * size_of::<u16>());
    }
    // The logits are the embedding's products then.
    let embedding = tiny.tensor("token_embd.weight").clone();
    let tokens = tokens(5, 1);
    let tied = logits(&tiny.load().expect("a good model"), &tokens, [5]);
    tiny.tensors.push(Tensor { name: "output.weight".into(), ..embedding });
    assert_eq!(bits(&tied), bits(&logits(&tiny.load().expect("a good model"), &tokens, [5])));
}

#[test]
fn a_description_counts_what_is_there() {
    let mut tiny = Tiny::new("qwen2", 2, 34);
    tiny.keys.push(("general.license".into(), Value::String(b"mit")));
    let model = tiny.load().expect("a good model");
    let description = &model.spec.description;
    assert_eq!((description.architecture, description.license.as_deref()), ("qwen2", Some("mit")));
    assert!(!description.has_template);
    assert_eq!((description.context_length, description.hidden_size), (256, WIDTH));
    assert_eq!(description.parameters, tiny.tensors.iter().map(|tensor| tensor.values.len() as u64).sum::<u64>());
    assert_eq!(description.formats.iter().map(|used| used.tensors).sum::<usize>(), tiny.tensors.len());
    for (device, weights) in &model.on {
        // Two layers, two heads, keys and values of 16 halves, 256 positions.
        let footprint = device.footprint(&model.spec.program, &size(4)).expect("a small model");
        assert_eq!(footprint.states, 2 * 2 * (16 + 16) * 2 * 256);
        assert_eq!(footprint.weights, weights.bytes(), "what is stated is taken");
    }
}

#[test]
fn every_value_of_a_layer_has_its_own_name() {
    for family in FAMILIES {
        let program = Tiny::new(family, 2, 38).spec().expect("a good model").program;
        let mut names: Vec<_> = program.values.iter().map(|value| (value.layer, &value.name)).collect();
        names.sort();
        assert_eq!(names.windows(2).find(|pair| pair[0] == pair[1]), None, "{family}");
    }
}

#[test]
fn a_weight_that_is_used_twice_is_there_once() {
    for family in FAMILIES {
        let mut tiny = Tiny::new(family, 2, 39);
        tiny.tensors.retain(|tensor| tensor.name != "output.weight");
        let program = tiny.spec().expect("a good model").program;
        let rows = |weight: &hefu_numerics::program::WeightSpec| {
            weight.stretches().map(|(offset, rows)| (offset, rows * weight.row_bytes())).collect::<Vec<_>>()
        };
        let mut read: Vec<(usize, usize)> = program.weights.iter().flat_map(rows).collect();
        read.sort_unstable();
        assert!(read.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{family}: weights share no bytes");
        assert!(program.weights.iter().any(|weight| matches!(weight.shape, Shape::Matrix { .. })));
    }
}

#[test]
fn what_is_no_model_is_refused_by_name() {
    let check = |change: &dyn Fn(&mut Tiny), expected: &str| {
        let mut tiny = Tiny::new("qwen2", 1, 35);
        change(&mut tiny);
        let error = tiny.spec().expect_err(expected).to_string();
        assert!(error.contains(expected), "`{error}` should say `{expected}`");
    };
    let set = |key: &'static str, value| move |tiny: &mut Tiny| tiny.set(key, value);
    check(
        &|tiny| tiny.keys[0].1 = Value::String(b"rwkv"),
        "`rwkv`, which is not supported; supported are llama, mistral3",
    );
    check(
        &|tiny| tiny.keys[0].1 = Value::String(b"rwkv6"),
        "`rwkv6`, which is not supported: what is missing is the memory of RWKV-6",
    );
    check(&|tiny| drop(tiny.keys.remove(0)), "\"general.architecture\"");
    check(&set("attention.sliding_window", Value::U32(9)), "`qwen2.attention.sliding_window` is not known");
    check(&set("attention.max_alibi_bias", Value::F32(8.0)), "`qwen2.attention.max_alibi_bias` is not known");
    check(&set("attention.causal", Value::Bool(false)), "write from left to right");
    check(&set("rope.scaling.type", Value::String(b"dynamic")), "is `dynamic`, which is not supported");
    check(&set("rope.scaling.type", Value::String(b"yarn")), "`qwen2.rope.scaling.factor` is missing");
    check(&set("attention.head_count", Value::U32(0)), "is 0, but only 1 to 4096 is supported");
    check(&set("attention.head_count_kv", Value::U32(3)), "is 3, which does not divide the 4 query heads");
    check(&set("attention.head_count", Value::String(b"4")), "\"qwen2.attention.head_count\"");
    check(&set("block_count", Value::U32(2)), "lacks the tensor `blk.1.attn_norm.weight` (64)");
    check(&set("block_count", Value::U64(u64::MAX)), "only 1 to 1024");
    check(
        &set("feed_forward_length", Value::U32(64)),
        "`blk.0.ffn_gate.weight` has shape 64 x 96, but the file's metadata make it 64 x 64",
    );
    check(&set("rope.dimension_count", Value::U32(5)), "it is odd");
    check(&set("rope.dimension_count", Value::U32(18)), "only 2 to 16");
    check(&set("attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)), "is NaN");
    check(
        &|tiny| tiny.tensors.retain(|tensor| tensor.name != "blk.0.attn_q.bias"),
        "lacks the tensor `blk.0.attn_q.bias` (64)",
    );
    check(
        &|tiny| {
            let norm = tiny.tensor("output_norm.weight").clone();
            tiny.tensors.push(Tensor { name: "blk.0.attn_q_norm.weight".into(), ..norm });
        },
        "1 tensors that architecture `qwen2` does not use: `blk.0.attn_q_norm.weight`",
    );
    check(
        &|tiny| tiny.tensors.retain(|tensor| tensor.name != "token_embd.weight"),
        "lacks the tensor `token_embd.weight`",
    );
    check(&|tiny| tiny.keys.retain(|(key, _)| !key.ends_with("epsilon")), "epsilon` is missing");
}

#[test]
fn keys_that_nobody_read_are_named_before_tensors_that_do_not_fit() {
    let mut tiny = Tiny::new("llama", 1, 36);
    tiny.set("attention.clamp_kqv", Value::F32(8.0));
    tiny.tensors.retain(|tensor| tensor.name != "blk.0.ffn_norm.weight");
    let error = tiny.spec().expect_err("two things are wrong").to_string();
    assert!(error.contains("`llama.attention.clamp_kqv` is not known"), "{error}");
}

#[test]
fn contexts_and_memory_are_checked() {
    let file = Tiny::new("qwen2", 1, 36).bytes();
    for context in [0, 257] {
        let result = load(&file, &LoadOptions { context: Some(context), ..LoadOptions::default() });
        assert!(matches!(result, Err(Error::Context { asked, allowed: 256 }) if asked == context));
    }
    let gguf = Gguf::parse(&[&file]).expect("a good file");
    assert_eq!(ModelSpec::context_length(&gguf).expect("a good model"), 256);
    let model = load(&file, &LoadOptions::default()).expect("a good model");
    for (device, weights) in &model.on {
        // More than any machine has.
        let huge = size(1 << 40);
        let refused = device.compile(&model.spec.program, weights, &huge, &[]).err();
        assert!(refused.is_some(), "{} has room for that", device.name());
    }
    fn is_shared<T: Send + Sync + ?Sized>() {}
    is_shared::<dyn Weights>();
    is_shared::<ModelSpec>();
}

#[test]
fn a_file_that_is_shorter_than_its_table_says_is_an_error() {
    let file = Tiny::new("qwen2", 1, 36).bytes();
    let gguf = Gguf::parse(&[&file]).expect("a good file");
    let spec = ModelSpec::read(&gguf, &LoadOptions::default()).expect("a good model");
    let mut other = Tiny::new("llama", 1, 36);
    other.tensors.truncate(1);
    let other = other.bytes();
    let short = Gguf::parse(&[&other]).expect("a good file");
    for device in devices() {
        let refused = device.load(&spec.program, &ModelFiles::new(&short, &|_, _| ())).err();
        assert!(matches!(refused, Some(DeviceError::Files { .. })), "{refused:?}");
    }
}

#[test]
fn damaged_weights_end_in_an_error_not_in_a_token() {
    let mut tiny = Tiny::new("qwen2", 1, 37);
    tiny.tensor("blk.0.ffn_norm.weight").values[3] = f32::NAN;
    let model = tiny.load().expect("values are not looked at when loading");
    let mut session = model.session(1);
    let chunk = Chunk { tokens: &[1, 2], position: 0, pages: &[0], wanted: 1..2 };
    session.run(&[chunk]).expect("a good batch");
    assert!(matches!(session.logits(0..1), Err(DeviceError::NotFinite { row: 0 })));
}
