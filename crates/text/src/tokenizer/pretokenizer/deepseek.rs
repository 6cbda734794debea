//! The last pattern of DeepSeek-V3, which leaves some characters (digits, control characters) to the gaps between
//! matches. Tried in this order:
//! 1. an ASCII sign and the ASCII letters after it
//! 2. `[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`
//! 3. ` ?[\p{P}\p{S}]+[\r\n]*`
//! 4. white space as in `words`
use super::classes::{self, LETTER, MARK, SYMBOL};
use super::words::{is_line_end, signs, white_space};

/// The match at byte offset `start`.
pub(super) fn scan(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let byte = bytes.get(start).copied()?;
    if byte.is_ascii_punctuation() {
        let letters = bytes.iter().skip(start + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters > 0 {
            return Some(start + 1 + letters);
        }
    }
    let (first, length) = classes::at(text, start);
    let word = |at| classes::run(text, at, |class| class & (LETTER | MARK) != 0);
    let may_lead = first & (LETTER | SYMBOL) == 0 && !is_line_end(byte);
    let end = word(start + length);
    if first & (LETTER | MARK) != 0 || may_lead && end > start + length {
        return Some(end);
    }
    signs(text, start, |class| class & SYMBOL != 0, is_line_end).or_else(|| white_space(text, start, true))
}
