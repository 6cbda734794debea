//! A vocabulary as plain data.
//!
//! Key names and meanings: the GGUF description (`docs/gguf.md` of the ggml project), section "Tokenizer".
use super::Texts;

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

/// Tokenisation algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Byte-level byte pair encoding with ranked merges, `gpt2` in GGUF.
    ByteLevel,
    /// SentencePiece byte pair encoding with scores and byte fallback, `llama` in GGUF.
    SentencePiece,
    /// Byte pair encoding on characters with ranked merges and byte fallback, `gemma4` in GGUF.
    CharacterLevel,
    /// The longest tokens of each word, `bert` in GGUF.
    WordPiece,
    /// SentencePiece unigram encoding, `t5` in GGUF.
    Unigram,
    /// The longest token at each place, `rwkv` in GGUF.
    LongestMatch,
    /// The tokens with the best sum of scores, worked out from the end, `plamo2` in GGUF.
    LeastCost,
}

/// Type of a token, numbered as in GGUF (and in SentencePiece's `ModelProto.SentencePiece.Type`).
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

impl Kind {
    /// True if each token has a score.
    pub(super) fn has_scores(self) -> bool {
        matches!(self, Self::SentencePiece | Self::Unigram | Self::LeastCost)
    }

    /// True if there are merge rules and a pre-tokeniser.
    pub(super) fn has_merges(self) -> bool {
        matches!(self, Self::ByteLevel | Self::CharacterLevel)
    }
}

/// Normalisation of text before it is encoded, beside what a pre-tokeniser's name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normalization {
    /// True if text is put in small letters; [`Kind::WordPiece`] only.
    pub lower_case: bool,
    /// True if accents are removed; [`Kind::WordPiece`] only.
    pub strip_accents: bool,
    /// True if spaces at both ends and repeated ones are removed; [`Kind::Unigram`] only.
    pub remove_extra_spaces: bool,
    /// SentencePiece's compiled map of replaced characters; [`Kind::Unigram`] only.
    pub characters_map: Vec<u8>,
}

/// Everything a [`super::Tokenizer`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// Tokenisation algorithm.
    pub kind: Kind,
    /// The pre-tokeniser's GGUF name; empty for kinds that have none.
    pub pre_tokenizer: String,
    /// Each token's text as the file spells it; the index is the token id.
    pub tokens: Texts,
    /// Each token's type; as long as `tokens`.
    pub types: Vec<TokenType>,
    /// Each token's score, higher is better; as long as `tokens` for kinds with scores, else empty.
    pub scores: Vec<f32>,
    /// Merge rules `left right` in order of rank; empty for kinds without merges.
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
    /// Stands between two texts that are read together.
    pub separator: Option<u32>,
    /// Padding.
    pub padding: Option<u32>,
    /// True if a prompt starts with `bos`.
    pub add_bos: bool,
    /// True if a prompt ends with `eos`.
    pub add_eos: bool,
    /// True if text is encoded as if a space stood before it; kinds that write a space as U+2581 only.
    pub add_space_prefix: bool,
    /// Normalisation of text before it is encoded.
    pub normalization: Normalization,
    /// Special tokens that swallow the white space after them, ascending.
    pub strip_after: Vec<u32>,
    /// Every token that ends an answer, ascending.
    pub ends: Vec<u32>,
}

impl Vocabulary {
    /// A vocabulary without tokens, to fill in.
    pub fn empty(kind: Kind) -> Self {
        Self {
            kind,
            pre_tokenizer: String::new(),
            tokens: Texts::default(),
            types: Vec::new(),
            scores: Vec::new(),
            merges: Texts::default(),
            bos: None,
            eos: None,
            eot: None,
            eom: None,
            unknown: None,
            separator: None,
            padding: None,
            add_bos: false,
            add_eos: false,
            add_space_prefix: false,
            normalization: Normalization::default(),
            strip_after: Vec::new(),
            ends: Vec::new(),
        }
    }
}

pub(super) const BOS: &str = "tokenizer.ggml.bos_token_id";
pub(super) const EOS: &str = "tokenizer.ggml.eos_token_id";
pub(super) const EOT: &str = "tokenizer.ggml.eot_token_id";
pub(super) const EOM: &str = "tokenizer.ggml.eom_token_id";
pub(super) const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
pub(super) const SEPARATOR: &str = "tokenizer.ggml.seperator_token_id";
pub(super) const PADDING: &str = "tokenizer.ggml.padding_token_id";
pub(super) const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
pub(super) const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
