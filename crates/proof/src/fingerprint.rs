//! Fingerprint: all that two answers must share to be comparable bit for bit.
//!
//! # Definition
//! `hefu1-` and the first 32 hexadecimal digits of the SHA-256 of these lines, each ended by a line feed:
//!
//! ```text
//! contract <version of the numeric contract>
//! file <SHA-256 of the model's file>                 one line per file, in order
//! cache <f16 or q8>
//! rope long                                          only if long-context factors are in use (LongRoPE)
//! ```
//!
//! The digest of the whole file stands for every tensor's bytes and every number of its metadata. Instruction set,
//! number of threads, size of the prefill's chunks and, but for the last line, the size of the context are left out
//! because they change no bit. Sampling settings and the seed are not part of it: they are given with the request. So are
//! the tokens of the prompt, so that a template given in place of the model's own is not part of it either.

use crate::digest::Digest;
use std::fmt;

/// Hexadecimal digits of the fingerprint.
const DIGITS: usize = 32;

/// The text described above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

/// Everything that goes into a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintInput {
    /// Version of the numeric contract.
    pub contract: u32,
    /// SHA-256 of each file, in order.
    pub files: Vec<String>,
    /// Format of cached keys and values: `f16`, `q8` or `i8`.
    pub cache: &'static str,
    /// Variants of the program beside the file's plain one, `rope long` above all.
    pub variants: Vec<String>,
}

impl FingerprintInput {
    /// The lines that are hashed.
    pub fn text(&self) -> String {
        let mut text = format!("contract {}\n", self.contract);
        for digest in &self.files {
            text += &format!("file {digest}\n");
        }
        text += &format!("cache {}\n", self.cache);
        for variant in &self.variants {
            text += &format!("{variant}\n");
        }
        text
    }

    /// Their fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digits = Digest::of(&[self.text().as_bytes()]).to_string();
        digits.truncate(DIGITS);
        Fingerprint(format!("hefu{}-{digits}", self.contract))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_change_a_bit_changes_the_fingerprint() {
        let file = |text: &str| Digest::of(&[text.as_bytes()]).to_string();
        let of = |contract, files: &[String], cache, long: bool| {
            let variants = long.then(|| "rope long".to_owned()).into_iter().collect();
            FingerprintInput { contract, files: files.to_vec(), cache, variants }.fingerprint()
        };
        let base = of(1, &[file("a")], "f16", false);
        assert!(base.to_string().starts_with("hefu1-") && base.to_string().len() == 6 + DIGITS);
        for other in [
            of(2, &[file("a")], "f16", false),
            of(1, &[file("b")], "f16", false),
            of(1, &[file("a"), file("b")], "f16", false),
            of(1, &[file("a")], "q8", false),
            of(1, &[file("a")], "f16", true),
        ] {
            assert_ne!(base, other);
        }
    }
}
