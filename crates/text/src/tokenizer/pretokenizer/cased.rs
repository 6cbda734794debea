//! The pattern of GPT-4o and of Mistral's Tekken, which cut words where a capital follows a small letter.
//!
//! With `U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]` and `L = [\p{Ll}\p{Lm}\p{Lo}\p{M}]`, tried in this order:
//! 1. `[^\r\n\p{L}\p{N}]?U*L+` and perhaps a contraction
//! 2. `[^\r\n\p{L}\p{N}]?U+L*` and perhaps a contraction
//! 3. a short number
//! 4. signs: ` ?[^\s\p{L}\p{N}]+[\r\n/]*`
//! 5. white space as in `words`
//!
//! Kimi K2 takes Chinese characters out of `U` and `L` and makes runs of them pieces of their own.
use super::classes::{self, HAN, LETTER, LOWER, NUMBER, SPACE, UPPER};
use super::words::{contraction, is_line_end, number, signs, white_space};

/// The match at byte offset `start`. `DIGITS`: the longest number. `CONTRACTIONS`: words keep a contraction. `APART`:
/// Chinese characters are no part of words. `SLASHES`: slashes may follow signs.
pub(super) fn scan<const DIGITS: usize, const CONTRACTIONS: bool, const APART: bool, const SLASHES: bool>(
    text: &str,
    start: usize,
) -> Option<usize> {
    let (first, length) = classes::at(text, start);
    let byte = text.as_bytes().get(start).copied()?;
    if APART && first & HAN != 0 {
        return Some(classes::run(text, start, |class| class & HAN != 0));
    }
    let may_lead = first & (LETTER | NUMBER) == 0 && !is_line_end(byte);
    let after = may_lead.then_some(start + length);
    for word in [small_word::<APART>, capital_word::<APART>] {
        if let Some(end) = after.and_then(|after| word(text, after)).or_else(|| word(text, start)) {
            let is_quote = CONTRACTIONS && text.as_bytes().get(end) == Some(&b'\'');
            return Some(is_quote.then(|| contraction(text, end, true)).flatten().unwrap_or(end));
        }
    }
    if first & NUMBER != 0 {
        return Some(number(text, start, DIGITS));
    }
    let tail = |byte| is_line_end(byte) || SLASHES && byte == b'/';
    let sign = |class| class & (LETTER | NUMBER | SPACE) == 0;
    signs(text, start, sign, tail).or_else(|| white_space(text, start, true))
}

/// `U*L+`. When nothing of `L` follows the run of `U`, the run gives back up to its last character that is in both.
fn small_word<const APART: bool>(text: &str, start: usize) -> Option<usize> {
    let (mut end, mut last_in_both) = (start, None);
    loop {
        let (class, length) = classes::at(text, end);
        if !is_in::<APART>(class, UPPER) {
            break;
        }
        end += length;
        if is_in::<APART>(class, LOWER) {
            last_in_both = Some(end);
        }
    }
    let word_end = classes::run(text, end, |class| is_in::<APART>(class, LOWER));
    if word_end > end { Some(word_end) } else { last_in_both }
}

/// `U+L*`
fn capital_word<const APART: bool>(text: &str, start: usize) -> Option<usize> {
    let end = classes::run(text, start, |class| is_in::<APART>(class, UPPER));
    (end > start).then(|| classes::run(text, end, |class| is_in::<APART>(class, LOWER)))
}

fn is_in<const APART: bool>(class: u16, wanted: u16) -> bool {
    class & wanted != 0 && !(APART && class & HAN != 0)
}
