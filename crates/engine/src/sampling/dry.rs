//! DRY: a token that would go on repeating an earlier passage is weakened, more the longer the passage (clause S10).
//!
//! Source: p-e-w, "DRY: a modern repetition penalty", text-generation-webui pull request 5677; the rule for breakers
//! is llama.cpp's. Written on the window read backwards: `z[k]` is how many of the last tokens also stand `k` places
//! earlier, which is the Z function of the reversed window, found for all `k` in one pass (Gusfield, "Algorithms on
//! Strings, Trees, and Sequences", 1.3).

use super::logit::change;
use super::parameters::Dry;

/// Memory that is used again from token to token.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    backwards: Vec<u32>,
    lengths: Vec<usize>,
    repeats: Vec<(u32, usize)>,
}

/// Takes the penalty off every token that would lengthen a repeated passage of at least `allowed_length` tokens.
pub(super) fn penalise(adjusted: &mut [f32], window: &[u32], dry: &Dry, buffers: &mut Buffers) {
    let allowed = dry.allowed_length as usize;
    let limit = dry.breakers.tokens_after(window);
    if limit < allowed {
        return;
    }
    buffers.backwards.clear();
    buffers.backwards.extend(window.iter().rev());
    z_function(&buffers.backwards, &mut buffers.lengths);

    // `z[k]` speaks of the passage that ends `k` places back; the token after that passage is `backwards[k - 1]`.
    let found = buffers.backwards.iter().zip(buffers.lengths.iter().skip(1));
    let long = found.map(|(&next, &length)| (next, length.min(limit))).filter(|entry| entry.1 >= allowed);
    let repeats = &mut buffers.repeats;
    repeats.clear();
    repeats.extend(long);
    repeats.sort_unstable();
    for same_token in repeats.chunk_by(|a, b| a.0 == b.0) {
        if let Some(&(id, length)) = same_token.last()
            && !dry.breakers.has_token(id)
        {
            let penalty = penalty(dry, length - allowed);
            change(adjusted, id, |logit| logit - penalty);
        }
    }
}

/// `multiplier * base^exponent`: powers and product in f64, rounded once to f32, at most the greatest finite number.
fn penalty(dry: &Dry, exponent: usize) -> f32 {
    let product = f64::from(dry.multiplier) * power(f64::from(dry.base), exponent);
    (product as f32).min(f32::MAX)
}

/// `base^exponent` by squaring, from the exponent's lowest bit up.
fn power(base: f64, mut exponent: usize) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// `lengths[k]`: the length of the longest common prefix of `text` and `text[k..]`; O(length of the text).
fn z_function(text: &[u32], lengths: &mut Vec<usize>) {
    lengths.clear();
    lengths.push(text.len());
    // The stretch [left, right) is the one found to equal a prefix that reaches furthest.
    let (mut left, mut right) = (0, 0);
    for at in 1..text.len() {
        let known = lengths.get(at - left).copied().unwrap_or(0);
        let mut length = if at < right { known.min(right - at) } else { 0 };
        while at + length < text.len() && text.get(length) == text.get(at + length) {
            length += 1;
        }
        if at + length > right {
            (left, right) = (at, at + length);
        }
        lengths.push(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Breakers;
    use proptest::prelude::*;

    fn dry() -> Dry {
        Dry { multiplier: 0.5, base: 2.0, ..Dry::default() }
    }

    fn penalties(window: &[u32], dry: &Dry) -> Vec<f32> {
        let mut adjusted = [0.0; 6];
        penalise(&mut adjusted, window, dry, &mut Buffers::default());
        adjusted.iter().map(|logit| -logit).collect()
    }

    #[test]
    fn the_penalty_grows_with_the_passage() {
        // "1 2" was followed by 3: length 2, 0.5 * 2^0. "0 1 2" was followed by 3: length 3, 0.5 * 2^1.
        assert_eq!(penalties(&[1, 2, 3, 1, 2], &dry()), [0.0, 0.0, 0.0, 0.5, 0.0, 0.0]);
        assert_eq!(penalties(&[0, 1, 2, 3, 0, 1, 2], &dry()), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        // A passage of one token is allowed.
        assert_eq!(penalties(&[1, 3, 1], &dry()), [0.0; 6]);
        // The longest passage counts where a token follows several.
        assert_eq!(penalties(&[1, 2, 3, 0, 1, 2, 3, 0, 1, 2], &dry())[3], 0.5 * 16.0);
    }

    #[test]
    fn breakers_end_a_passage_and_are_never_weakened() {
        let with = |breakers: &[Vec<u32>]| Dry { breakers: Breakers::new(breakers).unwrap(), ..dry() };
        assert_eq!(penalties(&[0, 1, 2, 3, 0, 1, 2], &with(&[vec![0]]))[3], 0.5);
        assert_eq!(penalties(&[0, 1, 2, 3, 0, 1, 2], &with(&[vec![1]]))[3], 0.0);
        assert_eq!(penalties(&[0, 1, 2, 3, 0, 1, 2], &with(&[vec![3]]))[3], 0.0);
        assert_eq!(penalties(&[0, 1, 2, 3, 0, 1, 2], &with(&[vec![3, 5]]))[3], 1.0);
    }

    #[test]
    fn powers_overflow_to_the_greatest_number() {
        assert_eq!(power(1.75, 5), 1.75_f64.powi(5));
        assert_eq!(penalty(&dry(), 100_000), f32::MAX);
        assert_eq!(penalties(&[1; 3000], &dry())[1], f32::MAX);
    }

    proptest! {
        #[test]
        fn z_function_equals_its_definition(text in prop::collection::vec(0_u32..3, 0..40)) {
            let mut lengths = Vec::new();
            z_function(&text, &mut lengths);
            for (at, &length) in lengths.iter().enumerate() {
                let tail = &text[at.min(text.len())..];
                let expected = tail.iter().zip(&text).take_while(|(a, b)| a == b).count();
                prop_assert_eq!(length, expected);
            }
        }
    }
}
