//! Files that are no model, and what loading does to memory.

use std::ops::Range;
use std::sync::Mutex;

use hefu_model::gguf::{Gguf, Value};
use hefu_model::{Cache, Chunk, Error, LoadOptions, MAX_PAGES, Model, Plan, State};
use hefu_numerics::ops::{Alone, Team};
use hefu_numerics::reference::OPS;

use crate::tiny::{FAMILIES, Tensor, Tiny, VOCABULARY, WIDTH, bits, load, logits, tokens};

/// Threads that live for one call.
struct Threads(usize);

impl Team for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|i| drop(scope.spawn(move || job(i)))));
    }
}

#[test]
fn every_byte_of_every_matrix_is_read_once() {
    for family in FAMILIES {
        let mut tiny = Tiny::new(family, 2, 31);
        enlarge(&mut tiny);
        let file = tiny.bytes();
        let gguf = Gguf::parse(&[&file]).expect("a good file");
        let plan = Plan::new(&gguf, &OPS, &LoadOptions::default()).expect("a good model");
        let source_bytes = plan.source_bytes();
        let read: Mutex<Vec<Range<usize>>> = Mutex::default();
        let memory = vec![0u8; plan.packed_bytes()];
        let packed = |shard, range| {
            assert_eq!(shard, 0);
            read.lock().expect("no thread panicked").push(range);
        };
        plan.load(&Threads(3), memory, &packed).expect("enough memory");
        let mut read = read.into_inner().expect("no thread panicked");
        read.sort_by_key(|range| range.start);
        assert!(read.windows(2).all(|pair| pair[0].end <= pair[1].start), "{family}: pieces overlap");
        assert_eq!(read.iter().map(Range::len).sum::<usize>(), source_bytes);
        let matrices = gguf.tensors().iter().filter(|tensor| tensor.shape.len() > 1);
        assert_eq!(matrices.map(|tensor| tensor.bytes).sum::<usize>(), source_bytes, "{family}");
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
fn threads_and_pieces_do_not_change_what_is_packed() {
    let mut tiny = Tiny::new("qwen3", 1, 32);
    enlarge(&mut tiny);
    let file = tiny.bytes();
    let run = |team: &dyn Team| {
        let model = load(&file, team, LoadOptions::default()).expect("a good model");
        bits(&logits(&model, &[1, 5000, 10_000], [3]))
    };
    assert_eq!(run(&Alone), run(&Threads(4)));
}

#[test]
fn a_tied_output_is_in_memory_once() {
    let mut tiny = Tiny::new("qwen2", 1, 33);
    let packed = |tiny: &Tiny| tiny.load().expect("a good model").packed_bytes();
    let (untied, rows) = (packed(&tiny), VOCABULARY * WIDTH);
    tiny.tensors.retain(|tensor| tensor.name != "output.weight");
    assert_eq!(untied - packed(&tiny), rows * size_of::<u16>());
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
    let description = model.description();
    assert_eq!((description.architecture, description.license.as_deref()), ("qwen2", Some("mit")));
    assert!(!description.has_template);
    assert_eq!(description.parameters, tiny.tensors.iter().map(|tensor| tensor.values.len() as u64).sum::<u64>());
    assert_eq!(description.formats.iter().map(|used| used.tensors).sum::<usize>(), tiny.tensors.len());
    // Two layers, two heads, keys and values of 16 halves, 256 positions.
    assert_eq!(model.config().cache_bytes(256), Some(2 * 2 * (16 + 16) * 2 * 256));
    let per_position = 2 * 2 * (16 + 16) * 2;
    assert_eq!(model.config().cache_bytes(65), Some(per_position * 128), "whole pages");
}

#[test]
fn buffers_grow_to_what_was_stated_and_no_further() {
    for family in FAMILIES {
        let model = Tiny::new(family, 2, 38).load().expect("a good model");
        let (mut cache, mut state) = (Cache::new(model.config(), 1).expect("a small cache"), State::new());
        let tokens = tokens(40, 2);
        let mut run = |tokens: &[u32]| {
            let chunk = Chunk { tokens, position: 0, pages: &[0], wanted: 0..2 };
            model.forward(&Alone, &mut state, &mut cache, &[chunk]).expect("a good batch");
            model.logits(&Alone, &mut state, 0..2).expect("finite logits");
            state.bytes()
        };
        let (grown, stated) = (run(&tokens), model.config().state_bytes(40, 2));
        assert!(grown <= stated && stated < grown * 4 / 3, "{family}: {grown} bytes, {stated} stated");
        assert_eq!((run(&tokens[..3]), run(&tokens)), (grown, grown), "{family}: nothing new is needed");
    }
}

#[test]
fn what_is_no_model_is_refused_by_name() {
    let check = |change: &dyn Fn(&mut Tiny), expected: &str| {
        let mut tiny = Tiny::new("qwen2", 1, 35);
        change(&mut tiny);
        let error = tiny.load().expect_err(expected).to_string();
        assert!(error.contains(expected), "`{error}` should say `{expected}`");
    };
    let set = |key: &'static str, value| move |tiny: &mut Tiny| tiny.set(key, value);
    check(
        &|tiny| tiny.keys[0].1 = Value::String(b"rwkv"),
        "`rwkv`, which is not supported; supported are llama, qwen2",
    );
    check(&|tiny| drop(tiny.keys.remove(0)), "\"general.architecture\"");
    check(&set("attention.sliding_window", Value::U32(9)), "`qwen2.attention.sliding_window` is not known");
    check(&set("rope.scaling.yarn_attn_factor", Value::F32(1.0)), "`qwen2.rope.scaling.yarn_attn_factor` is not known");
    check(&set("attention.causal", Value::Bool(false)), "embeds text");
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
fn contexts_and_memory_are_checked() {
    let file = Tiny::new("qwen2", 1, 36).bytes();
    for context in [0, 257] {
        let result = load(&file, &Alone, LoadOptions { context: Some(context), ..LoadOptions::default() });
        assert!(matches!(result, Err(Error::Context { asked, allowed: 256 }) if asked == context));
    }
    let gguf = Gguf::parse(&[&file]).expect("a good file");
    let allocate = |result: fn(usize) -> std::io::Result<Vec<u8>>| {
        Model::load(&gguf, &OPS, &Alone, &LoadOptions::default(), result, &|_, _| ())
    };
    assert!(matches!(allocate(|bytes| Ok(vec![0; bytes - 1])), Err(Error::Memory { .. })));
    let refused = allocate(|_| Err(std::io::ErrorKind::OutOfMemory.into()));
    assert!(matches!(refused, Err(Error::Memory { .. })));
    let model = allocate(|bytes| Ok(vec![0; bytes])).expect("enough memory");
    assert!(Cache::new(model.config(), MAX_PAGES + 1).is_err());
    fn is_shared<T: Send + Sync>(_: &T) {}
    is_shared(&model);
}

#[test]
fn damaged_weights_end_in_an_error_not_in_a_token() {
    let mut tiny = Tiny::new("qwen2", 1, 37);
    tiny.tensor("blk.0.ffn_norm.weight").values[3] = f32::NAN;
    let model = tiny.load().expect("values are not looked at when loading");
    let (mut cache, mut state) = (Cache::new(model.config(), 1).expect("a small cache"), State::new());
    let chunk = Chunk { tokens: &[1, 2], position: 0, pages: &[0], wanted: 1..2 };
    model.forward(&Alone, &mut state, &mut cache, &[chunk]).expect("a good batch");
    assert!(matches!(model.logits(&Alone, &mut state, 0..1), Err(Error::NotFinite { row: 0 })));
}
