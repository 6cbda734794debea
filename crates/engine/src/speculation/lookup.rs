//! Guesses from the text itself: what followed the last time that it went as it goes now.
//!
//! Method: A. Saxena, "Prompt lookup decoding" (2023); the longest of a few lengths that occurred before counts.

use std::collections::HashMap;

/// Numbers of last tokens that are looked for, from the best reason to the least.
pub(super) const LENGTHS: [usize; 4] = [8, 4, 3, 2];
const LEAST: usize = LENGTHS[3];

/// Earlier places of the last tokens that are looked at, the latest first.
const LOOKED_AT: usize = 64;

/// A value that is no place.
const NOWHERE: u32 = u32::MAX;

/// An index of every pair of tokens of one text, kept up as it grows: some twenty bytes for each token.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// Where what followed a pair begins, the last time that it occurred.
    last: HashMap<[u32; LEAST], u32>,
    /// For each place, the one before it that followed the same pair.
    before: Vec<u32>,
}

/// An earlier place that agrees with the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Index of the length that agrees.
    pub(super) kind: usize,
    /// Where what followed it begins.
    pub(super) end: usize,
}

impl Lookup {
    /// Takes in the tokens that are new.
    pub(super) fn follow(&mut self, tokens: &[u32]) {
        // A pair is entered when its follower is there, so that the last tokens never find themselves.
        for end in self.before.len()..tokens.len() {
            let place = u32::try_from(end).unwrap_or(NOWHERE);
            let earlier = pair(tokens.get(..end).unwrap_or_default()).and_then(|pair| self.last.insert(pair, place));
            self.before.push(earlier.unwrap_or(NOWHERE));
        }
    }

    /// Appends at most `most` guesses at the tokens that follow `tokens`, a text that only ever grows, and says which
    /// passage they follow.
    pub(crate) fn draft(&mut self, tokens: &[u32], most: usize, guesses: &mut Vec<u32>) -> Option<Passage> {
        self.follow(tokens);
        let passage = self.find(tokens, tokens)?;
        // A text that repeats itself goes on over its end: what is guessed is then part of the pattern.
        let already = guesses.len();
        for at in (passage.end..).take(most) {
            let beyond = at.checked_sub(tokens.len()).map(|index| already + index);
            let guess = beyond.map_or_else(|| tokens.get(at), |index| guesses.get(index));
            match guess.copied() {
                Some(guess) => guesses.push(guess),
                None => break,
            }
        }
        Some(passage)
    }

    /// The latest place in the text of this index at which the end of `tokens` agrees for longest.
    pub(super) fn find(&self, tokens: &[u32], indexed: &[u32]) -> Option<Passage> {
        let mut best: Option<Passage> = None;
        let mut place = *self.last.get(&pair(tokens)?)?;
        for _ in 0..LOOKED_AT {
            let at = usize::try_from(place).ok().filter(|_| place != NOWHERE);
            let Some(end) = at else { break };
            let agrees = |length: &usize| {
                let (here, there) = (tokens.len().checked_sub(*length), end.checked_sub(*length));
                here.zip(there).is_some_and(|(here, there)| tokens.get(here..) == indexed.get(there..end))
            };
            if let Some(kind) = LENGTHS.iter().position(agrees)
                && best.is_none_or(|known| kind < known.kind)
            {
                best = Some(Passage { kind, end });
                if kind == 0 {
                    break;
                }
            }
            place = self.before.get(end).copied().unwrap_or(NOWHERE);
        }
        best
    }
}

/// The last two of these tokens, if there are so many.
fn pair(tokens: &[u32]) -> Option<[u32; LEAST]> {
    tokens.last_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guess(lookup: &mut Lookup, tokens: &[u32], most: usize) -> (Vec<u32>, usize) {
        let mut guesses = Vec::new();
        let passage = lookup.draft(tokens, most, &mut guesses);
        (guesses, passage.map_or(0, |passage| LENGTHS[passage.kind]))
    }

    /// The definition: the longest of the lengths whose passage occurs before the end, at its last place.
    fn expected(tokens: &[u32], most: usize) -> Vec<u32> {
        let place = |length: usize| {
            let from = tokens.len().checked_sub(length)?;
            (0..from).rev().find(|&at| tokens[at..at + length] == tokens[from..]).map(|at| at + length)
        };
        let Some(start) = LENGTHS.into_iter().find_map(place) else { return Vec::new() };
        let mut text = tokens.to_vec();
        (start..start + most).for_each(|at| text.push(text[at]));
        text.split_off(tokens.len())
    }

    #[test]
    fn the_longest_passage_counts_and_patterns_go_on() {
        let fresh = |tokens: &[u32], most| guess(&mut Lookup::default(), tokens, most);
        assert_eq!(fresh(&[1, 2, 3], 4), (vec![], 0));
        assert_eq!(fresh(&[1, 2, 3, 1, 2], 4), (vec![3, 1, 2, 3], 2));
        assert_eq!(fresh(&[1, 2, 3, 4, 5, 9, 3, 4, 7, 2, 3, 4], 2), (vec![5, 9], 3));
        assert_eq!(fresh(&[5, 5, 5, 5, 5], 3), (vec![5, 5, 5], 4));
        assert_eq!(fresh(&[7], 3), (vec![], 0));
    }

    proptest! {
        #[test]
        fn guesses_are_those_of_the_definition(
            tokens in prop::collection::vec(0_u32..3, 0..60),
            most in 0_usize..6,
        ) {
            let mut grown = Lookup::default();
            for length in 0..=tokens.len() {
                let text = &tokens[..length];
                let found = guess(&mut grown, text, most).0;
                prop_assert_eq!(&found, &expected(text, most));
                prop_assert_eq!(guess(&mut Lookup::default(), text, most).0, found);
            }
        }
    }
}
