//! The token sequences that end a passage for DRY.

use super::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most sequences.
pub const MAX_BREAKERS: usize = 65_536;
/// Longest sequence in tokens.
pub const MAX_BREAKER_LENGTH: usize = 64;

/// Token sequences that a repeated passage never crosses (DRY, clause S10).
///
/// A caller that thinks in text, such as a line break, lists every token or sequence of tokens that holds the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u32>>", into = "Vec<Vec<u32>>")]
pub struct Breakers {
    /// By the first token of a sequence: the tokens after it, longest first. A single token has an empty rest.
    rests: BTreeMap<u32, Vec<Vec<u32>>>,
}

impl Breakers {
    /// The given sequences; one that comes twice counts once.
    ///
    /// # Errors
    /// [`Error::Parameters`] if a sequence is empty or longer than [`MAX_BREAKER_LENGTH`], or if there are more than
    /// [`MAX_BREAKERS`].
    pub fn new<S: AsRef<[u32]>>(sequences: &[S]) -> Result<Self, Error> {
        const NAME: &str = "dry.breakers";
        if sequences.len() > MAX_BREAKERS {
            let value = format_args!("{} sequences long", sequences.len());
            return Err(Error::parameter(NAME, value, format!("at most {MAX_BREAKERS}")));
        }
        let mut rests: BTreeMap<u32, Vec<Vec<u32>>> = BTreeMap::new();
        for sequence in sequences.iter().map(AsRef::as_ref) {
            let bad = sequence.len() > MAX_BREAKER_LENGTH;
            let Some((&head, rest)) = sequence.split_first().filter(|_| !bad) else {
                let value = format_args!("given a sequence of {} tokens", sequence.len());
                let allowed = format!("sequences of 1 to {MAX_BREAKER_LENGTH} tokens");
                return Err(Error::parameter(NAME, value, allowed));
            };
            rests.entry(head).or_default().push(rest.to_vec());
        }
        for list in rests.values_mut() {
            list.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            list.dedup();
        }
        Ok(Self { rests })
    }

    /// True if the token alone is a breaker.
    pub(super) fn has_token(&self, id: u32) -> bool {
        self.rests.get(&id).and_then(|list| list.last()).is_some_and(Vec::is_empty)
    }

    /// Number of tokens after the last breaker of `window`: all of them if there is none.
    ///
    /// The last breaker is the one that begins last, and the longest of those that begin there.
    pub(super) fn tokens_after(&self, window: &[u32]) -> usize {
        if self.rests.is_empty() {
            return window.len();
        }
        for (at, head) in window.iter().enumerate().rev() {
            let following = window.get(at + 1..).unwrap_or(&[]);
            let list = self.rests.get(head).map_or(&[][..], Vec::as_slice);
            if let Some(rest) = list.iter().find(|rest| following.starts_with(rest)) {
                return following.len() - rest.len();
            }
        }
        window.len()
    }
}

impl TryFrom<Vec<Vec<u32>>> for Breakers {
    type Error = Error;

    fn try_from(sequences: Vec<Vec<u32>>) -> Result<Self, Error> {
        Self::new(&sequences)
    }
}

impl From<Breakers> for Vec<Vec<u32>> {
    fn from(breakers: Breakers) -> Self {
        let whole =
            |(head, rests): (u32, Vec<Vec<u32>>)| rests.into_iter().map(move |rest| [vec![head], rest].concat());
        breakers.rests.into_iter().flat_map(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_that_begins_last_counts_and_the_longest_there() {
        let breakers = Breakers::new(&[vec![5], vec![5, 6], vec![7, 8, 9]]).unwrap();
        let check = |window: &[u32], expected| assert_eq!(breakers.tokens_after(window), expected);
        check(&[1, 2, 3], 3);
        check(&[1, 5, 3, 4], 2);
        check(&[1, 5, 6, 4], 1);
        check(&[5, 7, 8, 9, 1], 1);
        check(&[5, 7, 8, 1], 3);
        check(&[1, 5], 0);
        check(&[], 0);
        assert!(breakers.has_token(5) && !breakers.has_token(7) && !breakers.has_token(6));
    }

    #[test]
    fn bad_sequences_are_refused_by_name() {
        let empty = Breakers::new(&[vec![1], vec![]]).unwrap_err().to_string();
        let expected = "dry.breakers is given a sequence of 0 tokens, but must be sequences of 1 to 64 tokens";
        assert_eq!(empty, expected);
        assert!(Breakers::new(&[vec![1; MAX_BREAKER_LENGTH + 1]]).is_err());
        assert!(Breakers::new(&vec![[1]; MAX_BREAKERS + 1]).is_err());
        assert!(Breakers::new(&[[1]; 3]).is_ok());
    }

    #[test]
    fn text_form_is_a_list_of_lists() {
        let breakers = Breakers::new(&[vec![7, 8], vec![5], vec![7], vec![5]]).unwrap();
        let text = serde_json::to_string(&breakers).unwrap();
        assert_eq!(text, "[[5],[7,8],[7]]");
        assert_eq!(serde_json::from_str::<Breakers>(&text).unwrap(), breakers);
        assert!(serde_json::from_str::<Breakers>("[[]]").is_err());
    }
}
