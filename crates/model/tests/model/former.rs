//! Programs against the forward pass that was there before them: the same bits of logits and hidden states, for every
//! family, both kinds of cache, and any cut. That pass in turn gives the same bits on every instruction set.

use hefu_cpu::select::ISAS;
use hefu_model::gguf::Gguf;
use hefu_model::{Cache, Chunk, LoadOptions, Model, PagePool, State};
use hefu_numerics::kv::Profile;
use hefu_numerics::ops::{Alone, Ops};
use hefu_numerics::program::Entry;
use hefu_numerics::reference;

use crate::devices::{load, results};
use crate::golden;
use crate::tiny::{FAMILIES, Tiny, bits, tokens};

const MODELS: [&str; 13] = [
    "tiny-gemma3",
    "tiny-llama",
    "tiny-llama-experts",
    "tiny-llama-linear",
    "tiny-llama-q4_0",
    "tiny-llama-q4_k",
    "tiny-llama-yarn",
    "tiny-llama3",
    "tiny-phi3",
    "tiny-phi3-longrope",
    "tiny-qwen2",
    "tiny-qwen3",
    "tiny-qwen3moe",
];

#[test]
fn programs_give_the_bits_of_the_former_forward_pass() {
    for (index, family) in FAMILIES.into_iter().enumerate() {
        let file = Tiny::new(family, 7, 51 + index as u64).bytes();
        let tokens = tokens(70, 52);
        for cache in Profile::ALL {
            let options = LoadOptions { cache, ..LoadOptions::default() };
            compare(family, &file, &options, &tokens, &[vec![70], vec![1, 9, 30, 1, 29]]);
        }
    }
}

#[test]
fn and_so_do_those_of_the_golden_models() {
    let tokens = golden::tokens();
    for name in MODELS {
        let file = golden::read(&format!("{name}.gguf"));
        for context in [Some(256), None] {
            let options = LoadOptions { context, ..LoadOptions::default() };
            compare(name, &file, &options, &tokens, &[vec![tokens.len()], vec![5; 13]]);
        }
        for isa in ISAS {
            let Some(ops) = isa.ops() else { continue };
            let [logits, _] = former(ops, &file, &LoadOptions::default(), &tokens, &[tokens.len()]);
            let [expected, _] = former(&reference::OPS, &file, &LoadOptions::default(), &tokens, &[tokens.len()]);
            assert!(bits(&logits) == bits(&expected), "{name}: {} gives other bits than the reference", isa.name);
        }
    }
}

fn compare(name: &str, file: &[u8], options: &LoadOptions, tokens: &[u32], cuts: &[Vec<usize>]) {
    let model = load(file, options).expect("a good model");
    for cut in cuts {
        let expected = former(&reference::OPS, file, options, tokens, cut);
        for (entry, expected) in [Entry::Logits, Entry::Hidden].into_iter().zip(expected) {
            let found = results(&model, entry, tokens, cut.iter().copied());
            assert!(bits(&found) == bits(&expected), "{name} in {cut:?}, {options:?}: other {entry:?}");
        }
    }
}

/// Logits and hidden states of all tokens.
fn former(ops: &'static Ops, file: &[u8], options: &LoadOptions, tokens: &[u32], cut: &[usize]) -> [Vec<f32>; 2] {
    let gguf = Gguf::parse(&[file]).expect("a good file");
    let allocate = |bytes| Ok(Aligned::new(bytes));
    let model = Model::load(&gguf, ops, &Alone, options, allocate, &|_, _| ()).expect("a good model");
    let mut cache = Cache::new(model.config(), tokens.len().div_ceil(64)).expect("a small cache");
    let (mut pool, mut pages, mut state) = (PagePool::new(&cache), vec![], State::new());
    let (mut position, mut logits, mut hidden) = (0, vec![], vec![]);
    for size in cut {
        let size = (*size).min(tokens.len() - position);
        pool.grow(&mut pages, position + size).expect("enough pages");
        let chunk = Chunk { tokens: &tokens[position..position + size], position, pages: &pages, wanted: 0..size };
        let wanted = model.forward(&Alone, &mut state, &mut cache, &[chunk]).expect("a good batch");
        logits.extend_from_slice(model.logits(&Alone, &mut state, 0..wanted).expect("finite logits"));
        hidden.extend_from_slice(model.hidden(&Alone, &mut state, 0..wanted).expect("finite states"));
        position += size;
    }
    [logits, hidden]
}

/// Bytes that begin at a multiple of 64.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let bytes = vec![0; length + 64];
        let start = bytes.as_ptr().align_offset(64);
        Aligned { bytes, start, length }
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }
}

impl AsMut<[u8]> for Aligned {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}
