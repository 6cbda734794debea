//! Thousands of small changes to a signed model file and to its signature, each of which must be noticed.

use hefu_provenance::signing::{Manifest, PublicKey, SecretKey, Subject, sign, verify};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Bits flipped in each part of the model's file: its fixed header, its metadata and table of tensors, its tensors.
const MODEL_BITS: [usize; 3] = [192, 1000, 1000];
/// Bits flipped in the signature's file.
const SIGNATURE_BITS: usize = 2500;
/// Fields changed in what is signed.
const FIELDS: usize = 500;

/// The splitmix64 generator, so that every run does the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// A copy of a golden model, signed.
struct Signed {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    signature: String,
    key: SecretKey,
}

impl Signed {
    fn new() -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models/tiny-llama-q4_0.gguf");
        let bytes = fs::read(golden).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("model.gguf"), SecretKey::create().unwrap());
        fs::write(&path, &bytes).unwrap();
        let signature = sign(Subject::Path(&path), &path.with_extension("sig"), &key).unwrap();
        Self { folder, bytes, signature, key }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("model.gguf")
    }

    fn public(&self) -> PublicKey {
        self.key.public()
    }

    fn verify(&self, signature: &str) -> Option<Manifest> {
        verify(Subject::Path(&self.path()), signature, &self.public()).ok()
    }
}

#[test]
fn every_flipped_bit_of_a_signed_model_is_noticed() {
    let signed = Signed::new();
    let original = signed.verify(&signed.signature).expect("the file as it was signed");
    // Metadata begins after the magic number, the version and two counts; tensors make up the rest of the file.
    let tensors = signed.bytes.len() - signed.bytes.len() * 9 / 10;
    let parts = [0..24, 24..tensors, tensors..signed.bytes.len()];
    let mut random = Random(1);
    let (mut tried, mut noticed) = (0, 0);
    for (part, count) in parts.into_iter().zip(MODEL_BITS) {
        for number in 0..count {
            // Of the header every bit; elsewhere bits at random.
            let bit = if part.start == 0 { number } else { part.start * 8 + random.below(part.len() * 8) };
            let mut bytes = signed.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(signed.path(), &bytes).unwrap();
            tried += 1;
            noticed += usize::from(signed.verify(&signed.signature).is_none());
        }
    }
    for length in [0, 1, 100, signed.bytes.len() - 1] {
        fs::write(signed.path(), &signed.bytes[..length]).unwrap();
        tried += 1;
        noticed += usize::from(signed.verify(&signed.signature).is_none());
    }
    println!("signed models: {noticed} of {tried} flipped bits and cuts noticed");
    assert_eq!(noticed, tried);
    fs::write(signed.path(), &signed.bytes).unwrap();
    assert_eq!(signed.verify(&signed.signature), Some(original));
}

#[test]
fn a_flipped_bit_of_a_signature_is_noticed_or_changes_nothing_that_is_signed() {
    let signed = Signed::new();
    let said = signed.verify(&signed.signature);
    let mut random = Random(2);
    let (mut noticed, mut without_effect) = (0, 0);
    while noticed < SIGNATURE_BITS {
        let mut bytes = signed.signature.clone().into_bytes();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        match std::str::from_utf8(&bytes).ok().and_then(|text| signed.verify(text)) {
            None => noticed += 1,
            found => {
                // The bundle's form, and where else it was noted, are not part of what is signed.
                assert_eq!(found, said, "a change was not noticed");
                without_effect += 1;
            }
        }
    }
    println!(
        "signatures: {noticed} of {noticed} flipped bits that change what is signed noticed; {without_effect} more fell \
         into what is not signed and changed nothing"
    );
    assert!(without_effect < SIGNATURE_BITS / 10, "{without_effect}");
}

#[test]
fn every_changed_field_of_what_is_signed_is_noticed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let signed = Signed::new();
    let bundle: Value = serde_json::from_str(&signed.signature).unwrap();
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let mut places = Vec::new();
    leaves(&statement, String::new(), &mut places);
    let mut random = Random(3);
    let mut noticed = 0;
    for _ in 0..FIELDS {
        let mut changed = statement.clone();
        let place = &places[random.below(places.len())];
        let leaf = changed.pointer_mut(place).unwrap();
        *leaf = match &*leaf {
            Value::String(text) => {
                let mut characters: Vec<char> = text.chars().collect();
                let at = random.below(characters.len() + 1);
                characters.insert(at, char::from(b'a' + random.below(26) as u8));
                characters.into_iter().collect::<String>().into()
            }
            Value::Bool(on) => (!on).into(),
            Value::Number(number) => (number.as_u64().unwrap_or(0) + 1 + random.below(9) as u64).into(),
            _ => "other".into(),
        };
        let mut bundle = bundle.clone();
        bundle["dsseEnvelope"]["payload"] = STANDARD.encode(changed.to_string()).into();
        noticed += usize::from(signed.verify(&bundle.to_string()).is_none());
    }
    println!("statements: {noticed} of {FIELDS} changed fields noticed");
    assert_eq!(noticed, FIELDS);
    assert!(signed.verify(&bundle.to_string()).is_some(), "written again, the bundle is the same");
}

/// JSON pointers to everything that is no object and no array.
fn leaves(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value, format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, format!("{place}/{at}"), found));
        }
        _ => found.push(place),
    }
}
