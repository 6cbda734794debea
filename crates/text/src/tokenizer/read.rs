//! A vocabulary read from GGUF metadata, and validated.

use super::vocabulary::{
    ADD_BOS, ADD_EOS, BOS, EOM, EOS, EOT, Kind, MAX_MERGES, MAX_TOKENS, Normalization, PADDING, SEPARATOR, TokenType,
    UNKNOWN, Vocabulary,
};
use super::{Error, Metadata, Texts, ends, pretokenizer, validate};

impl Vocabulary {
    /// Reads and validates the `tokenizer.ggml.*` keys.
    ///
    /// Fails when a required key is missing, when the kind or the pre-tokeniser is not supported (an unknown
    /// pre-tokeniser is never replaced by another), when a limit is exceeded, or when the parts contradict each other.
    pub fn from_metadata(metadata: &dyn Metadata) -> Result<Self, Error> {
        let (kind, pre_tokenizer) = kind(metadata)?;
        let tokens = required(metadata.strings(TOKENS), TOKENS, "an array of texts")?;
        validate::texts("tokens", &tokens, MAX_TOKENS)?;
        let count = tokens.len();
        let special = |key| special_id(metadata, key, count);
        let habits = Habits::of(kind, pre_tokenizer);
        let mut vocabulary = Self {
            kind,
            pre_tokenizer: pre_tokenizer.into(),
            types: token_types(metadata)?,
            scores: scores(metadata, kind)?,
            merges: merges(metadata, kind)?,
            bos: special(BOS)?,
            eos: special(EOS)?,
            eot: special(EOT)?,
            eom: special(EOM)?,
            unknown: special(UNKNOWN)?,
            separator: special(SEPARATOR)?,
            // Files write -1, or an id that was added elsewhere; padding is never part of a prompt or an answer.
            padding: special(PADDING).unwrap_or(None),
            add_bos: metadata.boolean(ADD_BOS).unwrap_or(habits.add_bos),
            add_eos: metadata.boolean(ADD_EOS).unwrap_or(habits.add_eos),
            add_space_prefix: habits.has_prefix && metadata.boolean(ADD_SPACE_PREFIX).unwrap_or(true),
            normalization: normalization(metadata, kind),
            strip_after: Vec::new(),
            ends: Vec::new(),
            tokens: tokens.into_iter().collect(),
        };
        if kind == Kind::SentencePiece && metadata.boolean(REMOVE_SPACES) == Some(true) {
            return Err(Error::Unsupported { key: REMOVE_SPACES });
        }
        match kind {
            Kind::WordPiece => frame_words(&mut vocabulary, special(CLS)?),
            // Early files say no, and the model answers nonsense without it.
            Kind::CharacterLevel if pre_tokenizer == GEMMA_4 => vocabulary.add_bos = vocabulary.bos.is_some(),
            _ => {}
        }
        validate::vocabulary(&vocabulary)?;
        ends::complete(&mut vocabulary);
        vocabulary.strip_after = ends::strip_after(&vocabulary);
        Ok(vocabulary)
    }
}

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TOKEN_TYPE: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";
const CLS: &str = "tokenizer.ggml.cls_token_id";
const ADD_SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";
const REMOVE_SPACES: &str = "tokenizer.ggml.remove_extra_whitespaces";
const CHARACTERS_MAP: &str = "tokenizer.ggml.precompiled_charsmap";
const LOWER_CASE: &str = "tokenizer.ggml.normalizer.lowercase";
const STRIP_ACCENTS: &str = "tokenizer.ggml.normalizer.strip_accents";
const GEMMA_4: &str = "gemma4";

/// Defaults of a kind of tokeniser.
struct Habits {
    add_bos: bool,
    add_eos: bool,
    has_prefix: bool,
}

impl Habits {
    fn of(kind: Kind, pre_tokenizer: &str) -> Self {
        let none = Self { add_bos: false, add_eos: false, has_prefix: false };
        match kind {
            Kind::SentencePiece => Self { add_bos: true, has_prefix: true, ..none },
            Kind::Unigram => Self { add_eos: true, has_prefix: true, ..none },
            Kind::WordPiece => Self { add_bos: true, add_eos: true, has_prefix: true },
            Kind::ByteLevel | Kind::CharacterLevel => {
                Self { add_bos: pretokenizer::find(pre_tokenizer).is_some_and(|entry| entry.add_bos), ..none }
            }
            Kind::LongestMatch | Kind::LeastCost => none,
        }
    }
}

/// The kind and, if that has one, the pre-tokeniser.
fn kind(metadata: &dyn Metadata) -> Result<(Kind, &str), Error> {
    match required(metadata.string(MODEL), MODEL, "text")? {
        "gpt2" => {
            let name = required(metadata.string(PRE), PRE, "text")?;
            let is_on_characters = pretokenizer::find(name).is_some_and(|entry| entry.words.is_some());
            Ok((if is_on_characters { Kind::CharacterLevel } else { Kind::ByteLevel }, name))
        }
        "gemma4" => Ok((Kind::CharacterLevel, GEMMA_4)),
        "llama" => Ok((Kind::SentencePiece, "")),
        "bert" => Ok((Kind::WordPiece, "")),
        "t5" => Ok((Kind::Unigram, "")),
        "rwkv" => Ok((Kind::LongestMatch, "")),
        "plamo2" => Ok((Kind::LeastCost, "")),
        name => Err(Error::Kind { name: name.into() }),
    }
}

fn required<T>(value: Option<T>, key: &'static str, expected: &'static str) -> Result<T, Error> {
    value.ok_or(Error::MissingKey { key, expected })
}

fn special_id(metadata: &dyn Metadata, key: &'static str, tokens: usize) -> Result<Option<u32>, Error> {
    let Some(id) = metadata.unsigned(key) else { return Ok(None) };
    match u32::try_from(id) {
        Ok(small) if (small as usize) < tokens => Ok(Some(small)),
        _ => Err(Error::SpecialId { key, id, tokens }),
    }
}

fn token_types(metadata: &dyn Metadata) -> Result<Vec<TokenType>, Error> {
    let numbers = required(metadata.integers(TOKEN_TYPE), TOKEN_TYPE, "an array of integers")?;
    let convert = |(id, found): (usize, &i64)| match *found {
        1 => Ok(TokenType::Normal),
        2 => Ok(TokenType::Unknown),
        3 => Ok(TokenType::Control),
        4 => Ok(TokenType::UserDefined),
        5 => Ok(TokenType::Unused),
        6 => Ok(TokenType::Byte),
        found => Err(Error::TokenType { id, found }),
    };
    numbers.iter().enumerate().map(convert).collect()
}

/// Files of other kinds may carry scores too; they mean nothing there.
fn scores(metadata: &dyn Metadata, kind: Kind) -> Result<Vec<f32>, Error> {
    if !kind.has_scores() {
        return Ok(Vec::new());
    }
    required(metadata.floats(SCORES), SCORES, "an array of numbers")
}

fn merges(metadata: &dyn Metadata, kind: Kind) -> Result<Texts, Error> {
    if !kind.has_merges() {
        return Ok(Texts::default());
    }
    let merges = required(metadata.strings(MERGES), MERGES, "an array of texts")?;
    validate::texts("merges", &merges, MAX_MERGES)?;
    Ok(merges.into_iter().collect())
}

fn normalization(metadata: &dyn Metadata, kind: Kind) -> Normalization {
    match kind {
        Kind::WordPiece => {
            let lower_case = metadata.boolean(LOWER_CASE).unwrap_or(true);
            let strip_accents = metadata.boolean(STRIP_ACCENTS).unwrap_or(lower_case);
            Normalization { lower_case, strip_accents, ..Normalization::default() }
        }
        Kind::Unigram => Normalization {
            remove_extra_spaces: metadata.boolean(REMOVE_SPACES).unwrap_or(false),
            // Converters write the bytes as signed or as unsigned numbers.
            characters_map: metadata
                .integers(CHARACTERS_MAP)
                .unwrap_or_default()
                .iter()
                .map(|byte| *byte as u8)
                .collect(),
            ..Normalization::default()
        },
        _ => Normalization::default(),
    }
}

/// BERT's texts stand between `[CLS]` and `[SEP]`; files name these in various ways, or not at all.
fn frame_words(vocabulary: &mut Vocabulary, cls: Option<u32>) {
    let named =
        |name: &str| vocabulary.tokens.iter().position(|text| text == name).and_then(|id| u32::try_from(id).ok());
    let bos = cls.or(vocabulary.bos).or_else(|| named("[CLS]"));
    let separator = vocabulary.separator.or_else(|| named("[SEP]")).or(vocabulary.eos);
    let unknown = vocabulary.unknown.or_else(|| named("[UNK]"));
    (vocabulary.bos, vocabulary.separator, vocabulary.eos, vocabulary.unknown) = (bos, separator, separator, unknown);
    (vocabulary.add_bos, vocabulary.add_eos) = (bos.is_some(), separator.is_some());
    vocabulary.add_space_prefix = true;
}
