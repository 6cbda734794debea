//! WordPiece, the tokeniser of BERT: words and signs, each cut into the longest tokens from its start.
//!
//! Text is first cleaned as BERT's tokeniser does it: control characters vanish, Chinese characters stand alone, and
//! uncased models see neither accents nor capitals. Vocabularies in GGUF write U+2581 before tokens that begin a word
//! where the originals write `##` before all others.
use super::pretokenizer::classes::{self, CONTROL, NONSPACING, PUNCTUATION};
use super::sentencepiece::SPACE;
use super::vocabulary::Vocabulary;
use super::{Error, Known, Normalization};
use unicode_normalization_alignments::UnicodeNormalization;

/// Longer words, in characters, are the unknown token as a whole.
const LONGEST_WORD: usize = 100;

/// Options of WordPiece beside the vocabulary.
pub(super) struct WordPieces {
    unknown: u32,
    /// The bytes of the longest token.
    longest: usize,
}

impl WordPieces {
    /// Fails when there is no unknown token.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let unknown = vocabulary
            .unknown
            .ok_or(Error::MissingSpecial { flag: "the tokeniser kind \"bert\"", key: super::vocabulary::UNKNOWN })?;
        Ok(Self { unknown, longest: vocabulary.tokens.iter().map(str::len).max().unwrap_or(0) })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, known: Known<'_>, ids: &mut Vec<u32>) {
        let text = clean(text, &known.vocabulary.normalization);
        let mut word = String::from(SPACE);
        for character in text.chars() {
            let is_sign = character.is_ascii_punctuation() || has(character, PUNCTUATION);
            if is_sign || is_space(character) {
                self.encode_word(&mut word, known, ids);
            }
            if is_sign {
                word.push(character);
                self.encode_word(&mut word, known, ids);
            } else if !is_space(character) {
                word.push(character);
            }
        }
        self.encode_word(&mut word, known, ids);
    }

    /// Appends the ids of a word, which stands after U+2581, and leaves only that.
    fn encode_word(&self, word: &mut String, known: Known<'_>, ids: &mut Vec<u32>) {
        if word.len() == SPACE.len() {
            return;
        }
        let start = ids.len();
        if word.chars().nth(LONGEST_WORD + 1).is_some() || !self.cut(word, known, ids) {
            ids.truncate(start);
            ids.push(self.unknown);
        }
        word.truncate(SPACE.len());
    }

    /// True if the word can be cut into tokens, whose ids are appended.
    fn cut(&self, word: &str, known: Known<'_>, ids: &mut Vec<u32>) -> bool {
        let mut rest = word;
        // The mark alone is no part of a word, even where it is a token.
        let mut least = SPACE.len();
        while !rest.is_empty() {
            // Inside a word U+2581 is a character like any other: a longer token that begins with it begins a word.
            let most = if least == 0 && rest.starts_with(SPACE) { SPACE.len() } else { rest.len().min(self.longest) };
            let ends = (least + 1..=most).rev().filter(|end| rest.is_char_boundary(*end));
            let Some((end, id)) = ends.filter_map(|end| Some((end, known.id(rest.get(..end)?)?))).next() else {
                return false;
            };
            ids.push(id);
            rest = rest.get(end..).unwrap_or_default();
            least = 0;
        }
        true
    }
}

fn clean(text: &str, normalization: &Normalization) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !vanishes(*character)) {
        if is_chinese(character) {
            cleaned.extend([' ', character, ' ']);
        } else {
            cleaned.push(if is_space(character) { ' ' } else { character });
        }
    }
    if normalization.strip_accents {
        let apart = cleaned.nfd().map(|(character, _)| character);
        cleaned = apart.filter(|character| !has(*character, NONSPACING)).collect();
    }
    if normalization.lower_case {
        cleaned = cleaned.chars().flat_map(char::to_lowercase).collect();
    }
    cleaned
}

fn has(character: char, class: u16) -> bool {
    classes::of(character) & class != 0
}

fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn vanishes(character: char) -> bool {
    let is_line_part = matches!(character, '\t' | '\n' | '\r');
    matches!(character, '\0' | '\u{FFFD}') || !is_line_part && has(character, CONTROL)
}

/// The ideographs as BERT counts them. The fourth extension begins at U+2B920 in the original.
fn is_chinese(character: char) -> bool {
    matches!(character,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}'
        | '\u{2B740}'..='\u{2B81F}' | '\u{2B920}'..='\u{2CEAF}' | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}
