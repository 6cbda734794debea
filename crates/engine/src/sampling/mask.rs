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

    /// Whether the token is in the set.
    pub fn allows(&self, id: u32) -> bool {
        let word = self.words.get(id as usize / 32).copied().unwrap_or(0);
        word >> (id % 32) & 1 == 1
    }
}

impl FromIterator<u32> for TokenMask {
    /// The set of the given ids; takes one bit of memory for each id up to the greatest.
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut words = Vec::new();
        for id in ids {
            let at = id as usize / 32;
            if words.len() <= at {
                words.resize(at + 1, 0);
            }
            if let Some(word) = words.get_mut(at) {
                *word |= 1 << (id % 32);
            }
        }
        Self { words }
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
}
