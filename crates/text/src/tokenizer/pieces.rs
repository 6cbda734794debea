//! The bytes that each token stands for.
use super::sentencepiece::SPACE;
use super::vocabulary::{Kind, TokenType, Vocabulary};
use super::{bytes, longest};

/// All tokens' bytes in one block.
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// Where each token's bytes end; they start where the previous token's end.
    ends: Vec<u32>,
    /// Tokens without a text of their own (control, unknown, unused), whose bytes are their names.
    is_special: Vec<bool>,
}

impl Pieces {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let alphabet = bytes::characters();
        let count = vocabulary.tokens.len();
        let mut pieces =
            Self { bytes: Vec::new(), ends: Vec::with_capacity(count), is_special: Vec::with_capacity(count) };
        for (text, kind) in vocabulary.tokens.iter().zip(&vocabulary.types) {
            let named = (*kind == TokenType::Byte).then(|| bytes::named(text)).flatten();
            match (kind, vocabulary.kind) {
                (TokenType::Byte, _) if named.is_some() => pieces.bytes.extend(named),
                (TokenType::Normal, Kind::ByteLevel) => bytes::decode(text, &alphabet, &mut pieces.bytes),
                (TokenType::Normal, Kind::LongestMatch) => pieces.bytes.extend(longest::unescape(text)),
                (_, Kind::ByteLevel | Kind::LongestMatch | Kind::LeastCost) => {
                    pieces.bytes.extend_from_slice(text.as_bytes());
                }
                (TokenType::Normal | TokenType::UserDefined, _) => {
                    pieces.bytes.extend_from_slice(text.replace(SPACE, " ").as_bytes());
                }
                _ => pieces.bytes.extend_from_slice(text.as_bytes()),
            }
            // Bytes are no longer than texts, all of which are shorter than 4 GiB by the limits of a vocabulary.
            pieces.ends.push(pieces.bytes.len() as u32);
            pieces.is_special.push(matches!(kind, TokenType::Control | TokenType::Unknown | TokenType::Unused));
        }
        pieces.bytes.shrink_to_fit();
        pieces
    }

    /// The bytes of a token; none for ids outside the vocabulary and, unless `render_special`, for special tokens.
    pub(super) fn get(&self, id: u32, render_special: bool) -> &[u8] {
        let index = id as usize;
        let (Some(end), Some(special)) = (self.ends.get(index), self.is_special.get(index)) else { return &[] };
        if *special && !render_special {
            return &[];
        }
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start as usize..*end as usize).unwrap_or(&[])
    }
}
