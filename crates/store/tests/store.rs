//! Names, manifests, removal, verification, paths and split files.

mod support;

use std::fs;

use hefu_store::{Digest, PullOptions, PulledState, Resolution, Store, StoreError};
use support::*;

fn path_store(file: &[u8]) -> (Store, tempfile::TempDir) {
    let original = tempfile::tempdir().unwrap();
    let path = original.path().join("original.gguf");
    fs::write(&path, file).unwrap();
    let (store, folder) = store_of(file, &[path.to_str().unwrap().to_owned()]);
    store.pull("m", &quick(), &mut ()).unwrap();
    (store, folder)
}

#[test]
fn a_path_is_copied() {
    let file = model_bytes(5000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("My Model.gguf");
    fs::write(&path, &file).unwrap();
    let (store, _home) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let source = path.to_str().unwrap();
    let pulled = store.pull(source, &quick(), &mut ()).unwrap();
    assert_eq!(pulled.model.name, "my-model");
    assert_eq!(pulled.model.files[0].sha256, Some(Digest::of(&file)));
    assert!(!pulled.is_checked, "nothing was known that its digest could be held against");
    fs::write(&path, b"changed").unwrap();
    assert_eq!(stored_bytes(&store, "my-model"), file);
    assert_eq!(store.pull(source, &quick(), &mut ()).unwrap().state, PulledState::AlreadyThere);

    let named = PullOptions { name: Some("other".to_owned()), ..quick() };
    let error = store.pull(source, &named, &mut ()).unwrap_err().to_string();
    assert!(error.contains("not a GGUF file"), "{error}");
    fs::write(&path, b"GGUF changed").unwrap();
    let digest = PullOptions { sha256: Some(Digest::of(b"GGUF changed")), ..named };
    assert!(store.pull(source, &digest, &mut ()).unwrap().is_checked);
    assert_eq!(stored_bytes(&store, "other"), b"GGUF changed");
    let wrong = PullOptions { sha256: Some(Digest::of(b"y")), name: Some("third".to_owned()), ..quick() };
    assert!(store.pull(source, &wrong, &mut ()).is_err());
}

#[test]
fn names_belong_to_one_model() {
    let (store, folder) = path_store(&model_bytes(100));
    let (one, two) = (folder.path().join("a.gguf"), folder.path().join("sub"));
    fs::create_dir(&two).unwrap();
    let two = two.join("a.gguf");
    fs::write(&one, model_bytes(10)).unwrap();
    fs::write(&two, model_bytes(20)).unwrap();
    store.pull(one.to_str().unwrap(), &quick(), &mut ()).unwrap();
    let taken = store.pull(two.to_str().unwrap(), &quick(), &mut ());
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
    let named = |name: &str| PullOptions { name: Some(name.to_owned()), ..quick() };
    let taken = store.pull(two.to_str().unwrap(), &named("m"), &mut ());
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
    let invalid = store.pull(two.to_str().unwrap(), &named("../m"), &mut ());
    assert!(matches!(invalid, Err(StoreError::InvalidName { .. })));
    store.pull(two.to_str().unwrap(), &named("b"), &mut ()).unwrap();
    let names: Vec<_> = store.list().unwrap().models.into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["a", "b", "m"]);
}

#[test]
fn unknown_names_get_suggestions() {
    let (store, _folder) = path_store(&model_bytes(100));
    let store = Store::open(Some(store.root().unwrap().to_path_buf())).unwrap();
    for error in [
        store.resolve("gema-3-270m").unwrap_err(),
        store.pull("gema-3-270m", &quick(), &mut ()).unwrap_err(),
        store.remove("gema-3-270m").unwrap_err(),
        store.verify("gema-3-270m", &mut ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("did you mean `gemma-3-270m`"), "{error}");
    }
    assert!(matches!(store.remove("gemma-3-270m"), Err(StoreError::NotPulled(_))));
    assert!(matches!(store.resolve("../../etc"), Err(StoreError::NoSuchFile { .. })), "a path, not a name");
    #[cfg(unix)]
    assert!(matches!(store.resolve("/dev/null"), Err(StoreError::NotAFile { .. })), "it is there, but no file");
    assert!(matches!(store.remove("../models/m"), Err(StoreError::UnknownModel { .. })));
}

#[test]
fn damaged_manifests_are_named_and_skipped() {
    let (store, _folder) = path_store(&model_bytes(100));
    let models = store.root().unwrap().join("models");
    let whole = fs::read_to_string(models.join("m.json")).unwrap();
    let far = whole.replace("\"m\"", "\"far\"").replace("\"m.gguf\"", "\"../m\"");
    let gone = whole.replace("\"m\"", "\"gone\"").replace("\"size\": 100", "\"size\": 101");
    for (name, text) in [
        ("broken", "{"),
        ("empty", ""),
        ("binary", "\0\u{1}"),
        ("other", &whole),
        ("far", &far),
        ("gone", &gone),
        ("new", &whole.replace("\"m\"", "\"new\"").replace("\"version\": 1", "\"version\": 2")),
        ("-x", "{}"),
    ] {
        fs::write(models.join(format!("{name}.json")), text).unwrap();
    }
    let listing = store.list().unwrap();
    assert_eq!(listing.models.len(), 1);
    let problems: Vec<_> = listing.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 8, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("broken.json")));
    assert!(matches!(store.resolve("broken"), Err(StoreError::Manifest { .. })));
    store.remove("broken").unwrap();
    assert_eq!(store.list().unwrap().problems.len(), 7);

    fs::write(models.join("m.json"), "{").unwrap();
    let repaired = store.pull("m", &quick(), &mut ()).unwrap();
    assert_eq!(repaired.state, PulledState::Fetched);
    store.verify("m", &mut ()).unwrap();
}

#[test]
fn removal_frees_what_no_other_model_has() {
    let file = model_bytes(5000);
    let (store, folder) = path_store(&file);
    let copy = folder.path().join("copy.gguf");
    fs::write(&copy, &file).unwrap();
    store.pull(copy.to_str().unwrap(), &quick(), &mut ()).unwrap();
    assert_eq!(files_in(&store, "blobs").len(), 1);
    assert_eq!(store.remove("m").unwrap().freed, 0);
    assert_eq!(stored_bytes(&store, "copy"), file);
    assert_eq!(store.remove("COPY").unwrap().freed, 5000);
    assert!(files_in(&store, "blobs").is_empty() && files_in(&store, "models").is_empty());
}

#[test]
fn removal_also_drops_an_unfinished_pull() {
    let file = model_bytes(3_000_000);
    let server = Server::of(file.clone());
    let (store, _folder) = store_of(&file, &[format!("{}/m", server.url)]);
    let mut record = Record { stop_at: Some(1), ..Record::default() };
    assert!(matches!(store.pull("m", &quick(), &mut record), Err(StoreError::Stopped)));
    assert!(store.remove("m").unwrap().freed > 0);
    assert!(files_in(&store, "partial").is_empty());
    assert!(matches!(store.remove("m"), Err(StoreError::NotPulled(_))));
}

#[test]
fn listing_while_models_come_and_go_never_fails() {
    let file = model_bytes(100);
    let (store, folder) = path_store(&file);
    let path = folder.path().join("a.gguf");
    fs::write(&path, model_bytes(10)).unwrap();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            for _ in 0..30 {
                store.pull(path.to_str().unwrap(), &quick(), &mut ()).unwrap();
                store.remove("a").unwrap();
            }
        });
        while !worker.is_finished() {
            let listing = store.list().unwrap();
            assert!(listing.models.iter().any(|model| model.name == "m"));
            // Seen between its manifest and its blob, a model may be whole, absent, or named as missing its file.
            assert!(listing.problems.iter().all(|problem| matches!(problem, StoreError::MissingFile { .. })));
        }
    });
}

#[test]
fn damage_is_found() {
    let (store, _folder) = path_store(&model_bytes(5000));
    let Resolution::Ready(model) = store.resolve("m").unwrap() else { panic!("not pulled") };
    let mut bytes = fs::read(model.paths()[0]).unwrap();
    bytes[4000] ^= 1;
    fs::write(model.paths()[0], &bytes).unwrap();
    let error = store.verify("m", &mut ()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { found, .. } if found == Digest::of(&bytes)), "{error}");
    fs::remove_file(model.paths()[0]).unwrap();
    assert!(matches!(store.resolve("m"), Err(StoreError::MissingFile { .. })));
}

/// Bits flipped in a stored model.
const FLIPS: usize = 1000;

#[test]
fn every_flipped_bit_of_a_stored_model_is_noticed() {
    let (store, _folder) = path_store(&model_bytes(5000));
    let Resolution::Ready(model) = store.resolve("m").unwrap() else { panic!("not pulled") };
    let path = model.paths()[0].to_owned();
    let file = fs::read(&path).unwrap();
    let is_noticed = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        matches!(store.verify("m", &mut ()), Err(StoreError::Damaged { .. }))
    };
    let mut noticed = 0;
    for number in 0..FLIPS {
        let mut bytes = file.clone();
        // 7919 is a prime, so that no bit comes twice.
        let bit = number * 7919 % (file.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        noticed += usize::from(is_noticed(&bytes));
    }
    println!("stored models: {noticed} of {FLIPS} flipped bits noticed");
    assert_eq!(noticed, FLIPS);
    fs::write(&path, &file).unwrap();
    store.verify("m", &mut ()).unwrap();
}

#[test]
fn split_files_are_one_model() {
    let (store, folder) = path_store(&model_bytes(100));
    let shard = |index: u32| folder.path().join(format!("Big-0000{index}-of-00003.gguf"));
    for index in 1..=3 {
        fs::write(shard(index), model_bytes(10 * index as usize)).unwrap();
    }
    let second = shard(2).to_str().unwrap().to_owned();
    let Resolution::Ready(in_place) = store.resolve(&second).unwrap() else { panic!("not ready") };
    assert_eq!(in_place.paths(), [shard(1), shard(2), shard(3)]);
    let pulled = store.pull(&second, &quick(), &mut ()).unwrap();
    assert_eq!((pulled.model.name.as_str(), pulled.model.size()), ("big", 60));
    let sizes: Vec<_> = pulled.model.files.iter().map(|file| file.size).collect();
    assert_eq!(sizes, [10, 20, 30]);
    fs::remove_file(shard(3)).unwrap();
    assert!(matches!(store.resolve(&second), Err(StoreError::MissingShard { .. })));
    store.remove("big").unwrap();
    assert!(store.pull(&second, &quick(), &mut ()).is_err());
    let digest = PullOptions { sha256: Some(Digest::of(b"")), ..quick() };
    assert!(matches!(store.pull(&second, &digest, &mut ()), Err(StoreError::DigestForShards(_))));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let store = Store::open(Some(file.join("home"))).unwrap();
    let error = store.pull("gemma-3-270m", &quick(), &mut ()).unwrap_err().to_string();
    assert!(error.contains(file.join("home").to_str().unwrap()), "{error}");
}

#[test]
fn folders_and_missing_files_are_told_apart_from_unknown_names() {
    let (store, folder) = path_store(&model_bytes(100));
    let inside = folder.path().join("models-here");
    fs::create_dir(&inside).unwrap();
    for name in ["b.gguf", "a.gguf", "notes.txt"] {
        fs::write(inside.join(name), "x").unwrap();
    }
    let said = |name: &str| store.resolve(name).unwrap_err().to_string();
    let pulled = |name: &str| store.pull(name, &quick(), &mut ()).unwrap_err().to_string();
    for text in [said(inside.to_str().unwrap()), pulled(inside.to_str().unwrap())] {
        assert!(text.contains("is a folder") && text.contains("a.gguf or b.gguf"), "{text}");
    }
    assert!(said("./missing.gguf").contains("there is no file ./missing.gguf"));
    assert!(said("missing.gguf").contains("there is no file missing.gguf"));
    assert!(said("missing").contains("no model, file or source is called `missing`"));
}
