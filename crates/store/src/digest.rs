//! SHA-256 digests: their text form, and hashing while bytes go by.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// Bytes in a SHA-256 digest.
pub(crate) const DIGEST_BYTES: usize = 32;
/// Bytes read at a time when a whole file is hashed or copied.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;

/// A SHA-256 digest (FIPS 180-4). Its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// The digest of bytes that are already in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.digest()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = String;

    /// Reads 64 hexadecimal digits, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("`{text}` is not a SHA-256 digest of 64 hexadecimal digits");
        let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        let mut bytes = [0; DIGEST_BYTES];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(malformed());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
            *byte = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low).ok_or_else(malformed)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A digest under way.
#[derive(Clone)]
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything so far; more may still be added.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }

    /// Hashes a reader to its end; `each` is told the bytes hashed so far and may stop it with an error.
    pub(crate) fn update_from<E: From<io::Error>>(
        &mut self,
        mut reader: impl Read,
        mut each: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut done = 0;
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => return Ok(done),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.update(chunk.get(..count).unwrap_or_default());
            done += count as u64;
            each(done)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_example_has_its_known_digest() {
        // FIPS 180-4, example for the three bytes "abc".
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), known);
        assert_eq!(known.to_uppercase().parse(), Ok(Digest::of(b"abc")));
        assert_eq!(format!("sha256:{known}").parse(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        let known = Digest::of(b"abc").to_string();
        for text in [
            "",
            "ba78",
            &known[1..],
            &format!("{known}0"),
            &format!("g{}", &known[1..]),
            &format!("é{}", &known[2..]),
            &format!("+{}", &known[1..]),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_reader_gives_the_same_digest_as_its_bytes() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 17).map(|i| i as u8).collect();
        let mut hasher = Hasher::new();
        let mut seen = 0;
        let count = hasher
            .update_from(&bytes[..], |done| {
                seen = done;
                Ok::<(), io::Error>(())
            })
            .unwrap();
        assert_eq!(count, bytes.len() as u64);
        assert_eq!(seen, count);
        assert_eq!(hasher.digest(), Digest::of(&bytes));
    }
}
