//! Cases of an exercise: input, right output, and the output of each known mistake.

use hefu_numerics::conformance::Numbers;
use std::fmt;

/// One word of a line, as it goes to a program or comes from it.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// A binary32: the eight hexadecimal digits of its bits.
    Number(f32),
    /// A whole number in decimal.
    Whole(i128),
    /// A name, or bytes in hexadecimal digits.
    Text(String),
}

/// One line of input with the line that must come out.
#[derive(Debug, Clone)]
pub struct Case {
    /// Description in a word or two.
    pub name: String,
    /// Input of the program.
    pub input: Vec<Word>,
    /// Result by the contract.
    pub right: Vec<Word>,
    /// Results of the exercise's mistakes, in their order.
    pub mistaken: Vec<Vec<Word>>,
    /// Result of the clause that the mistakes were made from.
    #[cfg(test)]
    pub(super) unmistaken: Vec<Word>,
}

/// A clause to be written by a learner.
#[derive(Debug)]
pub struct Exercise {
    /// Its name, which is also that of the learner's file.
    pub name: &'static str,
    /// The clause, as documents number it.
    pub clause: &'static str,
    /// Names of the mistakes that are known by what they compute.
    pub mistakes: &'static [&'static str],
    /// Makes the cases by a seed: 0 for those of the lesson, which are the same everywhere; any other for numbers of one's own.
    pub cases: fn(u64) -> Vec<Case>,
}

impl Word {
    /// True if two words are the same to the bit; any two NaN are.
    pub fn equals(&self, other: &Word) -> bool {
        match (self, other) {
            (Word::Number(a), Word::Number(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
            _ => self == other,
        }
    }

    /// Reads what a program wrote in the place of this word; `None` if it is not of its kind.
    pub fn read_like(&self, text: &str) -> Option<Word> {
        match self {
            Word::Number(_) => {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let is_hex = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).map(|bits| Word::Number(f32::from_bits(bits)))
            }
            Word::Whole(_) => text.parse().ok().map(Word::Whole),
            Word::Text(_) => Some(Word::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Number(number) => write!(f, "{:08x}", number.to_bits()),
            Word::Whole(number) => write!(f, "{number}"),
            Word::Text(text) => f.write_str(text),
        }
    }
}

/// Where the numbers of an exercise come from, by the exercise's own number and the seed of the cases.
pub(super) fn source(exercise: u64, seed: u64) -> Numbers {
    // Far from one another, so that no seed has the numbers of another exercise.
    Numbers::new(exercise.wrapping_add(seed.wrapping_mul(0xd134_2543_de82_ef95)))
}

/// Numbers as words.
pub(super) fn numbers(numbers: &[f32]) -> Vec<Word> {
    numbers.iter().map(|number| Word::Number(*number)).collect()
}

/// A whole number as a word.
pub(super) fn whole(number: impl Into<i128>) -> Word {
    Word::Whole(number.into())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A case whose mistakes are computed by one function, which is told the mistake's name; without a name it makes none.
pub(super) fn case(
    name: impl Into<String>,
    input: Vec<Word>,
    right: Vec<Word>,
    mistakes: &[&str],
    mistaken: impl Fn(&str) -> Vec<Word>,
) -> Case {
    Case {
        name: name.into(),
        input,
        right,
        mistaken: mistakes.iter().map(|mistake| mistaken(mistake)).collect(),
        #[cfg(test)]
        unmistaken: mistaken(""),
    }
}
