//! The same sequence in pages that lie in any order, in each profile of the cache, on every instruction set.

use crate::support::{MODELS, load_with_cache};
use hefu_cpu::Pool;
use hefu_cpu::select::available;
use hefu_engine::scheduler::{ForwardMany, Paged};
use hefu_numerics::device::{Batch, Model, Slots, Span};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::reference::ReferenceDevice;
use std::sync::Arc;

/// Positions of the sequence: three pages, the last one not full.
const LENGTH: usize = 2 * PAGE + 20;

/// The bits of all logits of a sequence that lies in `pages` of a cache, computed in chunks of `chunk` tokens.
fn logits(model: &Model, pages: &[u32], chunk: usize) -> Vec<u32> {
    let tokens: Vec<u32> = (0..LENGTH).map(|i| (i * 31 % 97 % model.program.vocabulary) as u32).collect();
    let mut paged = Paged::new(model, LENGTH, 9, 1).unwrap();
    let mut bits = Vec::new();
    for (index, tokens) in tokens.chunks(chunk).enumerate() {
        let position = index * chunk;
        let slots = paged.slots().map(|_| Slots { read: (position > 0).then_some(2), write: 2, keep: &[] });
        let (all, tables) = (0..tokens.len(), vec![pages; paged.groups()]);
        let span = Span { rows: all.clone(), position, wanted: all, tables: &tables, slots, second: None };
        paged.forward(&Batch { tokens, spans: &[span], inputs: &[] }).unwrap();
        bits.extend(paged.logits(0..tokens.len()).unwrap().values.iter().map(|logit| logit.to_bits()));
    }
    bits
}

#[test]
fn logits_do_not_depend_on_where_pages_lie() {
    for name in MODELS {
        let mut by_profile = Vec::new();
        for cache in Profile::ALL {
            let expected = logits(&load_with_cache(name, Arc::new(ReferenceDevice), cache), &[0, 1, 2], LENGTH);
            for isa in available() {
                for (threads, pages, chunk) in [(1, [0, 1, 2], LENGTH), (2, [7, 0, 4], 33), (3, [2, 8, 1], 8)] {
                    let model = load_with_cache(name, isa.device(Arc::new(Pool::new(threads))), cache);
                    let found = logits(&model, &pages, chunk);
                    assert!(found == expected, "{name}, {}, {}, {pages:?}", isa.name, cache.name());
                }
            }
            by_profile.push(expected);
        }
        assert_ne!(by_profile[0], by_profile[1], "{name}: a profile that changes nothing was not used");
    }
}
