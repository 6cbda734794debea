//! Archives: a folder with the program and what goes with it. The same entries give the same bytes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::entry::{self, Entry};
use super::{Release, Target};

/// Writes `hefu-VERSION-MACHINE-linux.tar.gz`.
pub(super) fn write(out: &Path, release: &Release, target: &Target, files: &[Entry]) -> Result<PathBuf, String> {
    let name = format!("hefu-{}-{}-linux", release.version, target.machine);
    let inside: Vec<Entry> = files.iter().map(|file| file.at(&format!("{name}/{}", file.path))).collect();
    let path = out.join(format!("{name}.tar.gz"));
    entry::write(&path, &packed(&inside, release.time)?)?;
    Ok(path)
}

/// The entries and their folders as a compressed archive; all belong to root and bear one time.
pub(super) fn packed(files: &[Entry], time: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("an archive cannot be made: {error}");
    let mut archive = Builder::new(GzBuilder::new().write(Vec::new(), Compression::best()));
    let mut files: Vec<&Entry> = files.iter().collect();
    files.sort_by_key(|file| &file.path);
    let mut folders = BTreeSet::new();
    for file in files {
        for (end, _) in file.path.match_indices('/') {
            let folder = &file.path[..=end];
            if folders.insert(folder.to_owned()) {
                archive
                    .append_data(&mut header(EntryType::Directory, 0o755, 0, time), folder, &[][..])
                    .map_err(failed)?;
            }
        }
        let size = file.bytes.len() as u64;
        let mut header = header(EntryType::Regular, file.mode, size, time);
        archive.append_data(&mut header, &file.path, &file.bytes[..]).map_err(failed)?;
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(failed)
}

fn header(kind: EntryType, mode: u32, size: u64, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}
