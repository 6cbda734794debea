//! Logits do not depend on how tokens were cut into chunks and batches.

use hefu_model::LoadOptions;
use hefu_numerics::device::{Batch, Slots, Span};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::program::{Entry, Order};
use proptest::prelude::*;

use crate::devices::{Chunk, Model, load, logits, results};
use crate::golden;
use crate::tiny::{FAMILIES, Tiny, VOCABULARY, bits, tokens};

#[test]
fn chunks_of_any_size_give_the_same_bits() {
    for family in FAMILIES {
        let model = Tiny::new(family, 2, 7).load().expect("a good model");
        let tokens = tokens(75, 3);
        let whole = logits(&model, &tokens, [75]);
        for size in [1, 3, 7] {
            let chunked = logits(&model, &tokens, std::iter::repeat_n(size, 75usize.div_ceil(size)));
            assert_eq!(bits(&whole), bits(&chunked), "{family} in chunks of {size}");
        }
    }
}

#[test]
fn every_golden_model_gives_the_same_bits_in_any_cut() {
    for name in golden::models() {
        let file = golden::read(&format!("{name}.gguf"));
        let tokens = golden::tokens();
        for cache in Profile::ALL {
            let model = match load(&file, &LoadOptions { cache, ..LoadOptions::default() }) {
                // In latent attention values are whole blocks of their keys in q8.
                Err(error) if cache == Profile::Q8 && error.to_string().contains("no whole blocks") => continue,
                model => model.expect("a good model"),
            };
            if model.spec.program.order == Order::Whole {
                continue;
            }
            for entry in [Entry::Logits, Entry::Hidden] {
                let whole = results(&model, entry, &tokens, [tokens.len()]);
                let cut = results(&model, entry, &tokens, [1, 6, 30, 1, tokens.len()]);
                assert_eq!(bits(&whole), bits(&cut), "{name}: {entry:?} with a cache of {}", cache.name());
            }
        }
    }
}

#[test]
fn texts_of_encoders_do_not_touch_each_other() {
    for name in [
        "tiny-bert",
        "tiny-bert-rank",
        "tiny-nomic-bert",
        "tiny-jina-bert-v3",
        "tiny-jina-bert-v2",
        "tiny-modern-bert",
        "tiny-gemma-embedding",
    ] {
        let model = load(&golden::read(&format!("{name}.gguf")), &LoadOptions::default()).expect("a good model");
        let tokens = golden::tokens();
        let texts = [&tokens[..33], &tokens[33..34], &tokens[34..]];
        let entries =
            [Entry::Hidden, Entry::Rank].into_iter().filter(|entry| model.spec.program.section(*entry).is_some());
        for entry in entries {
            let alone: Vec<f32> = texts.iter().flat_map(|text| results(&model, entry, text, [text.len()])).collect();
            let mut session = model.session(1);
            let chunks = texts.map(|text| Chunk { tokens: text, position: 0, pages: &[], wanted: 0..text.len() });
            session.run(&chunks).expect("a good batch");
            let together = session.head(entry, 0..tokens.len()).expect("finite results");
            assert_eq!(bits(&alone), bits(&together), "{name}: {entry:?}");
        }
        let last = Chunk { tokens: &tokens[..3], position: 4, pages: &[], wanted: 0..3 };
        model.session(1).run(&[last]).expect_err("a text cannot go on");
    }
}

#[test]
fn both_heads_and_both_kinds_of_cache_give_the_same_bits_in_any_cut() {
    for family in FAMILIES {
        let file = Tiny::new(family, 3, 8).bytes();
        let tokens = tokens(70, 4);
        for cache in Profile::ALL {
            let model = load(&file, &LoadOptions { cache, ..LoadOptions::default() }).expect("a good model");
            for entry in [Entry::Logits, Entry::Hidden] {
                let whole = results(&model, entry, &tokens, [70]);
                let cut = results(&model, entry, &tokens, [1, 9, 30, 1, 29]);
                assert_eq!(bits(&whole), bits(&cut), "{family}: {entry:?} with a cache of {}", cache.name());
            }
        }
    }
}

#[test]
fn sequences_in_one_batch_do_not_touch_each_other() {
    for family in FAMILIES {
        let model = Tiny::new(family, 2, 11).load().expect("a good model");
        let sequences = [tokens(70, 1), tokens(33, 2), tokens(66, 3)];
        let alone: Vec<_> = sequences.iter().map(|tokens| bits(&logits(&model, tokens, [tokens.len()]))).collect();
        assert_eq!(alone, together(&model, &sequences), "{family}");
    }
}

/// Every batch takes up to 9 tokens of each sequence, in turning order; pages are handed out as they are needed.
fn together(model: &Model, sequences: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut session = model.session(8);
    let mut free = 0..8;
    let mut tables: Vec<Vec<u32>> = vec![vec![]; sequences.len()];
    let mut results = vec![vec![]; sequences.len()];
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    for start in (0..70).step_by(9) {
        order.rotate_left(1);
        let part = |i: usize| start.min(sequences[i].len())..(start + 9).min(sequences[i].len());
        for &i in &order {
            let missing = part(i).end.div_ceil(PAGE).saturating_sub(tables[i].len());
            tables[i].extend(free.by_ref().take(missing));
        }
        let chunk = |&i: &usize| Chunk {
            tokens: &sequences[i][part(i)],
            position: part(i).start,
            pages: &tables[i],
            wanted: 0..part(i).len(),
        };
        let chunks: Vec<_> = order.iter().map(chunk).collect();
        session.run(&chunks).expect("a good batch");
        let mut row = 0;
        for &i in &order {
            let rows = row..row + part(i).len();
            row = rows.end;
            results[i].extend(bits(&session.logits(rows).expect("finite logits")));
        }
    }
    results
}

#[test]
fn only_wanted_rows_come_out() {
    FAMILIES.into_iter().for_each(only_wanted);
}

fn only_wanted(family: &str) {
    let model = Tiny::new(family, 2, 5).load().expect("a good model");
    let (a, b) = (tokens(10, 1), tokens(6, 2));
    let expected =
        [&logits(&model, &a, [10])[3 * VOCABULARY..5 * VOCABULARY], &logits(&model, &b, [6])[5 * VOCABULARY..]];
    let mut session = model.session(3);
    let chunk = |tokens, pages, wanted| Chunk { tokens, position: 0, pages, wanted };
    let chunks = [chunk(&a, &[2], 3..5), chunk(&a[..4], &[1], 0..0), chunk(&b, &[0], 5..6)];
    session.run(&chunks).expect("a good batch");
    let found = session.logits(0..3).expect("finite logits");
    assert_eq!(bits(&found), bits(&expected.concat()));
    let last = session.logits(2..3).expect("finite logits");
    assert_eq!(bits(&last), bits(expected[1]));
    assert!(session.logits(2..4).is_err(), "there are three rows");
    // A batch that wants nothing still fills the cache.
    session.run(&[chunk(&a[..9], &[1], 0..0)]).expect("a good batch");
    assert!(session.logits(0..1).is_err() && session.logits(0..0).expect("no rows").is_empty(), "there is no row");
    let next = Chunk { tokens: &a[9..], position: 9, pages: &[1], wanted: 0..1 };
    session.run(&[next]).expect("a good batch");
    let found = session.logits(0..1).expect("finite logits");
    assert_eq!(bits(&found), bits(&logits(&model, &a, [10])[9 * VOCABULARY..]));
}

#[test]
fn a_copied_page_goes_on_as_the_page_it_was_copied_from() {
    let model = Tiny::new("gemma3", 2, 5).load().expect("a good model");
    let shared = tokens(20, 1);
    let (a, b) = ([&shared[..], &tokens(9, 2)].concat(), [&shared[..], &tokens(9, 3)].concat());
    let mut session = model.session(3);
    let chunk = |tokens, pages| Chunk { tokens, position: 0, pages, wanted: 0..0 };
    // The copy is made when the first sequence has already gone on by itself.
    session.run(&[chunk(&a, &[2])]).expect("a good batch");
    session.copy_page(2, 0).expect("both pages are there");
    let rest = Chunk { tokens: &b[20..], position: 20, pages: &[0], wanted: 0..9 };
    session.run(&[rest]).expect("a good batch");
    let found = bits(&session.logits(0..9).expect("finite logits"));
    assert_eq!(found, bits(&logits(&model, &b, [29])[20 * VOCABULARY..]));
    assert!(session.copy_page(0, 3).is_err() && session.copy_page(3, 0).is_err(), "there are three pages");
}

#[test]
fn a_kept_state_goes_on_as_the_text_that_it_was_kept_from() {
    let model = Tiny::new("qwen35", 3, 5).load().expect("a good model");
    let shared = tokens(20, 1);
    let (a, b) = ([&shared[..], &tokens(9, 2)].concat(), [&shared[..], &tokens(9, 3)].concat());
    let mut session = model.session(3);
    let span = |rows, position, wanted, tables, slots| Span {
        rows,
        position,
        wanted,
        tables,
        slots: Some(slots),
        second: None,
    };
    // Kept after rows 5 and 20, of which the first is not asked for again.
    let slots = Slots { read: None, write: 2, keep: &[(5, 1), (20, 0)] };
    let spans = [span(0..29, 0, 0..29, &[&[2]], slots)];
    session.run_batch(&Batch { tokens: &a, spans: &spans, inputs: &[] }).expect("a good batch");
    assert_eq!(bits(&session.logits(0..29).expect("finite logits")), bits(&logits(&model, &a, [29])));
    session.copy_page(2, 0).expect("both pages are there");
    let slots = Slots { read: Some(0), write: 1, keep: &[] };
    let spans = [span(0..9, 20, 0..9, &[&[0]], slots)];
    session.run_batch(&Batch { tokens: &b[20..], spans: &spans, inputs: &[] }).expect("a good batch");
    let found = bits(&session.logits(0..9).expect("finite logits"));
    assert_eq!(found, bits(&logits(&model, &b, [29])[20 * VOCABULARY..]));
}

#[test]
fn impossible_batches_are_refused() {
    let model = Tiny::new("llama", 1, 5).load().expect("a good model");
    let mut session = model.session(5);
    let long = vec![0; 257];
    let mut refused = |tokens: &[u32], position, pages: &[u32], wanted, expected: &str| {
        let chunk = Chunk { tokens, position, pages, wanted };
        let error = session.run(&[chunk]).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error} should say: {expected}");
    };
    refused(&[VOCABULARY as u32], 0, &[0], 0..1, "token 96 is not among the 96");
    refused(&[1], 64, &[0], 0..1, "position 65, but its 1 pages");
    refused(&[1], 0, &[5], 0..1, "page 5 is not among the 5");
    refused(&[1], 0, &[0], 0..2, "logits of 0..2 of 1 tokens");
    refused(&[1], usize::MAX, &[0], 0..1, "the context has 256 positions");
    refused(&long, 0, &[0, 1, 2, 3, 4], 0..1, "position 257, but the context has 256");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn random_cuts_give_the_same_bits(
        family in 0..FAMILIES.len(),
        seed in any::<u64>(),
        sizes in prop::collection::vec(1usize..20, 40),
    ) {
        let model = Tiny::new(FAMILIES[family], 1, seed).load().expect("a good model");
        let tokens = tokens(40, seed);
        let mut left = 40;
        let cuts = sizes.into_iter().map_while(|size| {
            let size = size.min(left);
            left -= size;
            (size > 0).then_some(size)
        });
        prop_assert_eq!(bits(&logits(&model, &tokens, cuts)), bits(&logits(&model, &tokens, [40])));
    }
}
