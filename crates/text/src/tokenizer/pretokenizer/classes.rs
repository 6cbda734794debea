//! The character classes that the patterns use, from the same Unicode tables as the pattern engine.
use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// `\p{L}`
pub(in crate::tokenizer) const LETTER: u16 = 1;
/// `\p{N}`
pub(in crate::tokenizer) const NUMBER: u16 = 2;
/// `\s`
pub(in crate::tokenizer) const SPACE: u16 = 4;
/// `\p{M}`
pub(in crate::tokenizer) const MARK: u16 = 8;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what may begin a capitalised word
pub(in crate::tokenizer) const UPPER: u16 = 16;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what may end one
pub(in crate::tokenizer) const LOWER: u16 = 32;
/// `[\p{P}\p{S}]`
pub(in crate::tokenizer) const SYMBOL: u16 = 64;
/// `\d`
pub(in crate::tokenizer) const DIGIT: u16 = 128;
/// `\w` as Oniguruma has it: with the superscript digits and fractions of Latin-1, without the joiners
pub(in crate::tokenizer) const WORD: u16 = 512;
/// `\p{Han}`
pub(in crate::tokenizer) const HAN: u16 = 1024;
/// `\p{P}` of Unicode 8, whose tables the library of the original WordPiece has
pub(in crate::tokenizer) const PUNCTUATION: u16 = 2048;
/// `\p{Mn}` of Unicode 8
pub(in crate::tokenizer) const NONSPACING: u16 = 4096;
/// `[\p{Cc}\p{Cf}\p{Co}]` of Unicode 8
pub(in crate::tokenizer) const CONTROL: u16 = 8192;
/// Beyond the end of the text; no character has it.
pub(in crate::tokenizer) const END: u16 = 256;

/// The classes of the character at byte offset `at` and its length in bytes; `(END, 0)` at the end of the text.
#[inline]
pub(in crate::tokenizer) fn at(text: &str, at: usize) -> (u16, usize) {
    let character = match text.as_bytes().get(at) {
        None => return (END, 0),
        Some(byte) if byte.is_ascii() => return (TABLE.get(usize::from(*byte)).copied().unwrap_or(0), 1),
        Some(_) => text.get(at..).and_then(|rest| rest.chars().next()),
    };
    // An offset inside a character is an offset to step over.
    let Some(character) = character else { return (0, 1) };
    (of(character), character.len_utf8())
}

/// The classes of a character.
#[inline]
pub(in crate::tokenizer) fn of(character: char) -> u16 {
    TABLE.get(character as usize).copied().unwrap_or(0)
}

/// The end of the run of characters from `start` whose classes meet `condition`.
#[inline]
pub(in crate::tokenizer) fn run(text: &str, start: usize, condition: impl Fn(u16) -> bool) -> usize {
    let mut end = start;
    loop {
        let (class, length) = at(text, end);
        if class & END != 0 || !condition(class) {
            return end;
        }
        end += length;
    }
}

static TABLE: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut table = vec![0; char::MAX as usize + 1];
    for (pattern, bit) in [
        (r"\p{L}", LETTER),
        (r"\p{N}", NUMBER),
        (r"\s", SPACE),
        (r"\p{M}", MARK),
        (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", UPPER),
        (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", LOWER),
        (r"[\p{P}\p{S}]", SYMBOL),
        (r"\d", DIGIT),
        (r"[[\w²³¹¼-¾]&&[^\x{200C}\x{200D}]]", WORD),
        (r"\p{Han}", HAN),
        (r"[\p{P}&&\p{Age=8.0}]", PUNCTUATION),
        (r"[\p{Mn}&&\p{Age=8.0}]", NONSPACING),
        (r"[[\p{Cc}\p{Cf}\p{Co}]&&\p{Age=8.0}]", CONTROL),
    ] {
        add(&mut table, pattern, bit);
    }
    table
});

fn add(table: &mut [u16], pattern: &str, bit: u16) {
    let Ok(parsed) = regex_syntax::parse(pattern) else { return };
    if let HirKind::Class(Class::Unicode(class)) = parsed.kind() {
        for range in class.ranges() {
            if let Some(entries) = table.get_mut(range.start() as usize..=range.end() as usize) {
                entries.iter_mut().for_each(|entry| *entry |= bit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_agree_with_the_standard_library() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let (class, length) = at(&text, 0);
            assert_eq!(length, text.len());
            assert_eq!(class & SPACE != 0, character.is_whitespace(), "{character:?}");
        }
        let basic = LETTER | NUMBER | SPACE | MARK | UPPER | LOWER | SYMBOL | DIGIT | END;
        let class = |text| at(text, 0).0 & basic;
        assert_eq!(class("é"), LETTER | LOWER);
        assert_eq!(class("É"), LETTER | UPPER);
        assert_eq!(class("中"), LETTER | UPPER | LOWER);
        assert_eq!(class("٣"), NUMBER | DIGIT);
        assert_eq!(class("½"), NUMBER);
        assert_eq!(class("\u{301}"), MARK | UPPER | LOWER);
        assert_eq!(class("€"), SYMBOL);
        assert_eq!(class(""), END);
        assert_eq!(run("ab1", 0, |class| class & LETTER != 0), 2);
    }
}
