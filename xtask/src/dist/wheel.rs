//! Python wheels that carry the program: `pip install` puts it beside the interpreter (the binary distribution format of
//! packaging.python.org).

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::entry::{self, Entry, PROGRAM, find};
use super::{Release, Target};

/// Writes `hefu-VERSION-py3-none-PLATFORMS.whl`.
pub(super) fn write(out: &Path, release: &Release, target: &Target, files: &[Entry]) -> Result<PathBuf, String> {
    let stem = format!("hefu-{}", release.version);
    let information = format!("{stem}.dist-info");
    let mut inside = vec![find(files, PROGRAM)?.at(&format!("{stem}.data/scripts/hefu"))];
    for name in ["LICENSE", "NOTICES.txt"] {
        inside.push(find(files, name)?.at(&format!("{information}/licenses/{name}")));
    }
    let read_me = String::from_utf8_lossy(&find(files, "README.md")?.bytes).into_owned();
    inside.push(Entry::file(&format!("{information}/METADATA"), metadata(release, &read_me).into_bytes()));
    inside.push(Entry::file(&format!("{information}/WHEEL"), tags(target).into_bytes()));
    let record = format!("{information}/RECORD");
    inside.push(Entry::file(&record, recorded(&inside, &record).into_bytes()));
    let path = out.join(format!("{stem}-py3-none-{}.whl", target.wheel));
    entry::write(&path, &zipped(&inside).map_err(|error| format!("a wheel cannot be made: {error}"))?)?;
    Ok(path)
}

fn metadata(release: &Release, read_me: &str) -> String {
    format!(
        "Metadata-Version: 2.4\nName: hefu\nVersion: {}\nSummary: {}\nLicense-Expression: Apache-2.0\n\
         License-File: LICENSE\nLicense-File: NOTICES.txt\nRequires-Python: >=3.8\nDescription-Content-Type: \
         text/markdown\n\n{read_me}",
        release.version, release.description
    )
}

/// The file `WHEEL`, with a line for each platform.
fn tags(target: &Target) -> String {
    let lines: String = target.wheel.split('.').map(|platform| format!("Tag: py3-none-{platform}\n")).collect();
    format!("Wheel-Version: 1.0\nGenerator: hefu xtask\nRoot-Is-Purelib: false\n{lines}")
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
fn zipped(files: &[Entry]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
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
