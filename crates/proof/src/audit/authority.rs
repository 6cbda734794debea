//! Verification of time stamps by trusted authorities (RFC 3161, section 2.4.2; RFC 5652, section 5).

use super::stamp::{SIGNED_DATA, TST_INFO, content, within};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Purpose that a certificate must have: time stamps (RFC 5280, `id-kp-timeStamping`), as the bytes of its identifier.
const TIME_STAMPING: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 8];
/// Attributes that are signed: what kind of statement it is, its digest, and the digest of the certificate (RFC 5035).
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Authorities whose time stamps are believed, chosen by whoever checks.
#[derive(Debug)]
pub struct Trusted {
    anchors: Vec<TrustAnchor<'static>>,
}

/// The parts of a time stamp that its signature is about.
struct Signed {
    statement: Vec<u8>,
    certificates: Vec<CertificateDer<'static>>,
    /// The signed attributes as they are signed.
    attributes: Vec<u8>,
    digest: ObjectIdentifier,
    signature: Vec<u8>,
}

impl Trusted {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// A sentence, if there is none in it or one cannot be read.
    pub fn from_pem(text: &[u8]) -> Result<Self, String> {
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| format!("it is no list of certificates (PEM): {error}"))?;
            let anchor = anchor_from_trusted_cert(&certificate);
            anchors.push(anchor.map_err(|error| format!("a certificate in it cannot be used: {error}"))?.to_owned());
        }
        if anchors.is_empty() { Err("it holds no certificate (PEM)".to_owned()) } else { Ok(Self { anchors }) }
    }

    /// Checks that one of them answers for an authority's answer, `token` (DER), that states this time.
    ///
    /// # Errors
    /// A sentence: the signature does not fit, or nobody who is trusted answers for who made it.
    pub(super) fn check(&self, token: &[u8], time: &str) -> Result<(), String> {
        let malformed = |error: der::Error| format!("its signature cannot be read: {error}");
        let signed = signed(token).map_err(malformed)?;
        let told = told(&signed.attributes).map_err(malformed)?;
        let digest =
            digest(signed.digest, &signed.statement).ok_or("its digest is none of SHA-256, SHA-384 and SHA-512")?;
        if told.content_type != Some(TST_INFO) || told.digest.as_deref() != Some(&digest) {
            return Err("its signature is of something else".to_owned());
        }
        let time = seconds(time).ok_or("its time cannot be read")?;
        let mut reason = "its signature fits none of its certificates".to_owned();
        for certificate in &signed.certificates {
            let Ok(signer) = EndEntityCert::try_from(certificate) else { continue };
            let has_signed = ALL_VERIFICATION_ALGS
                .iter()
                .any(|way| signer.verify_signature(*way, &signed.attributes, &signed.signature).is_ok());
            if !has_signed || told.certificate.as_ref().is_some_and(|own| own[..] != Sha256::digest(certificate)[..]) {
                continue;
            }
            let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
            let usage = KeyUsage::required(TIME_STAMPING);
            let others = &signed.certificates;
            match signer.verify_for_usage(ALL_VERIFICATION_ALGS, &self.anchors, others, time, usage, None, None) {
                Ok(_) => return Ok(()),
                Err(error) => reason = format!("nobody who is trusted answers for who signed it: {error}"),
            }
        }
        Err(reason)
    }
}

/// Content of the signed attributes.
#[derive(Default)]
struct Told {
    content_type: Option<ObjectIdentifier>,
    digest: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
}

fn told(attributes: &[u8]) -> der::Result<Told> {
    let mut told = Told::default();
    let mut all = within(AnyRef::from_der(attributes)?, Tag::Set)?;
    while !all.is_finished() {
        let mut attribute = within(AnyRef::decode(&mut all)?, Tag::Sequence)?;
        let kind = ObjectIdentifier::decode(&mut attribute)?;
        let mut values = within(AnyRef::decode(&mut attribute)?, Tag::Set)?;
        match kind {
            CONTENT_TYPE => told.content_type = Some(ObjectIdentifier::decode(&mut values)?),
            MESSAGE_DIGEST => told.digest = Some(<&OctetStringRef>::decode(&mut values)?.as_bytes().to_vec()),
            SIGNING_CERTIFICATE => told.certificate = certificate_digest(values)?,
            _ => {}
        }
    }
    Ok(told)
}

/// The SHA-256 of the signer's certificate, if it is stated so (`SigningCertificateV2`).
fn certificate_digest(mut values: SliceReader<'_>) -> der::Result<Option<Vec<u8>>> {
    let mut list = within(AnyRef::decode(&mut values)?, Tag::Sequence)?;
    let mut certificates = within(AnyRef::decode(&mut list)?, Tag::Sequence)?;
    let mut first = within(AnyRef::decode(&mut certificates)?, Tag::Sequence)?;
    let mut value = AnyRef::decode(&mut first)?;
    if value.tag() == Tag::Sequence {
        if ObjectIdentifier::decode(&mut within(value, Tag::Sequence)?)? != SHA_256 {
            return Ok(None);
        }
        value = AnyRef::decode(&mut first)?;
    }
    Ok((value.tag() == Tag::OctetString).then(|| value.value().to_vec()))
}

fn digest(kind: ObjectIdentifier, bytes: &[u8]) -> Option<Vec<u8>> {
    match kind {
        SHA_256 => Some(Sha256::digest(bytes).to_vec()),
        SHA_384 => Some(Sha384::digest(bytes).to_vec()),
        SHA_512 => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// Takes an answer apart (`TimeStampResp`, `SignedData`, the first `SignerInfo`).
fn signed(answer: &[u8]) -> der::Result<Signed> {
    let list = |number| Tag::ContextSpecific { constructed: true, number: TagNumber(number) };
    let mut reader = within(AnyRef::from_der(answer)?, Tag::Sequence)?;
    AnyRef::decode(&mut reader)?;
    let mut outer = content(&mut within(AnyRef::decode(&mut reader)?, Tag::Sequence)?, SIGNED_DATA)?;
    let mut data = within(AnyRef::decode(&mut outer)?, Tag::Sequence)?;
    u8::decode(&mut data)?;
    AnyRef::decode(&mut data)?;
    let mut inner = content(&mut within(AnyRef::decode(&mut data)?, Tag::Sequence)?, TST_INFO)?;
    let statement = <&OctetStringRef>::decode(&mut inner)?.as_bytes().to_vec();
    let (mut certificates, mut signers) = (Vec::new(), None);
    while !data.is_finished() {
        let part = AnyRef::decode(&mut data)?;
        if part.tag() == list(0) {
            let mut all = SliceReader::new(part.value())?;
            while !all.is_finished() {
                certificates.push(CertificateDer::from(AnyRef::decode(&mut all)?.to_der()?));
            }
        } else if part.tag() == Tag::Set {
            signers = Some(part);
        }
    }
    let mut signers = within(signers.ok_or_else(|| Tag::Set.value_error())?, Tag::Set)?;
    let mut signer = within(AnyRef::decode(&mut signers)?, Tag::Sequence)?;
    u8::decode(&mut signer)?;
    // Who it is, is found by trying: there are few certificates.
    AnyRef::decode(&mut signer)?;
    let digest = ObjectIdentifier::decode(&mut within(AnyRef::decode(&mut signer)?, Tag::Sequence)?)?;
    let attributes = AnyRef::decode(&mut signer)?;
    if attributes.tag() != list(0) {
        return Err(attributes.tag().value_error().into());
    }
    // They are signed as the set that they are, whatever they are tagged as here.
    let attributes = AnyRef::new(Tag::Set, attributes.value())?.to_der()?;
    AnyRef::decode(&mut signer)?;
    let signature = <&OctetStringRef>::decode(&mut signer)?.as_bytes().to_vec();
    Ok(Signed { statement, certificates, attributes, digest, signature })
}

/// Seconds since 1970 of a time such as `20261124123456.5Z`.
fn seconds(time: &str) -> Option<u64> {
    let digits = time.get(..14).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u8>().ok();
    let year = digits.get(..4)?.parse().ok()?;
    let date = der::DateTime::new(year, number(4, 6)?, number(6, 8)?, number(8, 10)?, number(10, 12)?, number(12, 14)?);
    Some(date.ok()?.unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::Token;
    use super::*;
    use crate::digest::Digest;
    use std::path::Path;

    fn golden(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/stamps").join(name)).unwrap()
    }

    fn checked(token: &[u8], trusted: &str) -> Result<(), String> {
        let time = Token::read(token)?.time;
        Trusted::from_pem(&golden(trusted)).unwrap().check(token, &time)
    }

    #[test]
    fn stamps_of_a_trusted_authority_are_good_and_no_others() {
        for name in ["rsa.tsr", "ec.tsr"] {
            let token = golden(name);
            assert_eq!(Token::read(&token).unwrap().imprint, Digest::of(&[b"checkpoint"]));
            assert_eq!(checked(&token, "authority.pem"), Ok(()), "{name}");
            let strange = checked(&token, "stranger.pem").unwrap_err();
            assert!(strange.contains("nobody who is trusted"), "{strange}");
        }
        let purpose = checked(&golden("server.tsr"), "authority.pem").unwrap_err();
        assert!(purpose.contains("nobody who is trusted"), "{purpose}");
        assert!(Trusted::from_pem(b"").is_err() && Trusted::from_pem(&golden("rsa.tsr")).is_err());
    }

    #[test]
    fn no_changed_bit_of_a_stamp_goes_unnoticed_where_it_matters() {
        let (good, mut unnoticed) = (golden("ec.tsr"), 0);
        let told = Token::read(&good).unwrap();
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            let same = Token::read(&changed).is_ok_and(|token| token == told);
            if checked(&changed, "authority.pem").is_ok() {
                assert!(same, "byte {at}");
                unnoticed += 1;
            }
        }
        // Unsigned parts, such as the names of algorithms and certificates that are not needed.
        assert!(unnoticed < good.len() / 2, "{unnoticed} of {}", good.len());
        assert!((0..good.len()).all(|end| checked(&good[..end], "authority.pem").is_err()));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(seconds("19700101000001Z"), Some(1));
        assert_eq!(seconds("20261124123456.5Z"), Some(1_795_523_696));
        assert_eq!(seconds("20261324123456Z"), None);
        assert_eq!(seconds("2026"), None);
    }
}
