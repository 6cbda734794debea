//! The pattern of GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
use super::classes::{self, LETTER, NUMBER, SPACE};
use super::words::{contraction, signs, white_space};

/// The match at byte offset `start`.
pub(super) fn scan(text: &str, start: usize) -> Option<usize> {
    let byte = text.as_bytes().get(start).copied()?;
    if byte == b'\''
        && let Some(end) = contraction(text, start, false)
    {
        return Some(end);
    }
    let body = start + usize::from(byte == b' ');
    let kind = classes::at(text, body).0;
    for wanted in [LETTER, NUMBER] {
        if kind & wanted != 0 {
            return Some(classes::run(text, body, |class| class & wanted != 0));
        }
    }
    let sign = |class| class & (LETTER | NUMBER | SPACE) == 0;
    signs(text, start, sign, |_| false).or_else(|| white_space(text, start, false))
}
