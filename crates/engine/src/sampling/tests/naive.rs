//! The definition of `docs/readers/sampling.md` as directly as it can be written: every token, fully sorted, no shortcut.

use crate::sampling::arithmetic::{exp, ln, weight};
use crate::sampling::random::{self, Purpose};
use crate::sampling::{Dry, History, Parameters, TokenMask};

type Candidate = (f32, u32);

/// The token that the definition chooses.
pub(super) fn sample(
    logits: &[f32],
    history: &History,
    parameters: &Parameters,
    allowed: Option<&TokenMask>,
    position: u64,
) -> Option<u32> {
    let adjusted = adjust(logits, history, parameters, allowed);
    let mut list: Vec<Candidate> = (0_u32..).zip(&adjusted).map(|(id, &logit)| (logit, id)).collect();
    list.retain(|candidate| candidate.0 > f32::NEG_INFINITY);
    list.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap().then(a.1.cmp(&b.1)));
    if parameters.temperature == 0.0 {
        return list.first().map(|candidate| candidate.1);
    }
    let keep = parameters.min_keep as usize;
    if parameters.top_k > 0 {
        list.truncate((parameters.top_k as usize).max(keep));
    }
    if parameters.typical_p < 1.0 && !list.is_empty() {
        list = typical(&list, parameters.typical_p, keep);
    }
    if parameters.top_p < 1.0 && !list.is_empty() {
        top_p(&mut list, parameters.top_p, keep);
    }
    if parameters.min_p > 0.0 && !list.is_empty() {
        let best = list[0].0;
        let bad = |at: usize| at >= keep && exp(list[at].0 - best) < parameters.min_p;
        let end = (0..list.len()).find(|&at| bad(at)).unwrap_or(list.len());
        list.truncate(end);
    }
    xtc(&mut list, parameters, position);
    draw(&list, parameters, position)
}

fn weights(list: &[Candidate], temperature: f32) -> (Vec<u64>, u64) {
    let best = list[0].0;
    let weights: Vec<u64> = list.iter().map(|(logit, _)| weight((logit - best) / temperature)).collect();
    let total = weights.iter().sum();
    (weights, total)
}

fn typical(list: &[Candidate], typical_p: f32, keep: usize) -> Vec<Candidate> {
    let (weights, total) = weights(list, 1.0);
    let surprise = |weight: u64| -ln(weight as f64 / total as f64);
    let mut entropy = 0.0;
    for &weight in &weights {
        if weight > 0 {
            entropy += weight as f64 / total as f64 * surprise(weight);
        }
    }
    let score = |rank: usize| match weights[rank] {
        0 => f64::INFINITY,
        weight => (surprise(weight) - entropy).abs(),
    };
    let mut ranks: Vec<usize> = (0..list.len()).collect();
    ranks.sort_by(|&a, &b| score(a).partial_cmp(&score(b)).unwrap().then(a.cmp(&b)));
    let enough = |count: &usize| {
        let sum: u64 = ranks[..*count].iter().map(|&rank| weights[rank]).sum();
        *count >= keep && sum as f64 > f64::from(typical_p) * total as f64
    };
    let count = (1..=list.len()).find(enough).unwrap_or(list.len());
    let mut kept = ranks[..count].to_vec();
    kept.sort();
    kept.into_iter().map(|rank| list[rank]).collect()
}

fn top_p(list: &mut Vec<Candidate>, top_p: f32, keep: usize) {
    let (weights, total) = weights(list, 1.0);
    let enough = |count: &usize| {
        let sum: u64 = weights[..*count].iter().sum();
        *count >= keep && sum as f64 >= f64::from(top_p) * total as f64
    };
    let count = (1..=list.len()).find(enough).unwrap_or(list.len());
    list.truncate(count);
}

fn xtc(list: &mut Vec<Candidate>, parameters: &Parameters, position: u64) {
    let xtc = &parameters.xtc;
    let draw = random::uniform(parameters.seed, position, Purpose::Xtc);
    if xtc.threshold > 0.5 || draw >= f64::from(xtc.probability) || list.is_empty() {
        return;
    }
    let (weights, total) = weights(list, 1.0);
    let likely = |weight: &&u64| **weight as f64 >= f64::from(xtc.threshold) * total as f64;
    let removed = weights.iter().take_while(likely).count().saturating_sub(1);
    if list.len() - removed >= parameters.min_keep as usize {
        list.drain(..removed);
    }
}

fn draw(list: &[Candidate], parameters: &Parameters, position: u64) -> Option<u32> {
    if list.is_empty() {
        return None;
    }
    let (weights, total) = weights(list, parameters.temperature);
    let random = random::bits(parameters.seed, position, Purpose::Choice);
    let point = (u128::from(random) * u128::from(total)) >> 64;
    let mut sum = 0_u128;
    for (weight, candidate) in weights.iter().zip(list) {
        sum += u128::from(*weight);
        if sum > point {
            return Some(candidate.1);
        }
    }
    None
}

fn adjust(logits: &[f32], history: &History, parameters: &Parameters, allowed: Option<&TokenMask>) -> Vec<f32> {
    let window = history.last(parameters.repeat_last_n);
    let finite = |logit: f32| logit.clamp(f32::MIN, f32::MAX);
    let one = |(id, &logit): (u32, &f32)| {
        let banned = parameters.banned.contains(&id) || parameters.ignore_eos.contains(&id);
        if banned || logit == f32::NEG_INFINITY || allowed.is_some_and(|mask| !mask.allows(id)) {
            return f32::NEG_INFINITY;
        }
        let mut logit = finite(logit + parameters.logit_bias.get(&id).copied().unwrap_or(0.0));
        let count = window.iter().filter(|&&other| other == id).count();
        if count > 0 {
            let repetition = parameters.repetition_penalty;
            logit = finite(if logit > 0.0 { logit / repetition } else { logit * repetition });
            let taken = count as f32 * parameters.frequency_penalty + parameters.presence_penalty;
            logit = finite(logit - taken);
        }
        finite(logit - dry(id, history, &parameters.dry))
    };
    (0_u32..).zip(logits).map(one).collect()
}

/// The DRY penalty of one token, from the definition: try every place and every length.
fn dry(id: u32, history: &History, dry: &Dry) -> f32 {
    let window = history.last(dry.penalty_last_n);
    let breakers: Vec<Vec<u32>> = dry.breakers.clone().into();
    if breakers.contains(&vec![id]) {
        return 0.0;
    }
    let mut limit = window.len();
    for start in 0..window.len() {
        let here = breakers.iter().filter(|breaker| window[start..].starts_with(breaker));
        if let Some(length) = here.map(Vec::len).max() {
            limit = window.len() - start - length;
        }
    }
    let mut longest = None;
    for next in 1..window.len() {
        for length in 1..=next.min(limit) {
            let passage = &window[next - length..next];
            if window[next] == id && window.ends_with(passage) {
                longest = longest.max(Some(length));
            }
        }
    }
    let Some(exponent) = longest.and_then(|length| length.checked_sub(dry.allowed_length as usize)) else {
        return 0.0;
    };
    // The bases of the tests are small whole numbers and quarters, so that every order of multiplying is exact.
    let power = (0..exponent).fold(1.0_f64, |power, _| power * f64::from(dry.base));
    ((f64::from(dry.multiplier) * power) as f32).min(f32::MAX)
}
