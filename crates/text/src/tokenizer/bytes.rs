//! The byte-level alphabet: vocabularies spell each byte as one printable character.
//!
//! Printable Latin-1 bytes are the character of the same number; the other 68, in ascending order, are the characters
//! from U+0100 on (GPT-2's `bytes_to_unicode`). Other vocabularies have a token for each byte, `<0x00>` to `<0xFF>`.
use super::Error;
use super::merging::NO_TOKEN;
use super::vocabulary::{TokenType, Vocabulary};

/// The character that stands for each byte.
pub(super) fn characters() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let code = match byte {
            0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => byte as u32,
            _ => {
                next += 1;
                next - 1
            }
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// Appends the bytes that a token's text spells. A text with a character from outside the alphabet is not spelled in
/// it at all and stands for itself.
pub(super) fn decode(text: &str, alphabet: &[char; 256], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    for character in text.chars() {
        match byte_of(character, alphabet) {
            Some(byte) => bytes.push(byte),
            None => {
                bytes.truncate(start);
                bytes.extend_from_slice(text.as_bytes());
                return;
            }
        }
    }
}

/// The byte that a token text like `<0x0A>` names.
pub(super) fn named(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hexadecimal = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hexadecimal.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The byte tokens, all or none of which a vocabulary must have unless it has an unknown token.
pub(super) fn tokens(vocabulary: &Vocabulary) -> Result<Option<Box<[u32; 256]>>, Error> {
    let mut tokens = Box::new([NO_TOKEN; 256]);
    let mut found = 0;
    let typed = vocabulary.tokens.iter().zip(&vocabulary.types);
    for (id, (text, _)) in (0..).zip(typed).filter(|(_, (_, kind))| **kind == TokenType::Byte) {
        let byte = named(text).ok_or(Error::ByteToken { id: id as usize })?;
        if tokens[usize::from(byte)] == NO_TOKEN {
            tokens[usize::from(byte)] = id;
            found += 1;
        }
    }
    match found {
        256 => Ok(Some(tokens)),
        0 => Ok(None),
        _ => {
            let missing = tokens.iter().position(|id| *id == NO_TOKEN).unwrap_or(0);
            Err(Error::MissingByte { byte: u8::try_from(missing).unwrap_or(0) })
        }
    }
}

fn byte_of(character: char, alphabet: &[char; 256]) -> Option<u8> {
    let code = character as usize;
    if alphabet.get(code) == Some(&character) {
        return u8::try_from(code).ok();
    }
    // The other characters stand in ascending order among the bytes 00-20, 7F-A0 and AD.
    let byte = match code.checked_sub(0x100)? {
        index @ 0..=0x20 => index,
        index @ 0x21..=0x42 => index + 0x7F - 0x21,
        0x43 => 0xAD,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_spelled_and_read_back() {
        let alphabet = characters();
        for byte in 0..=255_u8 {
            let character = alphabet[usize::from(byte)];
            assert_eq!(byte_of(character, &alphabet), Some(byte), "{byte:#x}");
            assert_eq!(named(&format!("<0x{byte:02X}>")), Some(byte));
        }
        assert_eq!((alphabet[0x20], alphabet[0x0A], alphabet[0xAD]), ('Ġ', 'Ċ', 'Ń'));
        for text in ["", "<0x>", "<0x1>", "<0x+1>", "<0x100>", "0x10", "<0xGG>"] {
            assert_eq!(named(text), None);
        }
    }

    #[test]
    fn text_outside_the_alphabet_stands_for_itself() {
        let mut bytes = Vec::new();
        decode("Ġé中", &characters(), &mut bytes);
        assert_eq!(bytes, "Ġé中".as_bytes());
        bytes.clear();
        decode("ĠaĊ", &characters(), &mut bytes);
        assert_eq!(bytes, b" a\n");
    }
}
