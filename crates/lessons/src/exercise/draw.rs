//! Clauses S5 and S16: the random number of a position, and the token that it falls on.

use super::case::{Case, Exercise, Word, case, source, whole};

const MISTAKES: &[&str] = &["remainder", "at-least", "swapped-words", "low-key", "nine-rounds"];

pub(super) const EXERCISE: Exercise = Exercise { name: "draw", clause: "S16", mistakes: MISTAKES, cases };

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

fn bits(seed: u64, position: u64, mistake: &str) -> u64 {
    let [mut a, mut b, mut c, mut d] = [position as u32, (position >> 32) as u32, 0, 0];
    let [mut k0, mut k1] = [seed as u32, if mistake == "low-key" { 0 } else { (seed >> 32) as u32 }];
    for _ in 0..if mistake == "nine-rounds" { ROUNDS - 1 } else { ROUNDS } {
        let first = u64::from(a) * u64::from(MULTIPLIERS[0]);
        let second = u64::from(c) * u64::from(MULTIPLIERS[1]);
        (a, b, c, d) = ((second >> 32) as u32 ^ b ^ k0, second as u32, (first >> 32) as u32 ^ d ^ k1, first as u32);
        k0 = k0.wrapping_add(KEY_INCREMENTS[0]);
        k1 = k1.wrapping_add(KEY_INCREMENTS[1]);
    }
    let (low, high) = if mistake == "swapped-words" { (b, a) } else { (a, b) };
    u64::from(low) | u64::from(high) << 32
}

/// Index of the weight, in their order, that is chosen at a position.
fn chosen(seed: u64, position: u64, weights: &[i64], mistake: &str) -> usize {
    let total: u128 = weights.iter().map(|weight| *weight as u128).sum();
    let bits = u128::from(bits(seed, position, mistake));
    let point = if mistake == "remainder" { bits % total } else { (bits * total) >> 64 };
    let mut sum = 0;
    let passes = |weight: &i64| {
        sum += *weight as u128;
        if mistake == "at-least" { sum >= point } else { sum > point }
    };
    weights.iter().position(passes).unwrap_or(0)
}

struct Draw {
    name: &'static str,
    seed: u64,
    positions: Vec<u64>,
    weights: Vec<i64>,
}

fn drawn(seed: u64) -> Vec<Draw> {
    let mut source = source(116, seed);
    let mut descending = |count: usize| {
        let mut weights: Vec<i64> = (0..count).map(|_| (source.bits() >> 26) as i64).collect();
        weights.sort_unstable_by(|a, b| b.cmp(a));
        weights
    };
    let positions = |from: u64| (from..from + 40).collect();
    vec![
        Draw { name: "one candidate", seed: 0, positions: vec![0, 1], weights: vec![1 << 40] },
        Draw { name: "a coin", seed: 1, positions: positions(0), weights: vec![1, 1] },
        Draw { name: "six candidates", seed: 42, positions: positions(17), weights: descending(6) },
        Draw { name: "a large seed", seed: 0xdead_beef_0123_4567, positions: positions(1000), weights: descending(50) },
        Draw { name: "impossible ones", seed: 7, positions: positions(5), weights: vec![0, 0, 3, 0, 2] },
    ]
}

fn cases(seed: u64) -> Vec<Case> {
    let to_case = |draw: Draw| {
        let mut input = vec![whole(draw.seed), whole(draw.positions.len() as i64), whole(draw.weights.len() as i64)];
        input.extend(draw.positions.iter().map(|position| whole(*position)));
        input.extend(draw.weights.iter().map(|weight| whole(*weight)));
        let of = |mistake: &str| -> Vec<Word> {
            let one = |position: &u64| chosen(draw.seed, *position, &draw.weights, mistake);
            draw.positions.iter().map(|position| whole(one(position) as i64)).collect()
        };
        case(draw.name, input, of(""), MISTAKES, of)
    };
    drawn(seed).into_iter().map(to_case).collect()
}

#[cfg(test)]
mod tests {
    use super::super::weights;
    use super::*;
    use hefu_engine::sampling::{History, Parameters, Scratch, sample};
    use hefu_numerics::conformance::Numbers;

    /// Weights and draw together are what the engine chooses.
    #[test]
    fn chooses_what_the_engine_chooses() {
        let mut source = Numbers::new(117);
        for seed in [0, 3, u64::MAX] {
            let mut logits: Vec<f32> = (0..60).map(|_| source.unit() * 5.0).collect();
            logits.sort_unstable_by(|a, b| b.total_cmp(a));
            let parameters =
                Parameters { temperature: 0.7, top_k: 0, top_p: 1.0, min_p: 0.0, seed, ..Parameters::default() };
            let best = weights::best(&logits);
            let weights: Vec<i64> = logits.iter().map(|logit| weights::weight(*logit, best, 0.7, "") as i64).collect();
            for position in 0..200 {
                let history = History::default();
                let choice = sample(&logits, &history, &parameters, position, &mut Scratch::default()).unwrap();
                assert_eq!(choice.id as usize, chosen(seed, position, &weights, ""), "{seed} {position}");
            }
        }
    }
}
