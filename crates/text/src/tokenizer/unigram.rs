//! SentencePiece's unigram tokeniser: of all ways to cut a text into tokens the one with the best sum of scores.
//!
//! Text is first normalised by the character map of the vocabulary, and its spaces are written U+2581. The rules follow
//! `src/normalizer.cc` and `src/unigram_model.cc` of SentencePiece, whose sums are f32.
use super::charsmap::CharactersMap;
use super::merging::NO_TOKEN;
use super::sentencepiece::SPACE;
use super::trie::Trie;
use super::vocabulary::{TokenType, Vocabulary};
use super::{Error, bytes};

/// Penalty, below the worst token, of a character that no token covers.
const UNKNOWN_PENALTY: f32 = 10.0;

/// The scored tokens.
pub(super) struct Unigram {
    map: CharactersMap,
    tokens: Trie,
    scores: Vec<f32>,
    /// The score of a character that no token covers.
    unknown_score: f32,
    unknown: u32,
    bytes: Option<Box<[u32; 256]>>,
    add_space_prefix: bool,
    remove_extra_spaces: bool,
}

/// The best way to cut the text up to some place: the sum of its scores and its last token.
#[derive(Clone, Copy)]
struct Best {
    score: f32,
    start: usize,
    id: u32,
}

impl Unigram {
    /// Builds the tables. Fails when the vocabulary cannot encode every text or its character map is damaged.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let bytes = bytes::tokens(vocabulary)?;
        let unknown = match (vocabulary.unknown, &bytes) {
            (Some(id), _) => id,
            (None, Some(_)) => NO_TOKEN,
            (None, None) => return Err(Error::MissingByte { byte: 0 }),
        };
        let scored = || vocabulary.types.iter().zip(&vocabulary.scores);
        let normal = || scored().filter(|(kind, _)| **kind == TokenType::Normal).map(|(_, score)| *score);
        let (least, most) = (normal().fold(f32::MAX, f32::min), normal().fold(f32::MIN, f32::max));
        let score = |((kind, score), text): ((&TokenType, &f32), &str)| match kind {
            // A token that must not be cut: better than any way to cut it.
            TokenType::UserDefined => text.chars().count() as f32 * most - 0.1,
            _ => *score,
        };
        let scores = scored().zip(vocabulary.tokens.iter()).map(score).collect();
        let typed = (0..).zip(vocabulary.tokens.iter().zip(&vocabulary.types));
        let taken = typed.filter(|(_, (_, kind))| matches!(kind, TokenType::Normal | TokenType::UserDefined));
        Ok(Self {
            map: CharactersMap::new(&vocabulary.normalization.characters_map)?,
            tokens: Trie::new(taken.map(|(id, (text, _))| (text.as_bytes(), id))),
            scores,
            unknown_score: least - UNKNOWN_PENALTY,
            unknown,
            bytes,
            add_space_prefix: vocabulary.add_space_prefix,
            remove_extra_spaces: vocabulary.normalization.remove_extra_spaces,
        })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let text = self.normalize(text);
        let best = self.best(&text);
        // Read from the end; unknown characters side by side are one token.
        let (mut end, first, mut was_unknown) = (text.len(), ids.len(), false);
        while let Some(step) = best.get(end).copied().filter(|step| step.start < end) {
            let is_unknown = step.id == NO_TOKEN;
            match &self.bytes {
                Some(bytes) if is_unknown => {
                    let spelled = text.as_bytes().get(step.start..end).unwrap_or_default();
                    ids.extend(spelled.iter().rev().map(|byte| bytes[usize::from(*byte)]));
                }
                _ if is_unknown && was_unknown => {}
                _ => ids.push(if is_unknown { self.unknown } else { step.id }),
            }
            was_unknown = is_unknown;
            end = step.start;
        }
        if let Some(new) = ids.get_mut(first..) {
            new.reverse();
        }
    }

    fn best(&self, text: &str) -> Vec<Best> {
        let nothing = Best { score: 0.0, start: usize::MAX, id: NO_TOKEN };
        let mut best = vec![nothing; text.len() + 1];
        for (start, character) in text.char_indices() {
            let here = best[start].score;
            let length = character.len_utf8();
            let mut is_covered = false;
            let mut offer = |length: usize, score: f32, id: u32| {
                let place = &mut best[start + length];
                if place.start == usize::MAX || here + score > place.score {
                    *place = Best { score: here + score, start, id };
                }
            };
            self.tokens.prefixes(text.as_bytes().get(start..).unwrap_or_default(), |end, id| {
                is_covered |= end == length;
                offer(end, self.scores.get(id as usize).copied().unwrap_or(self.unknown_score), id);
            });
            if !is_covered {
                offer(length, self.unknown_score, NO_TOKEN);
            }
        }
        best
    }

    /// The text as tokens spell it.
    fn normalize(&self, text: &str) -> String {
        let mut mapped = String::with_capacity(text.len() + text.len() / 2);
        let mut was_space = self.remove_extra_spaces;
        self.map.pieces(text, |piece| {
            let piece = if was_space { piece.trim_start_matches(' ') } else { piece };
            if !piece.is_empty() {
                mapped.push_str(piece);
                was_space = self.remove_extra_spaces && piece.ends_with(' ');
            }
        });
        if text.is_empty() {
            return mapped;
        }
        let prefix = if self.add_space_prefix { SPACE } else { "" };
        let mut spelled = [prefix, &mapped.replace(' ', SPACE)].concat();
        if self.remove_extra_spaces {
            // A U+2581 of the text itself goes with them.
            spelled.truncate(spelled.trim_end_matches(SPACE).len());
        }
        spelled
    }
}
