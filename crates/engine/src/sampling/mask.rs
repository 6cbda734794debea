//! The set of tokens that a grammar allows at one position.

/// A set of token ids, one bit each: bit `id % 32` of word `id / 32`.
///
/// A token beyond the last word is not in the set, so a mask made for a tokenizer's vocabulary fits a model whose
/// logits are padded to a round number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMask {
    words: Vec<u32>,
}

impl TokenMask {
    /// The mask given by its words.
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// The tokens below `count`.
    pub fn below(count: usize) -> Self {
        let mut words = vec![u32::MAX; count / 32];
        if !count.is_multiple_of(32) {
            words.push((1 << (count % 32)) - 1);
        }
        Self { words }
    }

    /// Puts a token into the set or takes it out.
    pub fn set(&mut self, id: u32, is_in: bool) {
        let at = id as usize / 32;
        if is_in && self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            *word = *word & !(1 << (id % 32)) | u32::from(is_in) << (id % 32);
        }
    }

    /// True if no token is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// True if the token is in the set.
    pub fn allows(&self, id: u32) -> bool {
        let word = self.words.get(id as usize / 32).copied().unwrap_or(0);
        word >> (id % 32) & 1 == 1
    }
}

impl FromIterator<u32> for TokenMask {
    /// The set of the given ids; takes one bit of memory for each id up to the greatest.
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut mask = Self::default();
        ids.into_iter().for_each(|id| mask.set(id, true));
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_they_are_said_to_be() {
        let mask: TokenMask = [0, 31, 32, 70].into_iter().collect();
        assert_eq!(mask, TokenMask::from_words(vec![1 | 1 << 31, 1, 1 << 6]));
        let ids: Vec<u32> = (0..200).filter(|&id| mask.allows(id)).collect();
        assert_eq!(ids, [0, 31, 32, 70]);
        assert!(!mask.allows(u32::MAX));
    }

    #[test]
    fn sets_can_be_changed() {
        for count in [0, 1, 31, 32, 33, 70] {
            let all: TokenMask = (0..count).collect();
            let mut mask = TokenMask::below(count as usize);
            assert_eq!(mask, all);
            assert_eq!(mask.is_empty(), count == 0);
            (0..count).for_each(|id| mask.set(id, false));
            mask.set(u32::MAX, false);
            assert!(mask.is_empty() && !mask.allows(0));
        }
    }
}
