//! Guesses from the text itself: what followed the last time that it went as it goes now.
//!
//! Method: A. Saxena, "Prompt lookup decoding" (2023); the longest of a few lengths that occurred before counts.

use super::{Context, Drafter, Evidence};
use std::collections::HashMap;

/// How many last tokens are looked for, from the best reason to the least.
const LENGTHS: [usize; 3] = [4, 3, 2];
const LONGEST: usize = LENGTHS[0];

/// The last `length` tokens, in the first places; the length tells [1, 2] from [1, 2, 0, 0].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    length: usize,
    tokens: [u32; LONGEST],
}

/// An index of every passage of a few tokens, kept up as the text grows.
#[derive(Debug, Default)]
pub struct Lookup {
    tokens: Vec<u32>,
    /// Where what followed a passage begins, the last time that it occurred.
    follows: HashMap<Key, usize>,
}

impl Lookup {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the tokens that are new; of another text, all.
    fn follow(&mut self, tokens: &[u32]) {
        if !tokens.starts_with(&self.tokens) {
            *self = Self::default();
        }
        let known = self.tokens.len();
        for (end, &token) in tokens.iter().enumerate().skip(known) {
            // A passage is entered when its follower is there, so that the last tokens never find themselves.
            for length in LENGTHS {
                if let Some(key) = key(tokens.get(..end).unwrap_or_default(), length) {
                    self.follows.insert(key, end);
                }
            }
            self.tokens.push(token);
        }
    }
}

impl Drafter for Lookup {
    fn draft(&mut self, context: &Context<'_>, most: usize, guesses: &mut Vec<u32>) -> Evidence {
        self.follow(context.tokens);
        let found = LENGTHS.iter().enumerate().find_map(|(kind, &length)| {
            let start = self.follows.get(&key(context.tokens, length)?)?;
            Some((kind, *start))
        });
        let Some((kind, start)) = found else {
            return Evidence::default();
        };
        // A text that repeats itself goes on over its end: what is guessed is then part of the pattern.
        let already = guesses.len();
        for at in (start..).take(most) {
            let beyond = at.checked_sub(context.tokens.len()).map(|index| already + index);
            let guess = beyond.map_or_else(|| context.tokens.get(at), |index| guesses.get(index));
            match guess.copied() {
                Some(guess) => guesses.push(guess),
                None => break,
            }
        }
        Evidence::new(kind)
    }

    fn is_free(&self) -> bool {
        true
    }
}

/// The last `length` of these tokens, if there are so many.
fn key(tokens: &[u32], length: usize) -> Option<Key> {
    let last = tokens.get(tokens.len().checked_sub(length)?..)?;
    let mut key = Key { length, tokens: [0; LONGEST] };
    key.tokens.get_mut(..length)?.copy_from_slice(last);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Parameters;
    use proptest::prelude::*;

    fn guess(lookup: &mut Lookup, tokens: &[u32], most: usize) -> (Vec<u32>, usize) {
        let mut guesses = Vec::new();
        let context = Context { tokens, parameters: &Parameters::default() };
        let evidence = lookup.draft(&context, most, &mut guesses);
        (guesses, evidence.kind())
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
        let mut lookup = Lookup::new();
        assert_eq!(guess(&mut lookup, &[1, 2, 3], 4), (vec![], 0));
        assert_eq!(guess(&mut lookup, &[1, 2, 3, 1, 2], 4), (vec![3, 1, 2, 3], 2));
        assert_eq!(guess(&mut lookup, &[1, 2, 3, 4, 5, 9, 3, 4, 7, 2, 3, 4], 2), (vec![5, 9], 1));
        assert_eq!(guess(&mut lookup, &[5, 5, 5, 5, 5], 3), (vec![5, 5, 5], 0));
    }

    proptest! {
        #[test]
        fn guesses_are_those_of_the_definition(
            tokens in prop::collection::vec(0_u32..3, 0..60),
            most in 0_usize..6,
        ) {
            let mut grown = Lookup::new();
            for length in 0..=tokens.len() {
                let text = &tokens[..length];
                let found = guess(&mut grown, text, most).0;
                prop_assert_eq!(&found, &expected(text, most));
                prop_assert_eq!(guess(&mut Lookup::new(), text, most).0, found);
            }
        }
    }
}
