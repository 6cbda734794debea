//! The digest of results in the conformance list: SHA-256 of numbers in one fixed form.

use super::case::{Case, Exercise, Word, case, hex, numbers, source, whole};
use hefu_numerics::conformance::{Numbers, Style};
use sha2::{Digest, Sha256};

const MISTAKES: &[&str] = &["big-endian", "nan-as-it-is", "digits", "last-digits"];

pub(super) const EXERCISE: Exercise =
    Exercise { name: "digest", clause: "golden/conformance", mistakes: MISTAKES, cases };

/// Hexadecimal digits that are kept.
const DIGITS: usize = 32;

fn digest(numbers: &[f32], mistake: &str) -> String {
    let mut hasher = Sha256::new();
    for number in numbers {
        let is_plain = !number.is_nan() || mistake == "nan-as-it-is";
        let bits = if is_plain { number.to_bits() } else { 0x7fc0_0000 };
        match mistake {
            "big-endian" => hasher.update(bits.to_be_bytes()),
            "digits" => hasher.update(format!("{bits:08x}")),
            _ => hasher.update(bits.to_le_bytes()),
        }
    }
    let digits = hex(&hasher.finalize());
    if mistake == "last-digits" { digits[digits.len() - DIGITS..].to_owned() } else { digits[..DIGITS].to_owned() }
}

/// Result of the case `sum usual` of the conformance list.
fn sums() -> Vec<f32> {
    let mut source = Numbers::new(7);
    let [a, b] = [(); 2].map(|()| source.activations(1003, Style::Usual));
    a.iter().zip(&b).map(|(a, b)| a + b).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(119, seed);
    let nan = |bits: u32| f32::from_bits(bits);
    let all = [
        ("nothing but one", vec![1.0]),
        ("signed zeros", vec![0.0, -0.0]),
        ("numbers that are none", vec![nan(0x7fc0_0001), 2.0, nan(0xffc0_0000)]),
        ("any bits", source.activations(300, Style::Wild)),
        ("sum usual", sums()),
    ];
    let to_case = |(name, x): (&str, Vec<f32>)| {
        let of = |mistake: &str| vec![Word::Text(digest(&x, mistake))];
        case(name, [vec![whole(x.len() as i64)], numbers(&x)].concat(), of(""), MISTAKES, of)
    };
    all.into_iter().map(to_case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::conformance::expected;

    #[test]
    fn is_the_digest_of_the_list() {
        assert_eq!(expected("sum usual"), Some(&digest(&sums(), "")[..]));
    }
}
