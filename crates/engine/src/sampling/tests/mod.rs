//! Fast equals naive, and hand-made cases for every clause.

mod cases;
mod naive;
mod refusals;

use super::{Breakers, Dry, History, Parameters, Scratch, TokenMask, Xtc, sample, sample_allowed};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Logits with many ties and with the extremes.
fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => (-12_i8..12).prop_map(|n| f32::from(n) * 0.5),
        6 => -8.0_f32..8.0,
        1 => prop_oneof![
            Just(f32::MAX),
            Just(f32::MIN),
            Just(-0.0),
            Just(1.0e-40),
            Just(f32::NEG_INFINITY),
        ],
    ]
}

/// Logits without the extremes, since one that outweighs all others leaves nothing to choose.
fn tame_logits() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(prop_oneof![(-12_i8..12).prop_map(|n| f32::from(n) * 0.25), -3.0_f32..3.0], 1..900)
}

fn logits() -> impl Strategy<Value = Vec<f32>> {
    let few = prop::collection::vec((0_i8..2).prop_map(f32::from), 1..9);
    prop_oneof![3 => tame_logits(), 1 => few, 1 => prop::collection::vec(logit(), 1..600)]
}

fn dry() -> impl Strategy<Value = Dry> {
    let breaker = prop::collection::vec(0_u32..8, 1..3);
    let settings = (prop::sample::select(vec![0.0, 0.0, 0.8]), prop::sample::select(vec![1.0, 1.75, 2.0]));
    (settings, 1_u32..4, -1_i32..40, prop::collection::vec(breaker, 0..2)).prop_map(
        |((multiplier, base), allowed_length, penalty_last_n, breakers)| Dry {
            multiplier,
            base,
            allowed_length,
            penalty_last_n,
            breakers: Breakers::new(&breakers).unwrap(),
        },
    )
}

fn pick(values: &[f32]) -> impl Strategy<Value = f32> + use<> {
    prop::sample::select(values.to_vec())
}

fn ids(count: usize) -> impl Strategy<Value = BTreeSet<u32>> {
    prop::collection::btree_set(0_u32..8, 0..=count)
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let cuts = (
        prop::sample::select(vec![0_u32, 0, 1, 3, 20, 70, 2000]),
        pick(&[1.0, 0.95, 0.5, 0.2, 0.0]),
        pick(&[0.0, 0.05, 0.5, 1.0]),
        pick(&[1.0, 1.0, 0.9, 0.5, 0.0]),
        1_u32..6,
    );
    let penalties = (pick(&[1.0, 1.1, 0.5, 10.0]), -1_i32..40, pick(&[0.0, 0.5, -1.0]), pick(&[0.0, 0.3, -10.0]));
    let lists = (prop::collection::btree_map(0_u32..8, -100.0_f32..100.0, 0..2), ids(1), ids(1));
    let xtc = (pick(&[0.0, 0.5, 1.0]), pick(&[0.0, 0.001, 0.05, 0.25, 0.5, 0.9]));
    let temperature = pick(&[0.0, 1.0e-30, 0.3, 0.8, 1.0, 2.0, 100.0]);
    (temperature, cuts, penalties, lists, xtc, dry(), any::<u64>()).prop_map(
        |(temperature, cuts, penalties, lists, xtc, dry, seed)| Parameters {
            temperature,
            top_k: cuts.0,
            top_p: cuts.1,
            min_p: cuts.2,
            typical_p: cuts.3,
            min_keep: cuts.4,
            repetition_penalty: penalties.0,
            repeat_last_n: penalties.1,
            presence_penalty: penalties.2,
            frequency_penalty: penalties.3,
            logit_bias: lists.0,
            banned: lists.1,
            ignore_eos: lists.2,
            xtc: Xtc { probability: xtc.0, threshold: xtc.1 },
            dry,
            seed,
            logprobs: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn fast_equals_naive(
        mut logits in logits(),
        parameters in parameters(),
        history in prop::collection::vec(0_u32..8, 0..50),
        mask in prop::option::weighted(0.2, prop::collection::btree_set(0_u32..200, 0..150)),
        position in any::<u64>(),
    ) {
        // The lists name tokens below 8.
        logits.resize(logits.len().max(8), f32::NEG_INFINITY);
        let history = History::new(&history);
        let mask: Option<TokenMask> = mask.map(|ids| ids.into_iter().collect());
        let mut scratch = Scratch::default();
        for step in 0..4 {
            let position = position.wrapping_add(step);
            let expected = naive::sample(&logits, &history, &parameters, mask.as_ref(), position);
            let got = sample_allowed(&logits, &history, &parameters, mask.as_ref(), position, &mut scratch);
            prop_assert_eq!(got.ok().map(|choice| choice.id), expected);
        }
    }

    #[test]
    fn nothing_panics(
        bits in prop::collection::vec(any::<u32>(), 0..40),
        floats in prop::collection::vec(any::<f32>(), 12),
        whole in prop::collection::vec(any::<u32>(), 6),
        history in prop::collection::vec(any::<u32>(), 0..20),
        position in any::<u64>(),
    ) {
        let logits: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        let parameters = Parameters {
            temperature: floats[0],
            top_k: whole[0],
            top_p: floats[1],
            min_p: floats[2],
            typical_p: floats[3],
            repetition_penalty: floats[4],
            repeat_last_n: whole[1] as i32,
            presence_penalty: floats[5],
            frequency_penalty: floats[6],
            dry: Dry { multiplier: floats[7], base: floats[8], allowed_length: whole[2], ..Dry::default() },
            xtc: Xtc { probability: floats[9], threshold: floats[10] },
            logit_bias: [(whole[3], floats[11])].into(),
            min_keep: whole[4],
            logprobs: Some(whole[5]),
            ..Parameters::default()
        };
        let _ = sample(&logits, &History::new(&history), &parameters, position, &mut Scratch::default());
    }
}

/// A vocabulary of full size, where every shortcut is taken.
#[test]
fn fast_equals_naive_on_a_large_vocabulary() {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let logits: Vec<f32> = (0..262_144).map(|_| (0..4).map(|_| noise() * 6.0).sum()).collect();
    let history = History::new(&[5, 6, 7, 5, 6]);
    let mut scratch = Scratch::default();
    for (temperature, top_k, top_p, min_p) in [
        (0.0, 0, 1.0, 0.0),
        (0.8, 40, 0.95, 0.05),
        (1.0, 0, 1.0, 0.0),
        (1.5, 0, 0.9, 0.0),
        (1.0, 0, 1.0, 0.01),
        (1.0, 100_000, 1.0, 0.0),
    ] {
        let parameters =
            Parameters { temperature, top_k, top_p, min_p, seed: 3, repetition_penalty: 1.1, ..Parameters::default() };
        let expected = naive::sample(&logits, &history, &parameters, None, 11);
        let got = sample(&logits, &history, &parameters, 11, &mut scratch).unwrap();
        assert_eq!(Some(got.id), expected);
    }
}
