//! The signed statement: an in-toto statement (version 1) with the predicate of model signing (version 1.0).

use super::key::hex;
use super::{Error, Manifest, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

const TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

/// The statement's bytes.
pub(super) fn write(manifest: &Manifest, ignored: &[String]) -> Vec<u8> {
    let resource =
        |resource: &Resource| json!({"name": resource.name, "algorithm": "sha256", "digest": hex(&resource.digest)});
    let statement = json!({
        "_type": TYPE,
        "subject": [{"name": manifest.model, "digest": {"sha256": hex(&manifest.root())}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": false,
                "ignore_paths": ignored,
            },
            "resources": manifest.resources.iter().map(resource).collect::<Vec<Value>>(),
        },
    });
    statement.to_string().into_bytes()
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: Digests,
}

#[derive(Deserialize)]
struct Digests {
    sha256: String,
}

#[derive(Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Listed>,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    algorithm: String,
    digest: String,
}

/// The files that a statement lists, and the paths that it leaves out.
pub(super) fn read(bytes: &[u8]) -> Result<(Manifest, Vec<String>), Error> {
    let statement: Statement =
        serde_json::from_slice(bytes).map_err(|error| Error::Format(format!("the statement: {error}")))?;
    expect("the statement's type", &statement.kind, TYPE)?;
    expect("the predicate's type", &statement.predicate_type, PREDICATE_TYPE)?;
    expect("the method", &statement.predicate.serialization.method, "files")?;
    expect("the digest", &statement.predicate.serialization.hash_type, "sha256")?;
    let [subject] = statement.subject.as_slice() else {
        return Err(Error::Format(format!("it has {} subjects, where one is needed", statement.subject.len())));
    };
    let resources = statement.predicate.resources.iter().map(|listed| {
        expect("the digest of a file", &listed.algorithm, "sha256")?;
        Ok(Resource { name: listed.name.clone(), digest: digest(&listed.digest)? })
    });
    let manifest = Manifest { model: subject.name.clone(), resources: resources.collect::<Result<_, Error>>()? };
    if manifest.root() != digest(&subject.digest.sha256)? {
        return Err(Error::Inconsistent);
    }
    let ignored = statement.predicate.serialization.ignore_paths;
    Ok((manifest, ignored.into_iter().map(|path| path.trim_end_matches('/').to_owned()).collect()))
}

fn expect(what: &str, found: &str, expected: &str) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Format(format!("{what} is {found:?}, and only {expected:?} is read")))
}

fn digest(text: &str) -> Result<[u8; 32], Error> {
    let fault = || Error::Format(format!("{text:?} is no SHA-256 in hexadecimal"));
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fault());
    }
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(fault)
}
