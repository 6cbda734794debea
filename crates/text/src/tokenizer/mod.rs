//! Tokenisers: text to token ids and back.
//!
//! [`Vocabulary`] is what a model file says, as plain data; [`Tokenizer`] is made from it once and then shared;
//! [`Detokenizer`] is one stream of ids on its way to text. [`Kind`] names the ways in which text becomes tokens. The ids
//! are those of the model's original tokeniser.
mod bpe;
mod bytes;
mod characters;
mod charsmap;
mod detokenizer;
mod ends;
mod error;
mod least_cost;
mod longest;
mod merging;
mod metadata;
mod pieces;
mod pretokenizer;
mod published;
mod read;
mod sentencepiece;
mod special;
mod texts;
mod trie;
mod unigram;
mod validate;
mod vocabulary;
mod wordpiece;

pub use detokenizer::{Detokenizer, Position};
pub use error::Error;
pub use metadata::Metadata;
pub use published::Published;
pub use special::Special;
pub use texts::Texts;
pub use vocabulary::{
    Kind, MAX_MERGES, MAX_SPECIAL_BYTES, MAX_TEXT_BYTES, MAX_TOKEN_BYTES, MAX_TOKENS, Normalization, TokenType,
    Vocabulary,
};

use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;
use texts::Index;

/// A vocabulary that is ready to encode and decode. It never changes, so threads may share it.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    /// The ids of the tokens' texts.
    index: Index,
    model: Model,
    special: special::Matcher,
    pieces: pieces::Pieces,
}

enum Model {
    ByteLevel(bpe::BytePairs),
    SentencePiece(sentencepiece::ScoredPieces),
    CharacterLevel(characters::CharacterPairs),
    WordPiece(wordpiece::WordPieces),
    Unigram(unigram::Unigram),
    LongestMatch(longest::LongestMatch),
    LeastCost(least_cost::LeastCost),
}

impl Tokenizer {
    /// Builds the tables. Fails, as [`Vocabulary::from_metadata`] does, when the vocabulary contradicts itself, and
    /// when some text could not be encoded.
    pub fn new(mut vocabulary: Vocabulary) -> Result<Self, Error> {
        validate::vocabulary(&vocabulary)?;
        let index = index(&vocabulary)?;
        let known = Known { vocabulary: &vocabulary, index: &index };
        let pieces = pieces::Pieces::new(&vocabulary);
        let model = match vocabulary.kind {
            Kind::ByteLevel => Model::ByteLevel(bpe::BytePairs::new(known, &pieces)?),
            Kind::SentencePiece => Model::SentencePiece(sentencepiece::ScoredPieces::new(&vocabulary)?),
            Kind::CharacterLevel => Model::CharacterLevel(characters::CharacterPairs::new(known)?),
            Kind::WordPiece => Model::WordPiece(wordpiece::WordPieces::new(&vocabulary)?),
            Kind::Unigram => Model::Unigram(unigram::Unigram::new(&vocabulary)?),
            Kind::LongestMatch => Model::LongestMatch(longest::LongestMatch::new(&vocabulary)?),
            Kind::LeastCost => Model::LeastCost(least_cost::LeastCost::new(&vocabulary)?),
        };
        let special = special::Matcher::new(&vocabulary)?;
        // Rules, scores and map are tables now; to keep them would only take memory.
        vocabulary.merges = Texts::default();
        vocabulary.scores = Vec::new();
        vocabulary.normalization.characters_map = Vec::new();
        vocabulary.ends.sort_unstable();
        Ok(Self { vocabulary, index, model, special, pieces })
    }

    /// The ids of `text`, without BOS or EOS.
    ///
    /// Byte-level tokenisers whose originals do so bring the text into Unicode normalisation form C first.
    pub fn encode(&self, text: &str, special: Special) -> Vec<u32> {
        self.encode_parts(text, special, None)
    }

    /// As [`Tokenizer::encode`] with [`Special::Parse`], but where `guard` stands, no control token is read: what
    /// [`Tokenizer::guarded`] has guarded is text. The guards themselves are no part of the text.
    pub fn encode_guarded(&self, text: &str, guard: char) -> Vec<u32> {
        self.encode_parts(text, Special::Parse, Some(guard))
    }

    fn encode_parts(&self, text: &str, special: Special, guard: Option<char>) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4 + 1);
        let known = Known { vocabulary: &self.vocabulary, index: &self.index };
        let mut parts = |encode: &dyn Fn(&str, &mut Vec<u32>)| {
            let (text, guarded) = without_guards(Cow::Borrowed(text), guard);
            self.special.parts(&text, special, &guarded, |part| match part {
                special::Part::Text(text) => encode(text, &mut ids),
                special::Part::Token(id) => ids.push(id),
            });
        };
        match &self.model {
            Model::ByteLevel(model) => parts(&|text, ids| model.encode(text, &self.pieces, ids)),
            Model::CharacterLevel(model) => parts(&|text, ids| model.encode(text, known, ids)),
            Model::WordPiece(model) => parts(&|text, ids| model.encode(text, known, ids)),
            Model::Unigram(model) => parts(&|text, ids| model.encode(text, ids)),
            Model::LongestMatch(model) => parts(&|text, ids| model.encode(text, ids)),
            Model::LeastCost(model) => parts(&|text, ids| model.encode(text, ids)),
            Model::SentencePiece(model) => {
                let escaped = text.replace(' ', sentencepiece::SPACE);
                let (escaped, guarded) = without_guards(Cow::Owned(escaped), guard);
                // Every text between special tokens gets the space, as in the original's fast version.
                let prefix = self.vocabulary.add_space_prefix;
                let mut words = sentencepiece::Words { known, prefix, seen: HashMap::new() };
                self.special.parts(&escaped, special, &guarded, |part| match part {
                    special::Part::Text(text) => model.encode(text, &mut words, &mut ids),
                    special::Part::Token(id) => ids.push(id),
                });
            }
        }
        ids
    }

    /// The text with `guard` inside each spelling of a control token, so that [`Tokenizer::encode_guarded`] reads none there;
    /// `None` if it spells none. `guard` must not be in it. Those in `keep` are left as they are.
    pub fn guarded(&self, text: &str, guard: char, keep: &[&str]) -> Option<String> {
        let places = match self.model {
            // A blank is another character by the time that tokens are looked for.
            Model::SentencePiece(_) => self.special.spelled(&text.replace(' ', sentencepiece::SPACE), keep),
            _ => self.special.spelled(text, keep),
        };
        if places.is_empty() {
            return None;
        }
        let mut places = places.into_iter().peekable();
        let mut guarded = String::with_capacity(text.len() + places.len() * guard.len_utf8());
        for (at, character) in text.chars().enumerate() {
            guarded.push(character);
            if places.next_if_eq(&at).is_some() {
                guarded.push(guard);
            }
        }
        Some(guarded)
    }

    /// The ids of `text` with BOS before and EOS after them where the vocabulary asks for it, each only if the text
    /// does not already bring its own.
    pub fn encode_prompt(&self, text: &str, special: Special) -> Vec<u32> {
        let mut ids = self.encode(text, special);
        self.begin(&mut ids);
        if let Some(eos) = self.vocabulary.eos.filter(|_| self.vocabulary.add_eos)
            && ids.last() != Some(&eos)
        {
            ids.push(eos);
        }
        ids
    }

    /// Puts BOS before the ids of a prompt where the vocabulary asks for it and they do not bring their own.
    pub fn begin(&self, ids: &mut Vec<u32>) {
        if let Some(bos) = self.vocabulary.bos.filter(|_| self.vocabulary.add_bos)
            && ids.first() != Some(&bos)
        {
            ids.insert(0, bos);
        }
    }

    /// The ids of two texts that are read together, as models that judge a pair were trained with them, and where the
    /// second text's begin.
    pub fn encode_pair(&self, first: &str, second: &str, special: Special) -> (Vec<u32>, usize) {
        let vocabulary = &self.vocabulary;
        let end = vocabulary.eos.filter(|_| vocabulary.add_eos);
        let mut ids: Vec<u32> = vocabulary.bos.filter(|_| vocabulary.add_bos).into_iter().collect();
        ids.extend(self.encode(first, special));
        ids.extend(end);
        // BERT's end of a text is its separator; others write both.
        ids.extend(vocabulary.separator.filter(|_| vocabulary.kind != Kind::WordPiece));
        let middle = ids.len();
        ids.extend(self.encode(second, special));
        ids.extend(end);
        (ids, middle)
    }

    /// The bytes that a token stands for, which need not be whole characters. Special tokens (control, unknown,
    /// unused) have none unless `render_special`, which gives their names; ids outside the vocabulary have none.
    pub fn token_bytes(&self, id: u32, render_special: bool) -> &[u8] {
        self.pieces.get(id, render_special)
    }

    /// The text of a whole sequence, without its special tokens. Bytes that are no character give U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut bytes: Vec<u8> = ids.iter().flat_map(|id| self.token_bytes(*id, false)).copied().collect();
        if self.vocabulary.add_space_prefix && bytes.first() == Some(&b' ') {
            bytes.remove(0);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The number of tokens; ids are below it.
    pub fn size(&self) -> usize {
        self.vocabulary.tokens.len()
    }

    /// True if an answer ends with this token.
    pub fn is_end(&self, id: u32) -> bool {
        let vocabulary = &self.vocabulary;
        vocabulary.ends.binary_search(&id).is_ok()
            || [vocabulary.eos, vocabulary.eot, vocabulary.eom].contains(&Some(id))
    }

    /// Vocabulary of the tokeniser, less the merge rules and the scores.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.vocabulary.kind;
        formatter.debug_struct("Tokenizer").field("kind", &kind).field("size", &self.size()).finish_non_exhaustive()
    }
}

/// The text without its guards, and where in it the characters before them stand.
fn without_guards(text: Cow<'_, str>, guard: Option<char>) -> (Cow<'_, str>, Vec<usize>) {
    let Some(guard) = guard else { return (text, Vec::new()) };
    let (mut plain, mut guarded, mut last) = (String::with_capacity(text.len()), Vec::new(), 0);
    for character in text.chars() {
        if character == guard {
            guarded.push(last);
        } else {
            last = plain.len();
            plain.push(character);
        }
    }
    (Cow::Owned(plain), guarded)
}

/// A vocabulary whose texts can be found.
#[derive(Clone, Copy)]
struct Known<'a> {
    vocabulary: &'a Vocabulary,
    index: &'a Index,
}

impl Known<'_> {
    /// The token with a text.
    fn id(&self, text: &str) -> Option<u32> {
        self.index.find(text.as_bytes(), |id| text_of(self.vocabulary, id))
    }
}

/// Empty texts, which some files have in the holes of their numbering, are left out.
fn index(vocabulary: &Vocabulary) -> Result<Index, Error> {
    let mut index = Index::with_capacity(vocabulary.tokens.len());
    for (second, _) in (0..).zip(vocabulary.tokens.iter()).filter(|(_, text)| !text.is_empty()) {
        let inserted = index.insert(second, |id| text_of(vocabulary, id));
        inserted.map_err(|first| Error::DuplicateToken { first, second })?;
    }
    Ok(index)
}

fn text_of(vocabulary: &Vocabulary, id: u32) -> &[u8] {
    vocabulary.tokens.get(id as usize).unwrap_or_default().as_bytes()
}
