//! SentencePiece's byte pair encoding: text starts as characters, and the pair whose union has the best score merges
//! first, the leftmost among equals. What is no token in the end is spelled in byte tokens.
//!
//! Spaces are written U+2581 in the vocabulary and before this part sees the text. The rules follow
//! `src/bpe_model.cc` of SentencePiece.
use super::merging::{self, NO_TOKEN, Symbol};
use super::vocabulary::{TokenType, Vocabulary};
use super::{Error, Known, bytes};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

/// U+2581, which stands for a space.
pub(super) const SPACE: &str = "\u{2581}";

/// The scored tokens and the byte tokens.
pub(super) struct ScoredPieces {
    /// Each token's place among all scores, best first, or [`NO_PRIORITY`] if it takes no part in merging.
    priorities: Vec<u32>,
    longest: usize,
    bytes: Option<Box<[u32; 256]>>,
    unknown: u32,
    /// The characters after which some token has a U+2581. After any other one no merge can cross the start of a word.
    joints: HashSet<char>,
}

/// State that the parts of one text share while they are encoded.
pub(super) struct Words<'v, 'a> {
    pub(super) known: Known<'v>,
    /// True if each part is encoded as if a space stood before it.
    pub(super) prefix: bool,
    /// Where among the ids of the text the ids of its words are.
    pub(super) seen: HashMap<&'a str, (usize, usize)>,
}

/// The priority of a token that takes no part in merging. No vocabulary has so many scores.
const NO_PRIORITY: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Token {
    id: u32,
    priority: u32,
    /// Takes part in merging, but is taken apart again in the end.
    is_unused: bool,
}

impl ScoredPieces {
    /// Builds the tables. Fails when the vocabulary cannot encode every text.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let bytes = bytes::tokens(vocabulary)?;
        let unknown = match (vocabulary.unknown, &bytes) {
            (Some(id), _) => id,
            (None, Some(_)) => NO_TOKEN,
            (None, None) => return Err(Error::MissingByte { byte: 0 }),
        };
        let mut pieces =
            Self { priorities: priorities(&vocabulary.scores), longest: 0, bytes, unknown, joints: HashSet::new() };
        let kinds = vocabulary.types.iter().zip(&mut pieces.priorities);
        for (text, (kind, priority)) in vocabulary.tokens.iter().zip(kinds) {
            if matches!(kind, TokenType::Normal | TokenType::Unused) && !text.is_empty() {
                pieces.longest = pieces.longest.max(text.len());
                pieces.joints.extend(joints(text).map(|(_, before)| before));
            } else {
                *priority = NO_PRIORITY;
            }
        }
        Ok(pieces)
    }

    /// Appends the ids of ordinary text whose spaces are U+2581.
    pub(super) fn encode<'a>(&self, text: &'a str, all: &mut Words<'_, 'a>, ids: &mut Vec<u32>) {
        let (known, prefix) = (all.known, if all.prefix { SPACE } else { "" });
        if self.bytes.is_none() {
            // Unknown characters side by side are one token, across words too.
            return self.encode_word(&[prefix, text].concat(), known, ids);
        }
        let mut words = self.words(text);
        if !prefix.is_empty() {
            self.encode_word(&[prefix, words.next().unwrap_or("")].concat(), known, ids);
        }
        for word in words {
            let start = ids.len();
            if let Some((start, end)) = all.seen.get(word) {
                ids.extend_from_within(*start..*end);
            } else {
                self.encode_word(word, known, ids);
                all.seen.insert(word, (start, ids.len()));
            }
        }
    }

    fn token(&self, text: &str, known: Known<'_>) -> Option<Token> {
        let id = known.id(text)?;
        let priority = self.priorities.get(id as usize).copied().filter(|priority| *priority != NO_PRIORITY)?;
        let is_unused = known.vocabulary.types.get(id as usize) == Some(&TokenType::Unused);
        Some(Token { id, priority, is_unused })
    }

    fn encode_word(&self, word: &str, known: Known<'_>, ids: &mut Vec<u32>) {
        let symbol =
            |(start, character): (usize, char)| Symbol { start, end: start + character.len_utf8(), id: NO_TOKEN };
        let mut symbols = word.char_indices().map(symbol).collect();
        // Splits of the texts of unused tokens, to take them apart again.
        let mut splits: HashMap<&str, usize> = HashMap::new();
        merging::merge(&mut symbols, |left, right| {
            let joined = word.get(left.start..right.end).filter(|joined| joined.len() <= self.longest)?;
            let token = self.token(joined, known)?;
            if token.is_unused {
                splits.insert(joined, left.end - left.start);
            }
            Some((token.priority, token.id))
        });
        let mut fused = false;
        for symbol in symbols {
            let text = word.get(symbol.start..symbol.end).unwrap_or("");
            if let Some(token) = self.token(text, known).filter(|token| !token.is_unused) {
                ids.push(token.id);
                fused = false;
            } else {
                fused = self.emit(text, known, &splits, fused, ids);
            }
        }
    }

    /// Appends the ids of a text that is no token or an unused one and says whether the last one is the unknown token,
    /// which is never repeated.
    fn emit(
        &self,
        text: &str,
        known: Known<'_>,
        splits: &HashMap<&str, usize>,
        mut fused: bool,
        ids: &mut Vec<u32>,
    ) -> bool {
        let mut waiting = vec![text];
        while let Some(text) = waiting.pop() {
            let token = self.token(text, known);
            let split = splits.get(text).filter(|_| token.is_some_and(|token| token.is_unused));
            if let Some((left, right)) = split.and_then(|middle| text.split_at_checked(*middle)) {
                waiting.extend([right, left]);
            } else if let Some(token) = token {
                ids.push(token.id);
                fused = false;
            } else if let Some(bytes) = &self.bytes {
                ids.extend(text.bytes().map(|byte| bytes[usize::from(byte)]));
            } else if !fused {
                ids.push(self.unknown);
                fused = true;
            }
        }
        fused
    }

    /// Cuts text at the starts of words that no merge can cross, so that equal words are merged once.
    fn words<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let cuts = joints(text).filter(|(_, before)| !self.joints.contains(before)).map(|(at, _)| at);
        let mut start = 0;
        cuts.chain([text.len()]).filter_map(move |end| text.get(std::mem::replace(&mut start, end)..end))
    }
}

/// Where a U+2581 follows another character, and that character.
pub(super) fn joints(text: &str) -> impl Iterator<Item = (usize, char)> {
    // Most texts have none after their first character: looking at bytes finds that out sooner than a search for text.
    let first = SPACE.as_bytes().first();
    let marks = text.bytes().enumerate().skip(1).filter(move |(_, byte)| Some(byte) == first).map(|(at, _)| at);
    let marks = marks.filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(SPACE)));
    let before = |at: usize| text.get(..at)?.chars().next_back().map(|before| (at, before));
    marks.filter_map(before).filter(|(_, before)| !SPACE.contains(*before))
}

/// For each score its place among the distinct scores, the highest first.
fn priorities(scores: &[f32]) -> Vec<u32> {
    let mut order: Vec<f32> = scores.to_vec();
    order.sort_unstable_by(|one, other| other.total_cmp(one));
    // Comparing as numbers makes the two zeros one.
    order.dedup_by(|one, other| one == other);
    let place = |score: &f32| order.partition_point(|other| other > score);
    scores.iter().map(|score| u32::try_from(place(score)).unwrap_or(u32::MAX)).collect()
}
