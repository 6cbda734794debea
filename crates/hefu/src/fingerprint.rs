//! What two answers must share to be comparable bit for bit.
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

use crate::digests;
use crate::failure::Failure;
use crate::units::hex;
use hefu_numerics::kv::Profile;
use hefu_numerics::program::Program;
use hefu_store::{ModelFile, ResolvedModel};
use sha2::{Digest, Sha256};
use std::fmt;

/// Hexadecimal digits of the fingerprint.
const DIGITS: usize = 32;

/// The text described above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

/// Everything that goes into a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FingerprintInput {
    /// Version of the numeric contract.
    pub(crate) contract: u32,
    /// SHA-256 of each file, in order.
    pub(crate) files: Vec<String>,
    /// What cached keys and values are made of.
    pub(crate) cache: Profile,
    /// What makes the program another one than the file's plain one, `rope long` above all.
    pub(crate) variants: Vec<String>,
}

impl FingerprintInput {
    /// What goes into the fingerprint of a model that runs this program. Files outside the store are hashed unless that was
    /// done before.
    ///
    /// # Errors
    /// If such a file cannot be read.
    pub(crate) fn of(model: &ResolvedModel, program: &Program) -> Result<Self, Failure> {
        let files = model.files.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
        let (cache, variants) = (program.profile, program.variants.clone());
        Ok(Self { contract: hefu_numerics::CONTRACT_VERSION, files, cache, variants })
    }

    /// The lines that are hashed.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("contract {}\n", self.contract);
        for digest in &self.files {
            text += &format!("file {digest}\n");
        }
        text += &format!("cache {}\n", self.cache.name());
        for variant in &self.variants {
            text += &format!("{variant}\n");
        }
        text
    }

    /// Their fingerprint.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut digits = hex(&Sha256::digest(self.text()));
        digits.truncate(DIGITS);
        Fingerprint(format!("hefu{}-{digits}", self.contract))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a file in hexadecimal: of a stored one as it was checked when the model was found, of another as noted
/// before, or else taken now.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(file: &ModelFile) -> Result<String, Failure> {
    file.sha256.map_or_else(|| digests::of_file(&file.path), |known| Ok(known.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_change_a_bit_changes_the_fingerprint() {
        let file = |text: &str| hex(&Sha256::digest(text));
        let of = |contract, files: &[String], cache, long: bool| {
            let variants = long.then(|| "rope long".to_owned()).into_iter().collect();
            FingerprintInput { contract, files: files.to_vec(), cache, variants }.fingerprint()
        };
        let base = of(1, &[file("a")], Profile::F16, false);
        assert!(base.to_string().starts_with("hefu1-") && base.to_string().len() == 6 + DIGITS);
        for other in [
            of(2, &[file("a")], Profile::F16, false),
            of(1, &[file("b")], Profile::F16, false),
            of(1, &[file("a"), file("b")], Profile::F16, false),
            of(1, &[file("a")], Profile::Q8, false),
            of(1, &[file("a")], Profile::F16, true),
        ] {
            assert_ne!(base, other);
        }
    }
}
