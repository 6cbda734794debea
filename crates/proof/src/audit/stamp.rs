//! Time stamps of RFC 3161: what is sent to an authority, and what is read of its answer.
//!
//! Whether the authority's signature is good, [`super::Trusted`] says by certificates that whoever checks has chosen.

use super::rows::Stamp;
use crate::digest::{Digest, from_hex_bytes};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// SHA-256 (RFC 5754).
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// Signed data (RFC 5652).
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// Content type of a time stamp's signature (RFC 3161).
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// The greatest status of an answer that holds a stamp: granted, or granted with changes.
const GRANTED: u8 = 1;

/// Content of a time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The digest that it is of.
    pub imprint: Digest,
    /// Time when that was there, in the authority's words: `20261124123456Z`, in UTC.
    pub time: String,
}

/// A question for an authority: a stamp of this digest, with the authority's certificate (`TimeStampReq`, DER).
///
/// # Errors
/// A sentence, if the system gives no random numbers.
pub fn request(imprint: &Digest) -> Result<Vec<u8>, String> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    // Positive, and in its shortest form.
    nonce[0] = nonce[0] & 0x3F | 0x40;
    encode(imprint, &nonce).map_err(|error| format!("the question for a time stamp cannot be written: {error}"))
}

fn encode(imprint: &Digest, nonce: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = sequence(&[&SHA_256.to_der()?])?;
    let message = sequence(&[&algorithm, &OctetStringRef::new(&imprint.0)?.to_der()?])?;
    let nonce = AnyRef::new(Tag::Integer, nonce)?.to_der()?;
    sequence(&[&1_u8.to_der()?, &message, &nonce, &true.to_der()?])
}

fn sequence(parts: &[&[u8]]) -> der::Result<Vec<u8>> {
    let body = parts.concat();
    AnyRef::new(Tag::Sequence, &body)?.to_der()
}

impl Stamp {
    /// Content of its token.
    ///
    /// # Errors
    /// A sentence, if it says nothing.
    pub fn read(&self) -> Result<Token, String> {
        let bytes = from_hex_bytes(&self.token).ok_or("it is not written in hexadecimal digits")?;
        Token::read(&bytes)
    }

    /// The authority's answer as other programs take it (DER).
    pub fn der(&self) -> Option<Vec<u8>> {
        from_hex_bytes(&self.token)
    }
}

impl Token {
    /// Reads an authority's answer (`TimeStampResp`, DER).
    ///
    /// # Errors
    /// A sentence: it is no such answer, grants no stamp, or stamps no SHA-256.
    pub fn read(answer: &[u8]) -> Result<Self, String> {
        let malformed = |error: der::Error| format!("it is no answer of a time-stamping authority: {error}");
        let (status, info) = parts(answer).map_err(malformed)?;
        if status > GRANTED {
            return Err(format!("the authority grants no time stamp (status {status} of RFC 3161)"));
        }
        let info = info.ok_or("the authority's answer holds no time stamp")?;
        let (algorithm, imprint, time) = said(&info).map_err(malformed)?;
        let imprint = Digest::from_slice(&imprint).filter(|_| algorithm == SHA_256);
        Ok(Self { imprint: imprint.ok_or("the time stamp is not of a SHA-256")?, time })
    }
}

/// The status of an answer, and what its time stamp is a signature of.
fn parts(answer: &[u8]) -> der::Result<(u8, Option<Vec<u8>>)> {
    let mut reader = within(AnyRef::from_der(answer)?, Tag::Sequence)?;
    let mut status = within(AnyRef::decode(&mut reader)?, Tag::Sequence)?;
    let granted = u8::decode(&mut status)?;
    if reader.is_finished() {
        return Ok((granted, None));
    }
    // ContentInfo, SignedData, EncapsulatedContentInfo (RFC 5652, sections 3, 5.1 and 5.2).
    let mut signed = content(&mut within(AnyRef::decode(&mut reader)?, Tag::Sequence)?, SIGNED_DATA)?;
    let mut signed = within(AnyRef::decode(&mut signed)?, Tag::Sequence)?;
    u8::decode(&mut signed)?;
    AnyRef::decode(&mut signed)?;
    let mut inner = content(&mut within(AnyRef::decode(&mut signed)?, Tag::Sequence)?, TST_INFO)?;
    Ok((granted, Some(<&OctetStringRef>::decode(&mut inner)?.as_bytes().to_vec())))
}

/// Algorithm, digest and time of a `TSTInfo`.
fn said(info: &[u8]) -> der::Result<(ObjectIdentifier, Vec<u8>, String)> {
    let mut reader = within(AnyRef::from_der(info)?, Tag::Sequence)?;
    u8::decode(&mut reader)?;
    // The authority's policy.
    AnyRef::decode(&mut reader)?;
    let mut message = within(AnyRef::decode(&mut reader)?, Tag::Sequence)?;
    let mut algorithm = within(AnyRef::decode(&mut message)?, Tag::Sequence)?;
    let algorithm = ObjectIdentifier::decode(&mut algorithm)?;
    let imprint = <&OctetStringRef>::decode(&mut message)?.as_bytes().to_vec();
    AnyRef::decode(&mut reader)?;
    let time = AnyRef::decode(&mut reader)?;
    let text = std::str::from_utf8(time.value()).ok().filter(|text| {
        time.tag() == Tag::GeneralizedTime && text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'Z'))
    });
    Ok((algorithm, imprint, text.ok_or(Tag::GeneralizedTime.value_error())?.to_owned()))
}

/// Content of a value of this kind.
pub(super) fn within(value: AnyRef<'_>, tag: Tag) -> der::Result<SliceReader<'_>> {
    if value.tag() != tag {
        return Err(tag.value_error().into());
    }
    SliceReader::new(value.value())
}

/// Content after an object identifier, which must be this one, as `[0] EXPLICIT`.
pub(super) fn content<'a>(reader: &mut SliceReader<'a>, kind: ObjectIdentifier) -> der::Result<SliceReader<'a>> {
    if ObjectIdentifier::decode(reader)? != kind {
        return Err(Tag::ObjectIdentifier.value_error().into());
    }
    let value = AnyRef::decode(reader)?;
    within(value, Tag::ContextSpecific { constructed: true, number: TagNumber(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as an authority gives it, of this digest; the signature is left out.
    fn answer(status: u8, imprint: &[u8], algorithm: ObjectIdentifier) -> Vec<u8> {
        let of = |tag: Tag, body: &[u8]| AnyRef::new(tag, body).unwrap().to_der().unwrap();
        let explicit = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
        let algorithm = sequence(&[&algorithm.to_der().unwrap()]).unwrap();
        let message = sequence(&[&algorithm, &of(Tag::OctetString, imprint)]).unwrap();
        let version = 1_u8.to_der().unwrap();
        let time = of(Tag::GeneralizedTime, b"20261124123456.5Z");
        let info = sequence(&[&version, &SHA_256.to_der().unwrap(), &message, &5_u8.to_der().unwrap(), &time]).unwrap();
        let inner = of(explicit, &of(Tag::OctetString, &info));
        let inner = sequence(&[&TST_INFO.to_der().unwrap(), &inner]).unwrap();
        let signed = sequence(&[&3_u8.to_der().unwrap(), &of(Tag::Set, &[]), &inner]).unwrap();
        let token = sequence(&[&SIGNED_DATA.to_der().unwrap(), &of(explicit, &signed)]).unwrap();
        sequence(&[&sequence(&[&status.to_der().unwrap()]).unwrap(), &token]).unwrap()
    }

    #[test]
    fn an_answer_says_what_was_there_when() {
        let digest = Digest::of(&[b"checkpoint"]);
        let read = |answer: &[u8]| Token::read(answer);
        let good = answer(0, &digest.0, SHA_256);
        assert_eq!(read(&good), Ok(Token { imprint: digest, time: "20261124123456.5Z".to_owned() }));
        assert!(read(&answer(2, &digest.0, SHA_256)).unwrap_err().contains("status 2"));
        assert!(read(&answer(0, &digest.0, TST_INFO)).unwrap_err().contains("SHA-256"));
        assert!(read(&answer(0, &digest.0[1..], SHA_256)).unwrap_err().contains("SHA-256"));
        let refused = sequence(&[&sequence(&[&2_u8.to_der().unwrap()]).unwrap()]).unwrap();
        assert!(read(&refused).unwrap_err().contains("grants no time stamp"));
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "{end}");
        }
        assert!(read(b"<html>").is_err());
    }

    #[test]
    fn a_question_has_the_form_of_the_rfc() {
        let digest = Digest::of(&[b"checkpoint"]);
        let question = encode(&digest, &[0x41; 8]).unwrap();
        let hex = crate::digest::to_hex(&question);
        // RFC 3161, section 2.4.1: version 1, SHA-256 and the digest, nonce, certReq.
        let expected = format!("3041020101302f300b06096086480165030402010420{digest}020841414141414141410101ff");
        assert_eq!(hex, expected);
        assert_ne!(request(&digest).unwrap(), request(&digest).unwrap());
    }
}
