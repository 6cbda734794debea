//! Signatures of small folders, and of a folder that another program signed.

use super::*;
use std::fs;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("model/d")).unwrap();
    fs::write(folder.path().join("model/a.gguf"), "hi\n").unwrap();
    fs::write(folder.path().join("model/d/b.txt"), "there\n").unwrap();
    folder
}

fn sign(model: &Path, signature: &Path, key: &SecretKey) -> Result<String, Error> {
    super::sign(Subject::Path(model), signature, key)
}

fn verify(model: &Path, signature: &str, key: &PublicKey) -> Result<Manifest, Error> {
    super::verify(Subject::Path(model), signature, key)
}

#[test]
fn some_files_of_a_folder_can_be_signed() {
    let folder = folder();
    let model = folder.path().join("model");
    fs::write(model.join("c.gguf"), "more").unwrap();
    let names = ["c.gguf".to_owned(), "a.gguf".to_owned()];
    let (key, subject) = (key(), Subject::Files { folder: &model, names: &names });
    let signature = super::sign(subject, &model.join("a.gguf.sig"), &key).unwrap();
    super::verify(subject, &signature, &key.public()).unwrap();
    let less = Subject::Files { folder: &model, names: &names[..1] };
    assert_eq!(super::verify(less, &signature, &key.public()), Err(Error::Missing("a.gguf".into())));
    fs::write(model.join("c.gguf"), "less").unwrap();
    assert!(matches!(super::verify(subject, &signature, &key.public()), Err(Error::Changed { .. })));
}

fn key() -> SecretKey {
    SecretKey::create().unwrap()
}

#[test]
fn what_is_signed_is_verified() {
    let folder = folder();
    let (model, key) = (folder.path().join("model"), key());
    for (model, names) in [(model.clone(), vec!["a.gguf", "d/b.txt"]), (model.join("a.gguf"), vec!["."])] {
        let signature = sign(&model, &folder.path().join("x.sig"), &key).unwrap();
        let manifest = verify(&model, &signature, &key.public()).unwrap();
        assert_eq!(manifest.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn a_signature_inside_its_folder_is_not_part_of_it() {
    let folder = folder();
    let (model, key) = (folder.path().join("model"), key());
    let path = model.join("model.sig");
    let signature = sign(&model, &path, &key).unwrap();
    fs::write(&path, &signature).unwrap();
    assert_eq!(verify(&model, &read(&path).unwrap(), &key.public()).unwrap().resources.len(), 2);
}

#[test]
fn every_change_of_a_model_is_named() {
    let folder = folder();
    let (model, key) = (folder.path().join("model"), key());
    let signature = sign(&model, &folder.path().join("x.sig"), &key).unwrap();
    let check = || verify(&model, &signature, &key.public()).unwrap_err();
    fs::write(model.join("new"), "").unwrap();
    assert_eq!(check(), Error::Unsigned("new".into()));
    fs::remove_file(model.join("new")).unwrap();
    fs::write(model.join("a.gguf"), "ha\n").unwrap();
    assert!(matches!(check(), Error::Changed { name, .. } if name == "a.gguf"));
    fs::remove_file(model.join("a.gguf")).unwrap();
    assert_eq!(check(), Error::Missing("a.gguf".into()));
}

#[test]
#[cfg(unix)]
fn links_are_refused() {
    let folder = folder();
    let model = folder.path().join("model");
    std::os::unix::fs::symlink("a.gguf", model.join("link")).unwrap();
    let found = sign(&model, &folder.path().join("x.sig"), &key()).unwrap_err();
    assert_eq!(found, Error::SymbolicLink(model.join("link")));
}

#[test]
fn another_key_and_every_changed_bit_of_the_signature_are_noticed() {
    let folder = folder();
    let (model, key) = (folder.path().join("model"), key());
    let signature = sign(&model, &folder.path().join("x.sig"), &key).unwrap();
    let other = self::key().public();
    assert!(matches!(verify(&model, &signature, &other), Err(Error::OtherKey { .. })));
    let unnamed = signature.replace(&key.public().digest().unwrap(), "");
    assert_eq!(verify(&model, &unnamed, &other), Err(Error::Signature));
    verify(&model, &unnamed, &key.public()).unwrap();

    let value: serde_json::Value = serde_json::from_str(&signature).unwrap();
    let payload = value["dsseEnvelope"]["payload"].as_str().unwrap();
    let at = signature.find(payload).unwrap();
    let mut noticed = 0;
    for place in at..at + payload.len() {
        for bit in 0..7 {
            let mut bytes = signature.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            noticed += usize::from(verify(&model, &changed, &key.public()).is_err());
        }
    }
    assert_eq!(noticed, payload.len() * 7);
}

#[test]
fn keys_survive_their_files() {
    let key = key();
    let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(again.public(), key.public());
    let public = PublicKey::from_pem(&key.public().to_pem().unwrap()).unwrap();
    assert_eq!(public, key.public());
    assert_eq!(SecretKey::from_pem("nonsense").unwrap_err(), Error::Key("private"));
    assert_eq!(PublicKey::from_pem("").unwrap_err(), Error::Key("public"));
}

#[test]
fn the_other_program_s_signatures_are_read() {
    let folder = folder();
    for name in ["p256", "p384"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/signing");
        let public = PublicKey::from_pem(&fs::read_to_string(golden.join(format!("{name}.pub"))).unwrap()).unwrap();
        let secret = SecretKey::from_pem(&fs::read_to_string(golden.join(format!("{name}.pem"))).unwrap()).unwrap();
        assert_eq!(secret.public(), public);
        for (sig, model) in [("folder", "model"), ("file", "model/a.gguf")] {
            let signature = read(&golden.join(format!("{name}-{sig}.sig"))).unwrap();
            let model = folder.path().join(model);
            verify(&model, &signature, &public).unwrap();
            fs::write(folder.path().join("model/a.gguf"), "ha\n").unwrap();
            // Named as its file is, also where a model of one file is signed as a dot.
            assert!(
                matches!(verify(&model, &signature, &public), Err(Error::Changed { name, .. }) if name == "a.gguf")
            );
            fs::write(folder.path().join("model/a.gguf"), "hi\n").unwrap();
        }
    }
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let public = key().public();
    for text in
        ["", "{}", "[]", "null", r#"{"mediaType":"x","dsseEnvelope":{"payload":"","payloadType":"","signatures":[]}}"#]
    {
        assert!(matches!(verify(Path::new("."), text, &public), Err(Error::Format(_))), "{text}");
    }
}
