//! The tokeniser of PLaMo 2: of all ways to cut a text into tokens the one with the best sum of scores, worked out from
//! the end of the text; at each place the longest token among equals.
//!
//! Scores are whole ten-thousandths, so that sums are exact. A character that no token covers is spelled in byte tokens.
use super::trie::Trie;
use super::vocabulary::{TokenType, Vocabulary};
use super::{Error, bytes};

/// The score, in ten-thousandths, of a character that is spelled in bytes.
const BYTES_SCORE: i64 = -10_000_000;
/// Tokens with this score or a worse one take no part.
const INVALID_SCORE: i64 = -20_000_000;

/// The scored tokens and the byte tokens.
pub(super) struct LeastCost {
    tokens: Trie,
    /// Each token's score in ten-thousandths.
    scores: Vec<i64>,
    bytes: Box<[u32; 256]>,
}

impl LeastCost {
    /// Builds the tables. Fails when a byte has no token.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let bytes = bytes::tokens(vocabulary)?.ok_or(Error::MissingByte { byte: 0 })?;
        let typed = vocabulary.tokens.iter().zip(&vocabulary.types);
        let text = (0..).zip(typed).filter(|(_, (_, kind))| **kind != TokenType::Byte);
        let tokens = Trie::new(text.map(|(id, (text, _))| (text.as_bytes(), id)));
        // Python's rounding: halves go to the even neighbour.
        let scores = vocabulary.scores.iter().map(|score| (f64::from(*score) * 1e4).round_ties_even() as i64).collect();
        Ok(Self { tokens, scores, bytes })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let text = text.as_bytes();
        // For each place the least cost of the text from there on, and the length and the token of the first step.
        let mut best: Vec<(i64, usize, Option<u32>)> = vec![(i64::MAX, 0, None); text.len() + 1];
        if let Some(end) = best.last_mut() {
            end.0 = 0;
        }
        for at in (0..text.len()).rev().filter(|at| is_start(text, *at)) {
            let rest = text.get(at..).unwrap_or_default();
            let character = (1..rest.len()).find(|next| is_start(rest, *next)).unwrap_or(rest.len());
            let after = |length: usize| best.get(at + length).map_or(i64::MAX, |place| place.0);
            let mut step = (after(character) - BYTES_SCORE, character, None);
            self.tokens.prefixes(rest, |length, id| {
                let score = self.scores.get(id as usize).copied().unwrap_or(INVALID_SCORE);
                let cost = after(length).saturating_sub(score);
                // Later ones are longer; bytes come last of all.
                if score > INVALID_SCORE && cost <= step.0 {
                    step = (cost, length, Some(id));
                }
            });
            best[at] = step;
        }
        let mut at = 0;
        while let Some((_, length, token)) = best.get(at).filter(|step| step.1 > 0) {
            match token {
                Some(id) => ids.push(*id),
                None => ids.extend(text.iter().skip(at).take(*length).map(|byte| self.bytes[usize::from(*byte)])),
            }
            at += length;
        }
    }
}

/// True if a character starts at this byte.
fn is_start(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xC0 != 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{Kind, Special, Texts, Tokenizer};
    use proptest::prelude::*;

    const TOKENS: [(&str, f32); 10] = [
        ("a", -1.5),
        ("b", -1.5),
        ("ab", -3.0),
        ("abc", -4.0001),
        ("bc", -2.0),
        ("c", -2.5),
        ("é", -7.0),
        ("éa", -8.5),
        ("never", -5000.0),
        ("aa", -2.99995),
    ];

    fn tokenizer() -> Tokenizer {
        let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
        let tokens: Texts = bytes.chain(TOKENS.iter().map(|(text, _)| (*text).to_owned())).collect();
        let mut types = vec![TokenType::Byte; 256];
        types.resize(tokens.len(), TokenType::Normal);
        let mut scores = vec![0.0; 256];
        scores.extend(TOKENS.iter().map(|(_, score)| *score));
        Tokenizer::new(Vocabulary { tokens, types, scores, ..Vocabulary::empty(Kind::LeastCost) }).unwrap()
    }

    /// The least cost of all ways to cut a text, the longest first token deciding among equals.
    fn by_trying(text: &str) -> (i64, Vec<u32>) {
        let Some(character) = text.chars().next() else { return (0, Vec::new()) };
        let fitting = (256..).zip(TOKENS).filter(|(_, (token, score))| text.starts_with(token) && *score > -2000.0);
        let mut steps: Vec<(usize, i64, Vec<u32>)> = fitting
            .map(|(id, (token, score))| (token.len(), (f64::from(score) * 1e4).round_ties_even() as i64, vec![id]))
            .collect();
        let spelled = text.bytes().take(character.len_utf8()).map(u32::from).collect();
        steps.sort_by_key(|(length, ..)| std::cmp::Reverse(*length));
        steps.push((character.len_utf8(), BYTES_SCORE, spelled));
        let ways = steps.into_iter().map(|(length, score, mut ids)| {
            let (cost, rest) = by_trying(&text[length..]);
            ids.extend(rest);
            (cost - score, ids)
        });
        ways.min_by_key(|(cost, _)| *cost).unwrap()
    }

    proptest! {
        #[test]
        fn no_way_to_cut_a_text_is_better(text in "[abcéz\u{feff}]{0,9}|never") {
            prop_assert_eq!(tokenizer().encode(&text, Special::Plain), by_trying(&text).1);
        }
    }

    #[test]
    fn a_missing_byte_is_refused() {
        let tokens = ["a"].iter().collect();
        let (types, scores) = (vec![TokenType::Normal], vec![0.0]);
        let vocabulary = Vocabulary { tokens, types, scores, ..Vocabulary::empty(Kind::LeastCost) };
        assert_eq!(Tokenizer::new(vocabulary).unwrap_err(), Error::MissingByte { byte: 0 });
    }
}
