//! A vocabulary read from GGUF metadata, and validated.

use super::vocabulary::{
    ADD_BOS, ADD_EOS, BOS, EOM, EOS, EOT, Kind, MAX_MERGES, MAX_TOKENS, PADDING, TokenType, UNKNOWN, Vocabulary,
};
use super::{Error, Metadata, Texts, ends, pretokenizer, validate};

impl Vocabulary {
    /// Reads and validates the `tokenizer.ggml.*` keys.
    ///
    /// Fails when a required key is missing, when the kind or the pre-tokeniser is not supported (an unknown
    /// pre-tokeniser is never replaced by another), when a limit is exceeded, or when the parts contradict each other.
    pub fn from_metadata(metadata: &dyn Metadata) -> Result<Self, Error> {
        let name = required(metadata.string(MODEL), MODEL, "text")?;
        let kind = match name {
            "gpt2" => Kind::ByteLevel,
            "llama" => Kind::SentencePiece,
            _ => return Err(Error::Kind { name: name.into() }),
        };
        let pre_tokenizer = match kind {
            Kind::SentencePiece => "",
            Kind::ByteLevel => required(metadata.string(PRE), PRE, "text")?,
        };
        let tokens = required(metadata.strings(TOKENS), TOKENS, "an array of texts")?;
        validate::texts("tokens", &tokens, MAX_TOKENS)?;
        let count = tokens.len();
        let special = |key| special_id(metadata, key, count);
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
            // Files write -1, or an id that was added elsewhere; padding is never part of a prompt or an answer.
            padding: special(PADDING).unwrap_or(None),
            add_bos: metadata.boolean(ADD_BOS).unwrap_or(default_add_bos(kind, pre_tokenizer)),
            add_eos: metadata.boolean(ADD_EOS).unwrap_or(false),
            add_space_prefix: kind == Kind::SentencePiece && metadata.boolean(ADD_SPACE_PREFIX).unwrap_or(true),
            strip_after: Vec::new(),
            ends: Vec::new(),
            tokens: tokens.into_iter().collect(),
        };
        if kind == Kind::SentencePiece && metadata.boolean(REMOVE_SPACES) == Some(true) {
            return Err(Error::Unsupported { key: REMOVE_SPACES });
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
const ADD_SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";
const REMOVE_SPACES: &str = "tokenizer.ggml.remove_extra_whitespaces";

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

/// Byte-level files may carry scores too; they mean nothing there.
fn scores(metadata: &dyn Metadata, kind: Kind) -> Result<Vec<f32>, Error> {
    match kind {
        Kind::ByteLevel => Ok(Vec::new()),
        Kind::SentencePiece => required(metadata.floats(SCORES), SCORES, "an array of numbers"),
    }
}

fn merges(metadata: &dyn Metadata, kind: Kind) -> Result<Texts, Error> {
    if kind == Kind::SentencePiece {
        return Ok(Texts::default());
    }
    let merges = required(metadata.strings(MERGES), MERGES, "an array of texts")?;
    validate::texts("merges", &merges, MAX_MERGES)?;
    Ok(merges.into_iter().collect())
}

/// Files from before `add_bos_token` existed rely on the tokeniser's own habit.
fn default_add_bos(kind: Kind, pre_tokenizer: &str) -> bool {
    match kind {
        Kind::SentencePiece => true,
        Kind::ByteLevel => pretokenizer::find(pre_tokenizer).is_some_and(|entry| entry.add_bos),
    }
}
