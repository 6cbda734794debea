//! The signature file: a Sigstore bundle (version 0.3) around a DSSE envelope (version 1).

use super::{Error, PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signs a statement and wraps it up.
pub(super) fn seal(payload: &[u8], key: &SecretKey) -> String {
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": key.public().digest().unwrap_or_default()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": STANDARD.encode(key.sign(&to_be_signed(payload))), "keyid": ""}],
        },
    });
    bundle.to_string()
}

/// DSSE's pre-authentication encoding.
fn to_be_signed(payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    #[serde(default)]
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

/// Checks who signed, and returns what was signed.
pub(super) fn open(text: &str, key: &PublicKey) -> Result<Vec<u8>, Error> {
    let bundle: Bundle = serde_json::from_str(text).map_err(|error| Error::Format(error.to_string()))?;
    if bundle.media_type != MEDIA_TYPE || bundle.dsse_envelope.payload_type != PAYLOAD_TYPE {
        let found = format!("{} with {}", bundle.media_type, bundle.dsse_envelope.payload_type);
        return Err(Error::Format(format!("it is a {found}, and only {MEDIA_TYPE} with {PAYLOAD_TYPE} is read")));
    }
    let hint = bundle.verification_material.public_key.and_then(|identifier| identifier.hint);
    let given = key.digest()?;
    if let Some(found) = hint.filter(|hint| !hint.is_empty() && *hint != given) {
        return Err(Error::OtherKey { found, given });
    }
    let [signature] = bundle.dsse_envelope.signatures.as_slice() else {
        let count = bundle.dsse_envelope.signatures.len();
        return Err(Error::Format(format!("it has {count} signatures, where one is needed")));
    };
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| Error::Format(error.to_string()));
    let payload = decode(&bundle.dsse_envelope.payload)?;
    key.verify(&to_be_signed(&payload), &decode(&signature.sig)?)?;
    Ok(payload)
}
