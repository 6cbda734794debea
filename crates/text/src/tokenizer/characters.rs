//! Byte pair encoding on characters, as Gemma 4 has it: spaces are U+2581, text starts as characters, and ranked rules
//! merge neighbours. What is no token in the end is spelled in byte tokens.
use super::bpe::{self, Rules};
use super::merging::{self, NO_TOKEN, Symbol};
use super::pretokenizer::{self, Words};
use super::sentencepiece::{self, SPACE};
use super::{Error, Known, bytes};
use foldhash::{HashMap, HashMapExt, HashSet};

/// The merge rules and everything else that turns ordinary text into ids.
pub(super) struct CharacterPairs {
    /// Rank and result of each rule, by the ids of its two sides.
    rules: Rules,
    bytes: Option<Box<[u32; 256]>>,
    unknown: u32,
    words: Words,
    /// The characters after which some token has a U+2581. After any other one no merge can cross the start of a word.
    joints: HashSet<char>,
}

impl CharacterPairs {
    /// Builds the tables. Fails when the vocabulary cannot spell every text or when a rule names a token that does not
    /// exist.
    pub(super) fn new(known: Known<'_>) -> Result<Self, Error> {
        let vocabulary = known.vocabulary;
        let name = &vocabulary.pre_tokenizer;
        let entry = pretokenizer::find(name).ok_or_else(|| pretokenizer::unknown(name))?;
        let bytes = bytes::tokens(vocabulary)?;
        let unknown = match (vocabulary.unknown, &bytes) {
            (Some(id), _) => id,
            (None, Some(_)) => NO_TOKEN,
            (None, None) => return Err(Error::MissingByte { byte: 0 }),
        };
        let joints = vocabulary.tokens.iter().flat_map(sentencepiece::joints).map(|(_, before)| before).collect();
        Ok(Self { rules: bpe::rules(known)?, bytes, unknown, words: entry.words.unwrap_or(Words::Lines), joints })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, known: Known<'_>, ids: &mut Vec<u32>) {
        let mut text = text.replace(' ', SPACE);
        if self.words == Words::Marked && !text.starts_with(SPACE) {
            text.insert_str(0, SPACE);
        }
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
        let mut was_unknown = false;
        for word in self.words(&text) {
            let start = ids.len();
            match seen.get(word) {
                // Without byte tokens a word's ids depend on what stands before it.
                Some((start, end)) if self.bytes.is_some() => ids.extend_from_within(*start..*end),
                _ => {
                    was_unknown = self.encode_word(word, known, was_unknown, ids);
                    seen.insert(word, (start, ids.len()));
                }
            }
        }
    }

    /// Appends the ids of a word and says whether the last one is the unknown token, which is never repeated.
    fn encode_word(&self, word: &str, known: Known<'_>, mut was_unknown: bool, ids: &mut Vec<u32>) -> bool {
        let symbol = |(start, character): (usize, char)| {
            let end = start + character.len_utf8();
            Symbol { start, end, id: word.get(start..end).and_then(|text| known.id(text)).unwrap_or(NO_TOKEN) }
        };
        let mut symbols = word.char_indices().map(symbol).collect();
        merging::merge(&mut symbols, |left, right| self.rules.get(&(left.id, right.id)).copied());
        for symbol in symbols {
            if symbol.id != NO_TOKEN {
                ids.push(symbol.id);
                was_unknown = false;
            } else if let Some(bytes) = &self.bytes {
                let spelled = word.as_bytes().get(symbol.start..symbol.end).unwrap_or_default();
                ids.extend(spelled.iter().map(|byte| bytes[usize::from(*byte)]));
            } else if !was_unknown {
                ids.push(self.unknown);
                was_unknown = true;
            }
        }
        was_unknown
    }

    /// Cuts text where no merge can cross, so that equal words are merged once, and where the original cuts it.
    fn words<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let (mut start, mut before) = (0, None);
        let is_cut = move |words: Words, joints: &HashSet<char>, (at, character): (usize, char)| {
            let last = before.replace(character)?;
            let is_mark = SPACE.contains(character);
            let cut = match words {
                Words::Marked => is_mark,
                Words::Lines => {
                    (last == '\n') != (character == '\n') || is_mark && last != character && !joints.contains(&last)
                }
            };
            cut.then_some(at)
        };
        let mut is_cut = is_cut;
        let cuts: Vec<usize> =
            text.char_indices().filter_map(|place| is_cut(self.words, &self.joints, place)).collect();
        cuts.into_iter().chain([text.len()]).filter_map(move |end| text.get(std::mem::replace(&mut start, end)..end))
    }
}
