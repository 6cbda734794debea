//! The tokeniser of RWKV: at each place the longest token that the bytes of the text begin with.
//!
//! Vocabulary files spell tokens as Python spells byte strings: `\n`, `\xe4`, `\\`.
use super::trie::Trie;
use super::vocabulary::{TokenType, Vocabulary};
use super::{Error, merging};

/// The tokens by their bytes.
pub(super) struct LongestMatch {
    tokens: Trie,
    unknown: u32,
}

impl LongestMatch {
    /// Builds the table. Fails when some byte is the start of no token and there is no unknown token.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let typed = vocabulary.tokens.iter().zip(&vocabulary.types);
        let normal = (0..).zip(typed).filter(|(_, (_, kind))| **kind == TokenType::Normal);
        let strings: Vec<(Vec<u8>, u32)> = normal.map(|(id, (text, _))| (unescape(text), id)).collect();
        let tokens = Trie::new(strings.iter().map(|(string, id)| (string.as_slice(), *id)));
        if let Some(byte) = (0..=255_u8).find(|byte| byte_must_exist(*byte) && tokens.longest(&[*byte]).is_none())
            && vocabulary.unknown.is_none()
        {
            return Err(Error::MissingByte { byte });
        }
        Ok(Self { tokens, unknown: vocabulary.unknown.unwrap_or(merging::NO_TOKEN) })
    }

    /// Appends the ids of ordinary text.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (length, id) = self.tokens.longest(rest).unwrap_or((1, self.unknown));
            // The bytes that need no token do not occur in text.
            ids.extend(Some(id).filter(|id| *id != merging::NO_TOKEN));
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// True if the byte occurs in UTF-8 text.
fn byte_must_exist(byte: u8) -> bool {
    !matches!(byte, 0xC0 | 0xC1 | 0xF5..)
}

/// The bytes of a token that is spelled as Python spells byte strings. An escape that Python does not write stands for
/// the character after the backslash.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        match escaped {
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('x') => {
                let digits =
                    characters.as_str().get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        characters = characters.as_str().get(2..).unwrap_or_default().chars();
                    }
                    None => bytes.push(b'x'),
                }
            }
            other => bytes.extend_from_slice(other.unwrap_or(character).encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_byte_strings_are_read() {
        for (text, bytes) in [
            (r"a\n\t\r", b"a\n\t\r".as_slice()),
            (r"\xe4\xb8", &[0xE4, 0xB8]),
            (r"\\x41", br"\x41"),
            (r"\'", b"'"),
            ("é", "é".as_bytes()),
            (r"\xzz", b"xzz"),
            (r"\x4", b"x4"),
            (r"a\", br"a\"),
        ] {
            assert_eq!(unescape(text), bytes, "{text}");
        }
    }
}
