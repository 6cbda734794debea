//! Cuts in and around runs of digits and line ends.
use super::classes::{self, DIGIT, END, NUMBER, WORD};

/// Cuts each run of digits into threes from its right end, as one writes thousands: `(?=(\d{3})+(?!\d))`.
pub(super) fn thousands(text: &str, ends: &mut Vec<usize>) {
    runs(text, DIGIT, |digits, _| {
        let offset = digits.len() % 3;
        ends.extend(digits.iter().skip(offset).step_by(3));
    });
}

/// Sets runs of digits apart and cuts them into threes from their right end, unless a word goes on after them:
/// `\d{1,3}(?=(?:\d{3})*\b)`, Oniguruma deciding what a word is.
pub(super) fn thousands_apart(text: &str, ends: &mut Vec<usize>) {
    runs(text, DIGIT, |digits, end| {
        if classes::at(text, end).0 & WORD == 0 {
            set_apart(digits, end, ends);
        }
    });
}

/// Sets runs of numbers apart and cuts them into threes from their right end: `\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))`.
pub(super) fn numbers_apart(text: &str, ends: &mut Vec<usize>) {
    runs(text, NUMBER, |digits, end| set_apart(digits, end, ends));
}

/// Cuts before each run of line ends: `(?=\r\n)(?<!\n)|(?<![\r\n])(?=\n)`.
pub(super) fn before_lines(text: &str, ends: &mut Vec<usize>) {
    let bytes = text.as_bytes();
    let mut before = None;
    for (at, byte) in bytes.iter().enumerate() {
        let is_pair = *byte == b'\r' && bytes.get(at + 1) == Some(&b'\n') && before != Some(b'\n');
        if is_pair || *byte == b'\n' && !matches!(before, Some(b'\r' | b'\n')) {
            ends.push(at);
        }
        before = Some(*byte);
    }
}

fn set_apart(digits: &[usize], end: usize, ends: &mut Vec<usize>) {
    let offset = digits.len() % 3;
    ends.extend(digits.first().filter(|_| offset > 0));
    ends.extend(digits.iter().skip(offset).step_by(3));
    ends.push(end);
}

/// Hands the places of the characters of each run of a class, and where it ends, to `each`.
fn runs(text: &str, wanted: u16, mut each: impl FnMut(&[usize], usize)) {
    let mut at = 0;
    while at < text.len() {
        let mut digits = Vec::new();
        loop {
            let (class, length) = classes::at(text, at);
            if class & wanted == 0 {
                if !digits.is_empty() {
                    each(&digits, at);
                }
                at += if class & END == 0 { length } else { 0 };
                break;
            }
            digits.push(at);
            at += length;
        }
    }
}
