//! Errors of vocabularies.

/// Reason why a vocabulary was refused. Encoding and decoding never fail.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A required metadata key is absent or holds another type.
    #[error("the metadata key {key} is missing or is not {expected}; convert the model again with a current converter")]
    MissingKey {
        /// The GGUF key.
        key: &'static str,
        /// The type that the key must hold.
        expected: &'static str,
    },
    /// The tokeniser's kind is not one that this program has.
    #[error(
        "the tokeniser kind \"{name}\" is not supported; the supported kinds are \"gpt2\", \"llama\", \"bert\", \"t5\", \"gemma4\", \"rwkv\" and \"plamo2\""
    )]
    Kind {
        /// The value of `tokenizer.ggml.model`.
        name: String,
    },
    /// The pre-tokeniser is not one that this program has.
    #[error("the pre-tokeniser \"{name}\" is not known; the known ones are {known}")]
    PreTokenizer {
        /// The value of `tokenizer.ggml.pre`.
        name: String,
        /// The names that are known, with commas between them.
        known: String,
    },
    /// A setting asks for text processing that this program does not do.
    #[error("the vocabulary sets {key}, which is not supported for this kind of tokeniser")]
    Unsupported {
        /// The GGUF key.
        key: &'static str,
    },
    /// Something is larger than this program accepts.
    #[error("the vocabulary has {found} {what}, more than the limit of {limit}")]
    TooMany {
        /// The thing counted.
        what: &'static str,
        /// Number found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The vocabulary has no tokens.
    #[error("the vocabulary has no tokens")]
    Empty,
    /// Arrays that must be as long as the token list are not.
    #[error("the vocabulary has {tokens} tokens but {found} {what}; the file is damaged or was converted wrongly")]
    Count {
        /// The array that has the wrong length.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The number of tokens.
        tokens: usize,
    },
    /// A token type number that the format does not define.
    #[error("token {id} has the unknown type {found}; types are 1 to 6")]
    TokenType {
        /// The token.
        id: usize,
        /// The number in the file.
        found: i64,
    },
    /// Two tokens have the same text.
    #[error("tokens {first} and {second} have the same text; each token must be unique")]
    DuplicateToken {
        /// The lower token id.
        first: u32,
        /// The higher token id.
        second: u32,
    },
    /// A score that cannot be ordered.
    #[error("token {id} has a score that is not a finite number")]
    Score {
        /// The token.
        id: usize,
    },
    /// A special token id that is not in the vocabulary.
    #[error("{key} is {id}, but the vocabulary has only {tokens} tokens")]
    SpecialId {
        /// The GGUF key.
        key: &'static str,
        /// Its value.
        id: u64,
        /// The number of tokens.
        tokens: usize,
    },
    /// The vocabulary asks for a token to be added that it does not name.
    #[error("{flag} is set but {key} is missing; convert the model again with a current converter")]
    MissingSpecial {
        /// The flag that is set.
        flag: &'static str,
        /// The key that is missing.
        key: &'static str,
    },
    /// A merge rule that cannot be used.
    #[error("merge {index} {problem}; the file is damaged or was converted wrongly")]
    Merge {
        /// The index of the rule.
        index: usize,
        /// The fault.
        problem: &'static str,
    },
    /// Text could contain a byte that no token stands for.
    #[error("no token stands for the byte 0x{byte:02X} and there is no unknown token; some text could not be encoded")]
    MissingByte {
        /// The byte.
        byte: u8,
    },
    /// A token of the byte type whose text does not name a byte.
    #[error("token {id} has the byte type but its text is not of the form <0x00> to <0xFF>")]
    ByteToken {
        /// The token.
        id: usize,
    },
    /// The block that says which characters are replaced cannot be read.
    #[error(
        "the character map tokenizer.ggml.precompiled_charsmap is damaged; convert the model again with a current converter"
    )]
    CharactersMap,
    /// A part of the tokeniser could not be built.
    #[error("the tokeniser could not be built: {reason}")]
    Build {
        /// The library's reason.
        reason: String,
    },
}
