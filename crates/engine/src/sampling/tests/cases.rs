//! One hand-made case, or a few, for each sampler.

use crate::sampling::{Choice, Dry, Error, History, Parameters, Scratch, Xtc, sample};
use std::collections::BTreeSet;

/// Settings under which every token may be drawn with its probability in the model.
fn open() -> Parameters {
    Parameters { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Parameters::default() }
}

fn choose(logits: &[f32], history: &[u32], parameters: &Parameters, position: u64) -> Choice {
    sample(logits, &History::new(history), parameters, position, &mut Scratch::default()).unwrap()
}

/// The tokens that are drawn at all in many positions.
fn support(logits: &[f32], parameters: &Parameters) -> Vec<u32> {
    let drawn: BTreeSet<u32> = (0..600).map(|position| choose(logits, &[], parameters, position).id).collect();
    drawn.into_iter().collect()
}

/// Logits of the given probabilities.
fn logits_of<const N: usize>(probabilities: [f32; N]) -> [f32; N] {
    probabilities.map(f32::ln)
}

#[test]
fn greedy_takes_the_lowest_token_among_equals() {
    let greedy = Parameters::greedy();
    let check = |logits: &[f32], expected| assert_eq!(choose(logits, &[], &greedy, 0).id, expected);
    check(&[1.0, 3.0, 2.0, 3.0], 1);
    check(&[-0.0, 0.0], 0);
    check(&[f32::MIN; 50], 0);
    let mut long = vec![0.5; 1000];
    long[777] = 0.75;
    long[900] = 0.75;
    check(&long, 777);
}

#[test]
fn greedy_is_not_led_astray_by_xtc_and_typical() {
    let parameters =
        Parameters { typical_p: 0.1, xtc: Xtc { probability: 1.0, threshold: 0.0 }, ..Parameters::greedy() };
    assert_eq!(choose(&logits_of([0.1, 0.6, 0.3]), &[], &parameters, 0).id, 1);
}

#[test]
fn frequencies_are_the_probabilities() {
    let logits = logits_of([0.5, 0.1, 0.4]);
    let mut counts = [0_u32; 3];
    for position in 0..20_000 {
        counts[choose(&logits, &[], &open(), position).id as usize] += 1;
    }
    // Five standard deviations, at most 354.
    for (count, expected) in counts.into_iter().zip([10_000, 2_000, 8_000]) {
        assert!(count.abs_diff(expected) < 354, "{counts:?}");
    }
}

#[test]
fn temperature_divides_the_logits() {
    // At temperature 0.5 the odds of 1 to 3 become 1 to 9.
    let parameters = Parameters { temperature: 0.5, ..open() };
    let logits = logits_of([0.25, 0.75]);
    let drawn = (0..20_000).filter(|&position| choose(&logits, &[], &parameters, position).id == 0).count();
    assert!(drawn.abs_diff(2_000) < 212, "{drawn}");
}

#[test]
fn cuts_keep_what_they_say() {
    let logits = logits_of([0.05, 0.4, 0.15, 0.3, 0.1]);
    let check = |change: &dyn Fn(&mut Parameters), expected: &[u32]| {
        let mut parameters = open();
        change(&mut parameters);
        assert_eq!(support(&logits, &parameters), expected);
    };
    check(&|_| (), &[0, 1, 2, 3, 4]);
    check(&|p| p.top_k = 2, &[1, 3]);
    // 0.4 + 0.3 is the first sum to reach 0.6; 0.15 more is needed for 0.8.
    check(&|p| p.top_p = 0.6, &[1, 3]);
    check(&|p| p.top_p = 0.8, &[1, 2, 3]);
    check(&|p| p.top_p = 0.0, &[1]);
    // At least 0.3 times 0.4: 0.15 stays, 0.1 goes.
    check(&|p| p.min_p = 0.3, &[1, 2, 3]);
    check(&|p| p.min_p = 1.0, &[1]);
    check(&|p| (p.top_p, p.min_keep) = (0.0, 4), &[1, 2, 3, 4]);
    check(&|p| (p.min_p, p.min_keep) = (1.0, 2), &[1, 3]);
    check(&|p| (p.top_k, p.min_keep) = (1, 3), &[1, 2, 3]);
}

#[test]
fn typical_keeps_the_least_surprising_surprise() {
    // Entropy 1.3919; surprises 0.9163, 1.2040, 1.8971, 2.3026, 2.9957; distances 0.48, 0.19, 0.51, 0.91, 1.60.
    let logits = logits_of([0.4, 0.3, 0.15, 0.1, 0.05]);
    let check = |typical_p, expected: &[u32]| {
        assert_eq!(support(&logits, &Parameters { typical_p, ..open() }), expected);
    };
    check(0.2, &[1]);
    check(0.5, &[0, 1]);
    check(0.8, &[0, 1, 2]);
    check(0.9, &[0, 1, 2, 3]);
}

#[test]
fn xtc_leaves_the_least_likely_of_the_likely() {
    let logits = logits_of([0.4, 0.3, 0.2, 0.1]);
    let with = |probability, threshold| Parameters { xtc: Xtc { probability, threshold }, ..open() };
    assert_eq!(support(&logits, &with(1.0, 0.15)), [2, 3]);
    assert_eq!(support(&logits, &with(1.0, 0.25)), [1, 2, 3]);
    // One likely token alone is never removed; above 0.5 and at probability 0 nothing is.
    assert_eq!(support(&logits, &with(1.0, 0.35)), [0, 1, 2, 3]);
    assert_eq!(support(&logits, &with(1.0, 0.6)), [0, 1, 2, 3]);
    assert_eq!(support(&logits, &with(0.0, 0.15)), [0, 1, 2, 3]);
    // Nothing is removed where fewer than min_keep would be left.
    let kept = Parameters { min_keep: 3, ..with(1.0, 0.15) };
    assert_eq!(support(&logits, &kept), [0, 1, 2, 3]);
    // At probability 0.25 it acts in a quarter of the positions: then token 0 (0.4) cannot be drawn.
    let quarter = with(0.25, 0.15);
    let drawn = (0..20_000).filter(|&position| choose(&logits, &[], &quarter, position).id == 0).count();
    assert!(drawn.abs_diff(6_000) < 325, "{drawn}");
}

/// The logits that a setting leaves, read off by greedy choice between the token and a ladder of known logits.
fn penalised(logit: f32, count: usize, change: &dyn Fn(&mut Parameters)) -> f32 {
    let mut parameters = Parameters::greedy();
    change(&mut parameters);
    let history = vec![0; count];
    let mut ladder = (-4000..4000).rev().map(|step| step as f32 / 16.0);
    let beaten = |rung: &f32| choose(&[logit, *rung], &history, &parameters, 0).id == 0;
    ladder.find(beaten).expect("the ladder is deep enough")
}

#[test]
fn penalties_follow_their_formulas() {
    let check = |logit, count, change: &dyn Fn(&mut Parameters), expected: f32| {
        assert_eq!(penalised(logit, count, change), expected);
    };
    // Greater than zero is divided, the rest multiplied; how often does not matter.
    check(3.0, 1, &|p| p.repetition_penalty = 2.0, 1.5);
    check(-3.0, 2, &|p| p.repetition_penalty = 2.0, -6.0);
    check(3.0, 0, &|p| p.repetition_penalty = 2.0, 3.0);
    check(3.0, 3, &|p| p.presence_penalty = 0.5, 2.5);
    check(3.0, 3, &|p| p.frequency_penalty = 0.5, 1.5);
    check(3.0, 3, &|p| (p.frequency_penalty, p.repeat_last_n) = (0.5, 2), 2.0);
    check(3.0, 3, &|p| (p.frequency_penalty, p.repeat_last_n) = (0.5, 0), 3.0);
    check(3.0, 99, &|p| (p.frequency_penalty, p.repeat_last_n) = (0.5, -1), -46.5);
    check(3.0, 0, &|p| p.logit_bias = [(0, -10.0)].into(), -7.0);
    // Bias comes before the repetition penalty: (3 - 5) * 2, not 3 / 2 - 5.
    check(3.0, 1, &|p| (p.repetition_penalty, p.logit_bias) = (2.0, [(0, -5.0)].into()), -4.0);
    // Three tokens before, so the last two also stand one place earlier: 0.5 * 2^(2 - 1).
    let dry = Dry { multiplier: 0.5, base: 2.0, allowed_length: 1, ..Dry::default() };
    check(3.0, 3, &|p| p.dry = dry.clone(), 2.0);
}

#[test]
fn a_bias_never_bans_and_extremes_stay_finite() {
    let parameters = Parameters {
        logit_bias: [(0, -100.0)].into(),
        repetition_penalty: 10.0,
        banned: [1].into(),
        ..Parameters::greedy()
    };
    assert_eq!(choose(&[f32::MIN, 5.0], &[0], &parameters, 0).id, 0);
    let lifted = Parameters { logit_bias: [(0, 100.0)].into(), repetition_penalty: 0.1, ..open() };
    assert_eq!(choose(&[f32::MAX, f32::MAX], &[0], &lifted, 3).id, choose(&[0.0, 0.0], &[], &open(), 3).id);
}

#[test]
fn history_tokens_outside_the_vocabulary_are_passed_over() {
    let parameters = Parameters { repetition_penalty: 2.0, ..Parameters::greedy() };
    assert_eq!(choose(&[3.0, 2.0], &[u32::MAX, 2, 0], &parameters, 0).id, 1);
}

#[test]
fn log_probabilities_are_the_models() {
    let logits = logits_of([0.1, 0.6, 0.3]);
    let parameters = Parameters {
        logprobs: Some(2),
        banned: [1].into(),
        logit_bias: [(0, 50.0)].into(),
        temperature: 0.2,
        ..Parameters::default()
    };
    let choice = choose(&logits, &[], &parameters, 0);
    let near = |got: f32, probability: f32| assert!((got - probability.ln()).abs() < 1e-6, "{got}");
    assert_eq!(choice.id, 0);
    near(choice.logprob.unwrap(), 0.1);
    assert_eq!(choice.top.iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 2]);
    near(choice.top[0].1, 0.6);
    near(choice.top[1].1, 0.3);

    let none = Parameters { logprobs: Some(0), ..Parameters::greedy() };
    let choice = choose(&[5.0, f32::NEG_INFINITY], &[], &none, 0);
    assert_eq!((choice.logprob, choice.top), (Some(0.0), vec![]));
    assert_eq!(choose(&[5.0], &[], &Parameters::greedy(), 0).logprob, None);
}

/// Choices that must be the same on every machine. They were computed by another implementation, written from
/// `docs/readers/sampling.md` in another language.
#[test]
fn choices_are_pinned() {
    let logits: Vec<f32> = (0..1000_u32).map(|id| (id * 7919 % 1000) as f32 / 100.0).collect();
    let run = |parameters: Parameters| -> Vec<u32> {
        (0..8).map(|position| choose(&logits, &[1, 2, 1, 2], &parameters, position).id).collect()
    };
    assert_eq!(run(Parameters::default()), [593, 852, 531, 494, 25, 321, 630, 642]);
    assert_eq!(run(open()), [373, 445, 519, 334, 199, 963, 965, 605]);
    let all = Parameters {
        typical_p: 0.9,
        xtc: Xtc { probability: 0.5, threshold: 0.005 },
        seed: 0x0123_4567_89ab_cdef,
        ..Parameters::default()
    };
    assert_eq!(run(all), [235, 531, 235, 457, 988, 988, 235, 704]);
}

#[test]
fn the_first_of_the_greatest_is_found_wherever_it_lies() {
    let greedy = |logits: &[f32]| {
        sample(logits, &History::default(), &Parameters::greedy(), 0, &mut Scratch::default()).map(|choice| choice.id)
    };
    for length in [1, 15, 16, 17, 1023, 1024, 1025, 2048, 3000, 5001] {
        let mut logits: Vec<f32> = (0..length).map(|i| ((i * 7 % 13) as f32) - 20.0).collect();
        for place in [0, length / 3, length / 2, length - 1] {
            let before = std::mem::replace(&mut logits[place], 1.0);
            let last = std::mem::replace(&mut logits[length - 1], 1.0);
            assert_eq!(greedy(&logits), Ok(place as u32), "{length} logits");
            logits[length - 1] = f32::NAN;
            assert_eq!(greedy(&logits), Err(Error::NotANumber { id: length as u32 - 1 }));
            logits[length - 1] = last;
            logits[place] = before;
        }
        assert_eq!(greedy(&vec![f32::NEG_INFINITY; length]), Err(Error::NoCandidates));
        logits.fill(-3.0);
        assert_eq!(greedy(&logits), Ok(0));
    }
}
