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
//! because they change no bit. Sampling settings and the seed are not part of it: they are given with the request.

use crate::failure::Failure;
use hefu_model::Config;
use hefu_model::arch::{Mixer, RopeFactors};
use hefu_numerics::kv::Profile;
use hefu_store::{ModelFile, ResolvedModel};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;

/// Bytes that are read and hashed at once.
const READ_BYTES: usize = 1 << 20;
/// Hexadecimal digits of the fingerprint.
const DIGITS: usize = 32;

/// The text described above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a model with a context of so many positions. Files outside the store are hashed, which takes
    /// about a second per gigabyte.
    ///
    /// # Errors
    /// If such a file cannot be read.
    pub(crate) fn of(model: &ResolvedModel, config: &Config, context: usize) -> Result<Self, Failure> {
        let digests = model.files.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
        let Mixer::GroupedQuery(mixer) = config.arch.mixer;
        let long = mixer.rope_factors == RopeFactors::ShortAndLong && context > config.original_context;
        Ok(Self::from_parts(hefu_numerics::CONTRACT_VERSION, &digests, config.cache, long))
    }

    fn from_parts(contract: u32, files: &[String], cache: Profile, long: bool) -> Self {
        let mut text = format!("contract {contract}\n");
        for digest in files {
            text += &format!("file {digest}\n");
        }
        text += &format!("cache {}\n", cache.name());
        if long {
            text += "rope long\n";
        }
        let mut digits = hex(&Sha256::digest(&text));
        digits.truncate(DIGITS);
        Self(format!("hefu{contract}-{digits}"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a file in hexadecimal, as the store knows it or else taken now.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(file: &ModelFile) -> Result<String, Failure> {
    if let Some(known) = file.sha256 {
        return Ok(known.to_string());
    }
    let failed = |error| Failure::file("read", &file.path, error);
    let mut reader = File::open(&file.path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_change_a_bit_changes_the_fingerprint() {
        let file = |text: &str| hex(&Sha256::digest(text));
        let base = Fingerprint::from_parts(1, &[file("a")], Profile::F16, false);
        assert!(base.to_string().starts_with("hefu1-") && base.to_string().len() == 6 + DIGITS);
        for other in [
            Fingerprint::from_parts(2, &[file("a")], Profile::F16, false),
            Fingerprint::from_parts(1, &[file("b")], Profile::F16, false),
            Fingerprint::from_parts(1, &[file("a"), file("b")], Profile::F16, false),
            Fingerprint::from_parts(1, &[file("a")], Profile::Q8, false),
            Fingerprint::from_parts(1, &[file("a")], Profile::F16, true),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_file_outside_the_store_has_the_digest_of_its_bytes() {
        let path = std::env::temp_dir().join(format!("hefu-fingerprint-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        let file = ModelFile { path: path.clone(), size: 3, sha256: None, source: None };
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest(&file).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        std::fs::remove_file(path).unwrap();
    }
}
