//! The pattern of GPT-4 and its many descendants (Llama 3, Qwen 2, …).
//!
//! Alternatives, tried in this order at each position:
//! 1. an English contraction: `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
//! 2. a word with at most one leading sign or space: `[^\r\n\p{L}\p{N}]?\p{L}+`
//! 3. a short number: `\p{N}{1,3}`
//! 4. signs with at most one leading space: ` ?[^\s\p{L}\p{N}]+[\r\n]*`
//! 5. white space up to its last line end: `\s*[\r\n]+`
//! 6. white space, less its last character if a word follows: `\s+(?!\S)`, `\s+`
use super::classes::{self, END, LETTER, MARK, NUMBER, SPACE};

/// The match at byte offset `start`. `MARKS`: combining marks count as letters. `DIGITS`: the longest number.
pub(super) fn scan<const MARKS: bool, const DIGITS: usize>(text: &str, start: usize) -> Option<usize> {
    let letter = if MARKS { LETTER | MARK } else { LETTER };
    let (first, length) = classes::at(text, start);
    let byte = text.as_bytes().get(start).copied()?;
    if byte == b'\''
        && let Some(end) = contraction(text, start, true)
    {
        return Some(end);
    }
    if first & letter != 0 {
        return Some(classes::run(text, start + length, |class| class & letter != 0));
    }
    if first & NUMBER != 0 {
        return Some(number(text, start, DIGITS));
    }
    if !is_line_end(byte) {
        let end = classes::run(text, start + length, |class| class & letter != 0);
        if end > start + length {
            return Some(end);
        }
    }
    signs(text, start, |class| class & (letter | NUMBER | SPACE) == 0, is_line_end)
        .or_else(|| white_space(text, start, true))
}

/// Cuts as Jais 2 does: as `scan` with numbers of three digits, but white space in lengths that are powers of two.
pub(super) fn cut_jais_2(text: &str, ends: &mut Vec<usize>) {
    const LENGTHS: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];
    let mut at = 0;
    while at < text.len() {
        let end = scan::<false, 3>(text, at).unwrap_or_else(|| at + classes::at(text, at).1);
        let found = text.get(at..end).unwrap_or_default();
        if found.chars().all(char::is_whitespace) && !found.ends_with(['\r', '\n']) {
            let places: Vec<usize> = found.char_indices().map(|(place, _)| at + place).collect();
            let mut taken = 0;
            while let Some(length) = LENGTHS.into_iter().find(|length| *length <= places.len() - taken) {
                taken += length;
                ends.extend(places.get(taken));
            }
        }
        ends.push(end);
        at = end;
    }
}

/// `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe. Ignoring case means Unicode's simple folding, under which the long s
/// (U+017F) is an s.
pub(super) fn contraction(text: &str, start: usize, ignore_case: bool) -> Option<usize> {
    let after = text.as_bytes().get(start + 1..)?;
    let letter = |index: usize| {
        let byte = after.get(index).copied().unwrap_or(0);
        if ignore_case { byte.to_ascii_lowercase() } else { byte }
    };
    let length = match (letter(0), letter(1)) {
        (b's' | b't' | b'm' | b'd', _) => 1,
        (b'r' | b'v', b'e') | (b'l', b'l') => 2,
        (0xC5, 0xBF) if ignore_case => 2,
        _ => return None,
    };
    Some(start + 1 + length)
}

/// `\p{N}{1,limit}`, which matches at `start`.
pub(super) fn number(text: &str, start: usize, limit: usize) -> usize {
    let mut end = start;
    for _ in 0..limit {
        let (class, length) = classes::at(text, end);
        if class & NUMBER == 0 {
            break;
        }
        end += length;
    }
    end
}

/// ` ?[sign]+` and then any bytes that `tail` accepts.
pub(super) fn signs(text: &str, start: usize, sign: impl Fn(u16) -> bool, tail: impl Fn(u8) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let body = start + usize::from(bytes.get(start) == Some(&b' '));
    let mut end = classes::run(text, body, sign);
    if end == body {
        return None;
    }
    while bytes.get(end).copied().is_some_and(&tail) {
        end += 1;
    }
    Some(end)
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+`, or without its first alternative unless `lines`.
pub(super) fn white_space(text: &str, start: usize, lines: bool) -> Option<usize> {
    let (mut end, mut last, mut line_end) = (start, start, None);
    loop {
        let (class, length) = classes::at(text, end);
        if class & SPACE == 0 {
            break;
        }
        last = end;
        end += length;
        if text.as_bytes().get(last).copied().is_some_and(is_line_end) {
            line_end = Some(end);
        }
    }
    let at_text_end = classes::at(text, end).0 & END != 0;
    match line_end {
        _ if end == start => None,
        Some(line_end) if lines => Some(line_end),
        _ if at_text_end || last == start => Some(end),
        _ => Some(last),
    }
}

/// `[\r\n]`
pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}
