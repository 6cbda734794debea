//! Byte-level byte pair encoding: each piece of text starts as bytes, and ranked rules merge neighbours.
use super::merging::{self, Symbol};
use super::pieces::Pieces;
use super::pretokenizer::{self, PreTokenizer};
use super::texts::Index;
use super::vocabulary::{TokenType, Vocabulary};
use super::{Error, Known, bytes};
use foldhash::{HashMap, HashMapExt};
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The merge rules and everything else that turns ordinary text into ids.
pub(super) struct BytePairs {
    pre_tokenizer: PreTokenizer,
    compose: bool,
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    /// Rank and result of each rule, by the ids of its two sides.
    rules: Rules,
    /// The tokens that are taken without merging when they are a whole piece, by their bytes; `None` if there are none
    /// such.
    whole: Option<Index>,
}

pub(super) type Rules = HashMap<(u32, u32), (u32, u32)>;

/// Pieces of at most this many bytes are merged by repeated search, which is faster than a queue for short ones.
const SHORT_PIECE: usize = 24;

impl BytePairs {
    /// Builds the tables. Fails when the vocabulary cannot spell every text or when
    /// a rule names a token that does not exist.
    pub(super) fn new(known: Known<'_>, pieces: &Pieces) -> Result<Self, Error> {
        let vocabulary = known.vocabulary;
        let name = &vocabulary.pre_tokenizer;
        let entry = pretokenizer::find(name).ok_or_else(|| pretokenizer::unknown(name))?;
        Ok(Self {
            pre_tokenizer: PreTokenizer::new(entry)?,
            compose: entry.compose,
            bytes: byte_tokens(known)?,
            rules: rules(known)?,
            whole: entry.whole_pieces.then(|| whole_pieces(vocabulary, pieces)),
        })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, pieces: &Pieces, ids: &mut Vec<u32>) {
        // Characters below U+0300 neither combine nor change; to skip them may only cost a needless composition.
        let mut others = text.chars().filter(|character| *character >= '\u{300}');
        if self.compose && is_nfc_quick(&mut others) != IsNormalized::Yes {
            self.encode_pieces(&text.nfc().map(|(character, _)| character).collect::<String>(), pieces, ids);
        } else {
            self.encode_pieces(text, pieces, ids);
        }
    }

    fn encode_pieces(&self, text: &str, pieces: &Pieces, ids: &mut Vec<u32>) {
        let mut seen: HashMap<&[u8], (usize, usize)> = HashMap::new();
        self.pre_tokenizer.pieces(text, |piece| {
            let start = ids.len();
            if let Some((start, end)) = seen.get(piece.as_bytes()) {
                ids.extend_from_within(*start..*end);
            } else {
                self.encode_piece(piece.as_bytes(), pieces, ids);
                seen.insert(piece.as_bytes(), (start, ids.len()));
            }
        });
    }

    fn encode_piece(&self, piece: &[u8], pieces: &Pieces, ids: &mut Vec<u32>) {
        let whole = self.whole.as_ref().and_then(|whole| whole.find(piece, |id| pieces.get(id, true)));
        if let Some(id) = whole {
            ids.push(id);
        } else if piece.len() <= SHORT_PIECE {
            self.merge_short(piece, ids);
        } else {
            let symbol = |(start, id)| Symbol { start, end: start + 1, id };
            let mut symbols = self.byte_ids(piece).enumerate().map(symbol).collect();
            merging::merge(&mut symbols, |left, right| self.rules.get(&(left.id, right.id)).copied());
            ids.extend(symbols.iter().map(|symbol| symbol.id));
        }
    }

    /// Applies the best rule, leftmost first, until none applies.
    fn merge_short(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let first = ids.len();
        ids.extend(self.byte_ids(piece));
        // The rule for each symbol and its right neighbour.
        let mut pairs = [NO_RULE; SHORT_PIECE];
        for (pair, sides) in pairs.iter_mut().zip(ids[first..].windows(2)) {
            *pair = self.rule(sides[0], sides[1]);
        }
        let mut length = ids.len() - first;
        while length > 1 {
            let best = (0..length - 1).min_by_key(|index| pairs[*index].0).unwrap_or(0);
            let (rank, id) = pairs[best];
            if rank == NO_RULE.0 {
                break;
            }
            ids[first + best] = id;
            ids.remove(first + best + 1);
            pairs.copy_within(best + 1..length, best);
            length -= 1;
            pairs[length - 1] = NO_RULE;
            if best + 1 < length {
                pairs[best] = self.rule(id, ids[first + best + 1]);
            }
            if best > 0 {
                pairs[best - 1] = self.rule(ids[first + best - 1], id);
            }
        }
    }

    fn rule(&self, left: u32, right: u32) -> (u32, u32) {
        self.rules.get(&(left, right)).copied().unwrap_or(NO_RULE)
    }

    /// The bytes' tokens. The few bytes that need not have one vanish, as they do in the original tokenisers.
    fn byte_ids(&self, piece: &[u8]) -> impl Iterator<Item = u32> {
        piece.iter().map(|byte| self.bytes[usize::from(*byte)]).filter(|id| *id != merging::NO_TOKEN)
    }
}

const NO_RULE: (u32, u32) = (u32::MAX, u32::MAX);

fn byte_tokens(known: Known<'_>) -> Result<Box<[u32; 256]>, Error> {
    let mut tokens = Box::new([0; 256]);
    for (byte, (token, character)) in (0..=255).zip(tokens.iter_mut().zip(bytes::characters())) {
        let mut spelling = [0; 4];
        *token = match known.id(character.encode_utf8(&mut spelling)).or(known.vocabulary.unknown) {
            Some(id) => id,
            None if may_be_missing(byte) => merging::NO_TOKEN,
            None => return Err(Error::MissingByte { byte }),
        };
    }
    Ok(tokens)
}

/// Control characters, bytes that occur in no UTF-8 text and bytes that start characters of unassigned planes: Falcon's
/// vocabulary, for one, has no tokens for some of them.
fn may_be_missing(byte: u8) -> bool {
    byte.is_ascii_control() && !byte.is_ascii_whitespace() || matches!(byte, 0xC0 | 0xC1 | 0xF1 | 0xF2 | 0xF5..)
}

/// Rank and result of each merge rule.
pub(super) fn rules(known: Known<'_>) -> Result<Rules, Error> {
    let merges = &known.vocabulary.merges;
    let mut rules = HashMap::with_capacity(merges.len());
    let mut joined = String::new();
    for (rank, merge) in (0..).zip(merges.iter()) {
        let fail = |problem| Error::Merge { index: rank as usize, problem };
        let Some((left, right)) = merge.split_once(' ') else {
            return Err(fail("is not two texts with a space between them"));
        };
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        let (Some(left), Some(right)) = (known.id(left), known.id(right)) else {
            return Err(fail("joins a text that is not a token"));
        };
        let Some(result) = known.id(&joined) else {
            return Err(fail("makes a text that is not a token"));
        };
        if rules.insert((left, right), (rank, result)).is_some() {
            return Err(fail("repeats an earlier one"));
        }
    }
    Ok(rules)
}

fn whole_pieces(vocabulary: &Vocabulary, pieces: &Pieces) -> Index {
    let mut whole = Index::with_capacity(vocabulary.tokens.len());
    // Of several tokens with the same bytes the last one counts.
    for (id, kind) in vocabulary.types.iter().enumerate().rev() {
        if *kind == TokenType::Normal && vocabulary.tokens.get(id).is_some_and(|text| !text.is_empty()) {
            let _ = whole.insert(id as u32, |id| pieces.get(id, true));
        }
    }
    whole
}
