//! Keys in PEM files: P-256 with SHA-256, P-384 with SHA-384.

use super::Error;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};

/// A key that signs.
pub enum SecretKey {
    /// On P-256.
    P256(p256::ecdsa::SigningKey),
    /// On P-384.
    P384(p384::ecdsa::SigningKey),
}

/// A key that checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// On P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// On P-384.
    P384(p384::ecdsa::VerifyingKey),
}

impl SecretKey {
    /// A new key on P-256 from the system's source of randomness.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn create() -> Result<Self, Error> {
        use p256::elliptic_curve::Generate;
        let key = p256::SecretKey::try_generate().map_err(|_| Error::Key("new"))?;
        Ok(Self::P256(key.into()))
    }

    /// Reads a PEM file: `PRIVATE KEY` (PKCS #8) or `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    /// [`Error::Key`] for everything else, encrypted keys included.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Ok(key) =
            p256::SecretKey::from_pkcs8_pem(text).or_else(|_| from_sec1(text, p256::SecretKey::from_sec1_der))
        {
            return Ok(Self::P256(key.into()));
        }
        let key = p384::SecretKey::from_pkcs8_pem(text).or_else(|_| from_sec1(text, p384::SecretKey::from_sec1_der));
        key.map(|key| Self::P384(key.into())).map_err(|_| Error::Key("private"))
    }

    /// The key as a PEM file (PKCS #8).
    ///
    /// # Errors
    /// [`Error::Key`] if it cannot be written down, which does not happen to a valid key.
    pub fn to_pem(&self) -> Result<String, Error> {
        let text = match self {
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
            Self::P384(key) => key.to_pkcs8_pem(LineEnding::LF),
        };
        text.map(|text| text.to_string()).map_err(|_| Error::Key("private"))
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(*key.verifying_key()),
            Self::P384(key) => PublicKey::P384(*key.verifying_key()),
        }
    }

    /// An ECDSA signature in DER. It is deterministic (RFC 6979): no randomness is needed to sign.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer;
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }
}

/// The DER inside a PEM block of the older form, if it is one.
fn from_sec1<K, E>(text: &str, read: impl Fn(&[u8]) -> Result<K, E>) -> Result<K, Error> {
    use base64::Engine;
    const END: &str = "-----END EC PRIVATE KEY-----";
    let inner = text.split_once("-----BEGIN EC PRIVATE KEY-----").and_then(|(_, rest)| rest.split_once(END));
    let inner: String = inner.map(|(inner, _)| inner.split_whitespace().collect()).unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(inner).map_err(|_| Error::Key("private"))?;
    read(&bytes).map_err(|_| Error::Key("private"))
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public().digest())
    }
}

impl PublicKey {
    /// Reads a PEM file: `PUBLIC KEY` (SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// [`Error::Key`] for everything else.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Ok(key) = p256::PublicKey::from_public_key_pem(text) {
            return Ok(Self::P256(key.into()));
        }
        let key = p384::PublicKey::from_public_key_pem(text);
        key.map(|key| Self::P384(key.into())).map_err(|_| Error::Key("public"))
    }

    /// The key as a PEM file.
    ///
    /// # Errors
    /// [`Error::Key`] if it cannot be written down, which does not happen to a valid key.
    pub fn to_pem(&self) -> Result<String, Error> {
        let text = match self {
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P384(key) => key.to_public_key_pem(LineEnding::LF),
        };
        text.map_err(|_| Error::Key("public"))
    }

    /// SHA-256 of the PEM text in hexadecimal, by which signature files name a key.
    ///
    /// # Errors
    /// As [`PublicKey::to_pem`].
    pub fn digest(&self) -> Result<String, Error> {
        Ok(hex(&Sha256::digest(self.to_pem()?)))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        use p256::ecdsa::signature::Verifier;
        let fits = match self {
            Self::P256(key) => p256::ecdsa::DerSignature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::DerSignature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        };
        if fits { Ok(()) } else { Err(Error::Signature) }
    }
}

/// Bytes in hexadecimal, small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
