//! SHA-256 of files, noted in the store so that a large file is hashed once and not for every answer.

use crate::failure::Failure;
use crate::models::open_store;
use hefu_store::Notes;
use std::path::Path;

/// SHA-256 of a file in hexadecimal digits: as noted, or else taken now, which takes about a second per gigabyte.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<String, Failure> {
    let notes = open_store().map_or_else(|_| Notes::none(), |store| store.notes());
    Ok(notes.digest(path)?.to_string())
}
