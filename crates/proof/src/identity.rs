//! The key of an instance: what signs its receipts and the checkpoints of its log, and what they are checked with.

use crate::digest::{Digest, from_hex, to_hex};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Domain prefix of the signature of a person's name.
const USER: &[u8] = b"hefu user 1\n";
/// Longest key file that is read, in bytes.
const MAX_KEY_BYTES: u64 = 4096;

/// An instance's private key (ed25519, RFC 8032).
#[derive(Clone)]
pub struct Identity(SigningKey);

/// The public half of an [`Identity`]. Its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// A signature. Its text form is 128 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; 64]);

/// Reason why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read or written.
    #[error("cannot {action} the key file {}: {source}", path.display())]
    File {
        /// Action that was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} is no private ed25519 key in PKCS #8 PEM; move it away, and the next use makes a new one", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Others of this machine could read the key.
    #[error("the key file {} can be read by others (mode {mode:o}); protect it: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers for a new key: {0}")]
    Random(getrandom::Error),
}

impl Identity {
    /// The key in a file (PKCS #8 PEM); made there, readable by its owner alone, if there is none. Of two programs that
    /// do so at once both get the same key.
    ///
    /// # Errors
    /// A file that cannot be read or written, is no key, or is open to others.
    pub fn open_or_create(path: &Path) -> Result<Self, IdentityError> {
        match Self::open(path) {
            Err(IdentityError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let new = Self::random()?;
        new.write_new(path)?;
        // Whoever was first decides.
        Self::open(path)
    }

    /// The key in a file.
    ///
    /// # Errors
    /// As [`Identity::open_or_create`]; a file that is not there is [`io::ErrorKind::NotFound`].
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::File { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        check_mode(&file, path)?;
        let mut text = String::new();
        file.take(MAX_KEY_BYTES).read_to_string(&mut text).map_err(failed)?;
        let key = SigningKey::from_pkcs8_pem(&text);
        key.map(Self).map_err(|_| IdentityError::Malformed { path: path.to_owned() })
    }

    /// A new key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, IdentityError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(IdentityError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that follows from 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message, which begins with what it is so that no signature is taken for another kind of statement.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// Pseudonym of a person in records: the SHA-256 of the key's signature of the name. It is always the same for the same
    /// name, and whoever lacks the key can neither make it nor try names until one fits.
    pub fn pseudonym(&self, user: &str) -> Digest {
        Digest::of(&[&self.sign(&[USER, user.as_bytes()].concat()).0])
    }

    /// Writes the key to a file that is not there yet; if it is there by now, it stays as it is.
    fn write_new(&self, path: &Path) -> Result<(), IdentityError> {
        let failed = |source| IdentityError::File { action: "write", path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = self.0.to_pkcs8_pem(LineEnding::LF);
        let text = text.map_err(|error| failed(io::Error::other(error.to_string())))?;
        // Whole or absent: written beside its place, then linked there unless somebody was faster.
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&beside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        let linked = written.and_then(|()| fs::hard_link(&beside, path));
        let _ = fs::remove_file(&beside);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

/// Refuses a private key that others can read, as `ssh` does.
#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata();
    let metadata = metadata.map_err(|source| IdentityError::File { action: "read", path: path.to_owned(), source })?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => Err(IdentityError::Exposed { path: path.to_owned(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), IdentityError> {
    Ok(())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(of {})", self.public())
    }
}

impl PublicKey {
    /// True if the signature is this key's, of this message (the strict rules of RFC 8032).
    pub fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }

    /// In PEM, as other programs read it.
    pub fn to_pem(&self) -> String {
        // Fails only for keys that have no encoding; every ed25519 key has one.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// From 64 hexadecimal digits, or from PEM.
    ///
    /// # Errors
    /// A sentence, for anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let of_digits = || from_hex::<32>(text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let key = of_digits().or_else(|| VerifyingKey::from_public_key_pem(text).ok()).map(Self);
        key.ok_or_else(|| {
            "a public key is 64 lower-case hexadecimal digits (`hefu identity` shows them) or PEM".to_owned()
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let key = from_hex::<32>(&text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or_else(|| "it is no ed25519 public key of 64 lower-case hexadecimal digits".to_owned())
    }
}

impl Signature {
    /// The signature that 64 bytes are.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", to_hex(&self.0))
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        to_hex(&signature.0)
    }
}

impl TryFrom<String> for Signature {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        from_hex(&text).map(Self).ok_or_else(|| "a signature has 128 lower-case hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/identity.pem");
        let first = Identity::open_or_create(&path).unwrap();
        assert_eq!(Identity::open_or_create(&path).unwrap().public(), first.public());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
            let said = Identity::open_or_create(&path).unwrap_err().to_string();
            assert!(said.contains("640") && said.contains("chmod 600"), "{said}");
            fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        }
        fs::write(&path, "no key").unwrap();
        assert!(matches!(Identity::open_or_create(&path), Err(IdentityError::Malformed { .. })));
    }

    #[test]
    fn a_pseudonym_is_what_openssl_makes_of_the_name() {
        // printf 'hefu user 1\nmei' > m; openssl pkeyutl -sign -rawin -inkey KEY -in m | sha256sum
        let mei = Identity::from_seed(&[5; 32]).pseudonym("mei");
        assert_eq!(mei.to_string(), "083e4fcd828bba1f1ac2ef1d7fd9b527b94bbb3bef84d89cc2591d0f1b54a41c");
        assert_ne!(Identity::from_seed(&[6; 32]).pseudonym("mei"), mei);
        assert_ne!(Identity::from_seed(&[5; 32]).pseudonym("mei "), mei);
    }

    #[test]
    fn programs_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.pem");
        // Threads share a process id and so the temporary name; programs do not. One after another is the same race
        // seen from the second: the link is refused and the first key read.
        let keys = [Identity::random().unwrap(), Identity::random().unwrap()];
        keys.iter().for_each(|key| key.write_new(&path).unwrap());
        assert_eq!(Identity::open(&path).unwrap().public(), keys[0].public());
    }

    #[test]
    fn signatures_are_of_one_message_by_one_key() {
        // RFC 8032, section 7.1, test 2.
        let seed = from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = Identity::from_seed(&seed);
        assert_eq!(key.public().to_string(), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = key.sign(&[0x72]);
        assert!(
            String::from(signature).starts_with("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")
        );
        assert!(key.public().has_signed(&[0x72], &signature) && !key.public().has_signed(&[0x73], &signature));
        assert!(!Identity::from_seed(&[7; 32]).public().has_signed(&[0x72], &signature));
        for text in [key.public().to_string(), key.public().to_pem()] {
            assert_eq!(PublicKey::parse(&text), Ok(key.public()));
        }
        assert!(PublicKey::parse("3d40").is_err());
    }
}
