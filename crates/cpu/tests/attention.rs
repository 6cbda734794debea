//! Attention gives the bits of the naive loops, however positions lie in pages, tiles and threads.

mod common;

use common::naive::NAIVE;
use common::{Eager, Numbers, Style, any_style, assert_same_bits, devices};
use hefu_cpu::Pool;
use hefu_cpu::ops::{Alone, Team};
use hefu_cpu::scratch::Scratch;
use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::{KvShape, LayerCache, PAGE, Profile};
use proptest::prelude::*;

/// Sequences as (tokens in the batch, position of the first).
fn check(
    style: Style,
    seed: u64,
    shape: KvShape,
    group: usize,
    window: Option<usize>,
    sequences: &[(usize, usize)],
    threads: usize,
) {
    let mut numbers = Numbers::new(seed);
    let needed: Vec<usize> = sequences.iter().map(|(tokens, position)| (tokens + position).div_ceil(PAGE)).collect();
    let total: usize = needed.iter().sum::<usize>() + 1;
    let mut cache = LayerCache::new(shape, total);
    // Whatever lay in the cache before must not matter.
    // These bytes are NaN as binary16.
    cache.keys.fill(0x7e);
    cache.values.fill(0x7e);
    let mut free: Vec<u32> = (0..total as u32).collect();
    let mut tables = Vec::new();
    for (&pages, &(tokens, position)) in needed.iter().zip(sequences) {
        let table: Vec<u32> =
            (0..pages).map(|_| free.swap_remove((numbers.bits() % free.len() as u64) as usize)).collect();
        for t in 0..tokens + position {
            let key = numbers.activations(shape.heads * shape.key_size, style);
            let value = numbers.activations(shape.heads * shape.value_size, style);
            cache.store(table[t / PAGE] as usize, t % PAGE, &key, &value);
        }
        tables.push(table);
    }
    let mut row = 0;
    let mut spans = Vec::new();
    for (pages, &(tokens, position)) in tables.iter().zip(sequences) {
        spans.push(Span { row, tokens, position, pages });
        row += tokens;
    }
    let heads = shape.heads * group;
    let queries = numbers.activations(row * heads * shape.key_size, style);
    let (cache, spans, is_whole, cap, sinks, slopes) = (&cache, &spans[..], false, None, None, None);
    let attention =
        Attention { queries: &queries, heads, scale: 0.125, window, is_whole, cap, sinks, slopes, cache, spans };
    let mut expected = vec![0.0; row * heads * shape.value_size];
    (NAIVE.attention)(&Alone, &mut Scratch::default(), &attention, &mut expected);
    let eager = Eager(Pool::new(threads));
    let teams: [&dyn Team; 2] = [&eager, &eager.0];
    for (ops, team) in devices().flat_map(|ops| teams.map(|team| (ops, team))) {
        let mut found = vec![f32::NAN; expected.len()];
        (ops.attention)(team, &mut Scratch::default(), &attention, &mut found);
        assert_same_bits(&format!("{} {shape:?} x{group} {window:?} {sequences:?}", ops.name), &expected, &found);
    }
}

#[test]
fn across_segments() {
    for profile in Profile::ALL {
        let shape = KvShape { heads: 2, key_size: 64, value_size: 64, profile };
        for position in [0, 1, 500, 511, 512, 1000, 1100] {
            check(Style::Usual, position as u64, shape, 7, None, &[(3, position)], 2);
            check(Style::Usual, position as u64, shape, 1, Some(512), &[(20, position)], 2);
        }
    }
}

/// So long that a few queries are cut at segments and dealt to threads, and many are worked on in several tiles at once.
#[test]
fn of_long_contexts() {
    for profile in Profile::ALL {
        let shape = KvShape { heads: 1, key_size: 40, value_size: 24, profile };
        for threads in [1, 2, 3] {
            for sequences in [&[(1, 2500)][..], &[(1, 2047), (2, 30), (1, 3100)], &[(9, 2040)], &[(40, 2100), (1, 9)]] {
                check(Style::Usual, 5, shape, 4, None, sequences, threads);
                check(Style::Extreme, 6, shape, 4, Some(2100), sequences, threads);
            }
        }
    }
}

/// One head for all threads: values are cut into parts of their elements, whatever their size.
#[test]
fn of_few_heads_that_all_threads_share() {
    for (key_size, value_size) in [(32, 16), (80, 96), (64, 130), (16, 257)] {
        for profile in Profile::ALL {
            let shape = KvShape { heads: 1, key_size, value_size, profile };
            for threads in [2, 3, 5] {
                for position in [127, 128, 130, 511, 700] {
                    check(Style::Usual, 7, shape, 4, None, &[(1, position)], threads);
                    check(Style::Extreme, 8, shape, 7, Some(200), &[(1, position), (2, 300)], threads);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn of_any_shape(
        style in any_style(), seed: u64,
        heads in 1usize..4, group in 1usize..6, key_size in 1usize..70, value_size in 1usize..70,
        window in prop_oneof![Just(None), (1usize..100).prop_map(Some)],
        sequences in prop::collection::vec((1usize..12, 0usize..150), 1..4),
        threads in 1usize..4, profile in prop::sample::select(&Profile::ALL[..]),
    ) {
        let shape = KvShape { heads, key_size, value_size, profile };
        check(style, seed, shape, group, window, &sequences, threads);
    }

    #[test]
    fn of_usual_head_sizes(
        seed: u64, group in 1usize..9, size in prop_oneof![Just(64usize), Just(128), Just(256)],
        window in prop_oneof![Just(None), (1usize..700).prop_map(Some)],
        tokens in 1usize..20, position in 0usize..700, profile in prop::sample::select(&Profile::ALL[..]),
    ) {
        let shape = KvShape { heads: 1, key_size: size, value_size: size, profile };
        check(Style::Usual, seed, shape, group, window, &[(tokens, position)], 2);
    }
}

/// Keys and values that are stored at once lie as those that are stored one by one, and nothing else is touched.
fn check_store(style: Style, seed: u64, shape: KvShape, sequences: &[(usize, usize)], threads: usize) {
    let mut numbers = Numbers::new(seed);
    let needed: Vec<usize> = sequences.iter().map(|(tokens, position)| (tokens + position).div_ceil(PAGE)).collect();
    let total: usize = needed.iter().sum::<usize>() + 1;
    let mut free: Vec<u32> = (0..total as u32).collect();
    let mut table =
        |pages| (0..pages).map(|_| free.swap_remove((numbers.bits() % free.len() as u64) as usize)).collect();
    let tables: Vec<Vec<u32>> = needed.iter().map(|&pages| table(pages)).collect();
    let mut row = 0;
    let mut spans = Vec::new();
    for (pages, &(tokens, position)) in tables.iter().zip(sequences) {
        spans.push(Span { row, tokens, position, pages });
        row += tokens;
    }
    let keys = numbers.activations(row * shape.heads * shape.key_size, style);
    let values = numbers.activations(row * shape.heads * shape.value_size, style);
    let team = Pool::new(threads);
    let stored = |ops: &hefu_cpu::ops::Ops| {
        let mut cache = LayerCache::new(shape, total);
        cache.keys.fill(0x5a);
        cache.values.fill(0xa5);
        (ops.store)(&team, &mut cache, &spans, &keys, &values);
        cache
    };
    let expected = stored(&NAIVE);
    for ops in devices() {
        let found = stored(ops);
        let name = format!("{} {shape:?} {sequences:?}", ops.name);
        assert!(expected.keys[..] == found.keys[..] && expected.values[..] == found.values[..], "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn keys_and_values_of_any_shape_are_stored_alike(
        style in any_style(), seed: u64, heads in 1usize..4, key_size in 1usize..150, value_size in 1usize..150,
        sequences in proptest::collection::vec((1usize..150, 0usize..150), 1..6), threads in 1usize..4, q8: bool,
    ) {
        let profile = if q8 { Profile::Q8 } else { Profile::F16 };
        check_store(style, seed, KvShape { heads, key_size, value_size, profile }, &sequences, threads);
    }
}

#[test]
fn of_two_spans_that_write_to_one_place_the_last_one_stays() {
    let shape = KvShape { heads: 4, key_size: 128, value_size: 128, profile: Profile::F16 };
    let mut numbers = Numbers::new(3);
    let pages = [0];
    let spans = [0, 1].map(|row| Span { row: row * 40, tokens: 40, position: 5, pages: &pages });
    let (keys, values) =
        (numbers.activations(80 * 4 * 128, Style::Usual), numbers.activations(80 * 4 * 128, Style::Usual));
    for ops in devices() {
        let (mut both, mut last) = (LayerCache::new(shape, 1), LayerCache::new(shape, 1));
        (ops.store)(&Pool::new(2), &mut both, &spans, &keys, &values);
        (NAIVE.store)(&Alone, &mut last, &spans[1..], &keys, &values);
        assert!(both.keys[..] == last.keys[..] && both.values[..] == last.values[..], "{}", ops.name);
    }
}
