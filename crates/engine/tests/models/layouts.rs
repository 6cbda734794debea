//! The same sequence in pages that lie in any order, in each profile of the cache, on every instruction set.

use crate::support::{MODELS, load_with_cache};
use hefu_cpu::select::ISAS;
use hefu_model::{Cache, Chunk, Model, State};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::ops::Ops;

/// Positions of the sequence: three pages, the last one not full.
const LENGTH: usize = 2 * PAGE + 20;

/// The bits of all logits of a sequence that lies in `pages` of a cache, computed in chunks of `chunk` tokens.
fn logits(model: &Model, threads: usize, pages: &[u32], chunk: usize) -> Vec<u32> {
    let tokens: Vec<u32> = (0..LENGTH).map(|i| (i * 31 % 97 % model.config().vocabulary) as u32).collect();
    let team = hefu_cpu::Pool::new(threads);
    let mut cache = Cache::new(model.config(), 9).unwrap();
    let mut state = State::new();
    let mut bits = Vec::new();
    for (index, tokens) in tokens.chunks(chunk).enumerate() {
        let chunk = Chunk { tokens, position: index * chunk, pages, wanted: 0..tokens.len() };
        model.forward(&team, &mut state, &mut cache, &[chunk]).unwrap();
        let logits = model.logits(&team, &mut state, 0..tokens.len()).unwrap();
        bits.extend(logits.iter().map(|logit| logit.to_bits()));
    }
    bits
}

#[test]
fn logits_do_not_depend_on_where_pages_lie() {
    for name in MODELS {
        let mut by_profile = Vec::new();
        for cache in Profile::ALL {
            let load = |ops: &'static Ops| load_with_cache(name, ops, cache);
            let expected = logits(&load(&hefu_numerics::reference::OPS), 1, &[0, 1, 2], LENGTH);
            for ops in ISAS.iter().filter_map(|isa| isa.ops()) {
                let model = load(ops);
                for (threads, pages, chunk) in [(1, [0, 1, 2], LENGTH), (2, [7, 0, 4], 33), (3, [2, 8, 1], 8)] {
                    let found = logits(&model, threads, &pages, chunk);
                    assert!(found == expected, "{name}, {}, {}, {pages:?}", ops.name, cache.name());
                }
            }
            by_profile.push(expected);
        }
        assert_ne!(by_profile[0], by_profile[1], "{name}: a profile that changes nothing was not used");
    }
}
