//! Python wheels: what maturin makes of `crates/python`, with the licences of all that is linked, and packed so that the same
//! files give the same bytes (the binary distribution format of packaging.python.org).

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::Target;
use super::build::Builder;
use super::entry::{self, Entry, find};

/// Licences that go into the wheel.
const LICENCES: &[&str] = &["LICENSE", "NOTICES.txt"];

/// Writes `hefu-VERSION-cp39-abi3-PLATFORMS.whl`.
pub(super) fn write(out: &Path, builder: &Builder, target: &Target, files: &[Entry]) -> Result<PathBuf, String> {
    let made = builder.wheel(target)?;
    let failed = |error| format!("{} is no wheel: {error}", made.display());
    let mut inside = members(&entry::bytes(&made)?).map_err(failed)?;
    for file in &inside {
        builder.check_traces(&file.path, &file.bytes)?;
    }
    let metadata = inside.iter_mut().find(|file| file.path.ends_with(".dist-info/METADATA"));
    let metadata = metadata.ok_or_else(|| format!("{} has no METADATA", made.display()))?;
    let information = metadata.path.trim_end_matches("/METADATA").to_owned();
    metadata.bytes = with_licences(&String::from_utf8_lossy(&metadata.bytes)).into_bytes();
    for name in LICENCES {
        inside.push(find(files, name)?.at(&format!("{information}/licenses/{name}")));
    }
    let record = format!("{information}/RECORD");
    inside.retain(|file| file.path != record);
    inside.sort_by(|left, right| left.path.cmp(&right.path));
    inside.push(Entry::file(&record, recorded(&inside, &record).into_bytes()));
    let path = out.join(made.file_name().unwrap_or_default());
    entry::write(&path, &zipped(&inside).map_err(|error| format!("a wheel cannot be made: {error}"))?)?;
    Ok(path)
}

/// The files in a wheel.
fn members(bytes: &[u8]) -> ZipResult<Vec<Entry>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index)?;
        if member.is_file() {
            let (path, mode) = (member.name()?.into_owned(), member.unix_mode().unwrap_or(0o644) & 0o777);
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes)?;
            files.push(Entry { path, bytes, mode });
        }
    }
    Ok(files)
}

/// The file `METADATA`, whose head names the licences too.
fn with_licences(metadata: &str) -> String {
    let lines: String = LICENCES.iter().map(|name| format!("License-File: {name}\n")).collect();
    match metadata.split_once("\n\n") {
        Some((head, text)) => format!("{head}\n{lines}\n{text}"),
        None => format!("{}\n{lines}", metadata.trim_end()),
    }
}

/// The file `RECORD`: path, digest and size of each file, of itself the path alone.
fn recorded(files: &[Entry], own: &str) -> String {
    let line = |file: &Entry| {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&file.bytes));
        format!("{},sha256={digest},{}\n", file.path, file.bytes.len())
    };
    files.iter().map(line).collect::<String>() + &format!("{own},,\n")
}

/// The time of every member is the earliest that the format has, so that it depends on nothing.
fn zipped(files: &[Entry]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(file.mode);
        archive.start_file(&file.path, options)?;
        archive.write_all(&file.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_there_again_and_is_the_same_every_time() {
        let files = [Entry::file("a/b.py", b"one".to_vec()), Entry::program("c", b"two".to_vec())];
        let bytes = zipped(&files).unwrap();
        assert_eq!(bytes, zipped(&files).unwrap());
        let found = members(&bytes).unwrap();
        let plain = |file: &Entry| (file.path.clone(), file.bytes.clone(), file.mode);
        assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), files.iter().map(plain).collect::<Vec<_>>());
        let record = recorded(&files, "x/RECORD");
        assert_eq!(record.lines().next(), Some("a/b.py,sha256=dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0,3"));
        assert_eq!(record.lines().last(), Some("x/RECORD,,"));
    }

    #[test]
    fn licences_are_named_in_the_head() {
        let whole = with_licences("Name: hefu\nVersion: 1\n\n# Text\n\nmore");
        assert_eq!(whole, "Name: hefu\nVersion: 1\nLicense-File: LICENSE\nLicense-File: NOTICES.txt\n\n# Text\n\nmore");
    }
}
