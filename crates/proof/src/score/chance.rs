//! Confidence from samples that were drawn by chance and agree.
//!
//! Of `all` samples let `wrong` be other than their record says. If `drawn` of them are chosen so that every choice is equally
//! likely, and nobody could foresee it, all of those agree with the probability
//!
//! ```text
//! C(all - wrong, drawn) / C(all, drawn)  =  product over i below drawn of (all - wrong - i) / (all - i)
//! ```
//!
//! The least `wrong` for which that is at most [`DOUBT`] is what a check of so many would have missed with no more than that chance.

use std::collections::BTreeSet;

/// The chance that is left to a score with so many wrong records to pass.
pub const DOUBT: f64 = 0.05;

/// The probability that none of `drawn` samples is one of the `wrong` ones.
pub fn passes(all: usize, drawn: usize, wrong: usize) -> f64 {
    let drawn = drawn.min(all);
    if wrong.min(all) + drawn > all {
        return 0.0;
    }
    (0..drawn).map(|index| (all - wrong - index) as f64 / (all - index) as f64).product()
}

/// Least number of wrong records that would have shown with a probability of at least `1 - DOUBT`; `None` if not even all of
/// them would, because nothing was drawn.
pub fn excluded(all: usize, drawn: usize) -> Option<usize> {
    if drawn == 0 || all == 0 {
        return None;
    }
    // The probability falls as the number grows.
    let (mut low, mut high) = (1, all);
    while low < high {
        let middle = low + (high - low) / 2;
        if passes(all, drawn, middle) <= DOUBT { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

/// So many of `all` numbers, in ascending order: every choice is equally likely, by the system's randomness.
///
/// # Errors
/// A sentence, if the system gives no random numbers.
pub fn draw(all: usize, count: usize) -> Result<Vec<usize>, String> {
    let mut chosen = BTreeSet::new();
    // Floyd's method (Bentley, Communications of the ACM 30, 1987): one number for each that is wanted.
    for last in all - count.min(all)..all {
        let number = below(last as u64 + 1)? as usize;
        if !chosen.insert(number) {
            chosen.insert(last);
        }
    }
    Ok(chosen.into_iter().collect())
}

/// A number below a bound, each equally likely.
fn below(bound: u64) -> Result<u64, String> {
    // Numbers above the greatest multiple of the bound would favour small ones.
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let number = getrandom::u64().map_err(|error| format!("the system gives no random numbers: {error}"))?;
        if number < fair {
            return Ok(number % bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_of_the_right_size_and_reach_everything() {
        for (all, count, expected) in [(5, 0, 0), (5, 3, 3), (5, 5, 5), (5, 9, 5), (0, 2, 0)] {
            let drawn = draw(all, count).unwrap();
            assert!(drawn.len() == expected && drawn.is_sorted() && drawn.iter().all(|number| *number < all));
        }
        // Each of the ten choices of two of five comes about a hundred times in a thousand; forty is ten deviations below.
        let mut counts = std::collections::BTreeMap::<Vec<usize>, usize>::new();
        for _ in 0..1000 {
            *counts.entry(draw(5, 2).unwrap()).or_default() += 1;
        }
        assert!(counts.len() == 10 && counts.values().all(|count| *count > 40), "{counts:?}");
    }

    /// The share of all choices that avoid the first `wrong` places, counted one by one.
    fn counted(all: usize, drawn: usize, wrong: usize) -> f64 {
        let choices = (0_u32..1 << all).filter(|bits| bits.count_ones() as usize == drawn);
        let (mut total, mut passing) = (0, 0);
        for bits in choices {
            total += 1;
            passing += usize::from(bits & ((1 << wrong) - 1) == 0);
        }
        passing as f64 / total as f64
    }

    #[test]
    fn the_probability_is_the_share_of_choices() {
        for all in 1..10 {
            for drawn in 0..=all {
                for wrong in 0..=all {
                    let (found, expected) = (passes(all, drawn, wrong), counted(all, drawn, wrong));
                    assert!((found - expected).abs() < 1e-12, "{all} {drawn} {wrong}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn known_bounds() {
        // All were drawn: not one can be wrong. One was: fewer than 95 % of them can be excluded.
        assert_eq!(excluded(200, 200), Some(1));
        assert_eq!(excluded(200, 1), Some(190));
        assert_eq!(excluded(200, 0), None);
        assert_eq!(excluded(0, 5), None);
        // Of very many, 1 - 0.05^(1/20) = 13.91 %.
        assert_eq!(excluded(1_000_000, 20), Some(139_108));
        for (all, drawn) in [(200, 20), (1000, 20), (10_000, 100)] {
            let wrong = excluded(all, drawn).unwrap();
            assert!(passes(all, drawn, wrong) <= DOUBT && passes(all, drawn, wrong - 1) > DOUBT);
        }
    }
}
