//! A vocabulary as plain data, read from GGUF metadata and validated.
//!
//! Key names and meanings: the GGUF description (`docs/gguf.md` of the ggml project), section "Tokenizer".
use super::{Error, Metadata, Texts, ends, pretokenizer, validate};

/// The most tokens that a vocabulary may have; the largest published ones have 262,144.
pub const MAX_TOKENS: usize = 1 << 22;
/// The most merge rules that a vocabulary may have; the largest published ones have 514,906.
pub const MAX_MERGES: usize = 1 << 23;
/// The most bytes that one token's text may have.
pub const MAX_TOKEN_BYTES: usize = 1 << 14;
/// The most bytes that all tokens' texts, or all merge rules, may have together.
pub const MAX_TEXT_BYTES: usize = 1 << 28;
/// The most bytes that the texts of tokens which are matched in the input (control and user-defined) may have together.
pub const MAX_SPECIAL_BYTES: usize = 1 << 20;

/// How text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Byte-level byte pair encoding with ranked merges, `gpt2` in GGUF.
    ByteLevel,
    /// SentencePiece byte pair encoding with scores and byte fallback, `llama` in GGUF.
    SentencePiece,
}

/// What a token is, numbered as in GGUF (and in SentencePiece's `ModelProto.SentencePiece.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// Ordinary text.
    Normal = 1,
    /// Stands for text that cannot be encoded.
    Unknown = 2,
    /// Steers the model; has no text of its own.
    Control = 3,
    /// Text that is always one token.
    UserDefined = 4,
    /// A hole in the numbering.
    Unused = 5,
    /// One byte, written `<0x00>` to `<0xFF>`.
    Byte = 6,
}

/// Everything a [`super::Tokenizer`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// How text becomes tokens.
    pub kind: Kind,
    /// The pre-tokeniser's GGUF name; empty for [`Kind::SentencePiece`], which has none.
    pub pre_tokenizer: String,
    /// Each token's text as the file spells it; the index is the token id.
    pub tokens: Texts,
    /// Each token's type; as long as `tokens`.
    pub types: Vec<TokenType>,
    /// Each token's score, higher merges first; as long as `tokens` for [`Kind::SentencePiece`], else empty.
    pub scores: Vec<f32>,
    /// Merge rules `left right` in order of rank; empty for [`Kind::SentencePiece`].
    pub merges: Texts,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// End of turn.
    pub eot: Option<u32>,
    /// End of message.
    pub eom: Option<u32>,
    /// Stands for text that cannot be encoded.
    pub unknown: Option<u32>,
    /// Padding.
    pub padding: Option<u32>,
    /// Whether a prompt starts with `bos`.
    pub add_bos: bool,
    /// Whether a prompt ends with `eos`.
    pub add_eos: bool,
    /// Whether text is encoded as if a space stood before it; [`Kind::SentencePiece`] only.
    pub add_space_prefix: bool,
    /// Special tokens that swallow the white space after them, ascending.
    pub strip_after: Vec<u32>,
    /// Every token that ends an answer, ascending.
    pub ends: Vec<u32>,
}

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

pub(super) const BOS: &str = "tokenizer.ggml.bos_token_id";
pub(super) const EOS: &str = "tokenizer.ggml.eos_token_id";
pub(super) const EOT: &str = "tokenizer.ggml.eot_token_id";
pub(super) const EOM: &str = "tokenizer.ggml.eom_token_id";
pub(super) const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
pub(super) const PADDING: &str = "tokenizer.ggml.padding_token_id";
pub(super) const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
pub(super) const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
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
