//! Models split into several files: every part says which it is, how many there are, and how many tensors in all.

use super::File;
use super::error::{Error, Part, Shown};

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// Keys that a part has for itself: these, and the alignment of its own data.
const OWN_KEYS: &[&str] = &[NUMBER, COUNT, TENSORS, "general.alignment"];

/// Checks that the files are all the parts of one model, in order.
pub(super) fn check(files: &[File<'_>]) -> Result<(), Error> {
    let given = files.len() as u64;
    let Some(first) = files.first() else { return Err(Error::NoParts) };
    let expected = match first.metadata.unsigned(COUNT)? {
        None if given == 1 => return Ok(()),
        None => return Err(Error::NotSplit { key: COUNT, part: Part { index: 0, of: files.len() } }),
        Some(expected) => expected,
    };
    if expected != given {
        let given = if given == 1 { "1 was".to_owned() } else { format!("{given} were") };
        return Err(Error::SplitCount { expected, given });
    }
    for (index, file) in files.iter().enumerate() {
        check_part(file, first, Part { index, of: files.len() })?;
    }
    let found = files.iter().map(|file| file.tensors.len() as u64).sum();
    match first.metadata.unsigned(TENSORS)? {
        Some(expected) if expected != found => Err(Error::SplitTensors { expected, found }),
        _ => Ok(()),
    }
}

fn check_part(file: &File<'_>, first: &File<'_>, part: Part) -> Result<(), Error> {
    let number = file.metadata.unsigned(NUMBER)?.ok_or(Error::NotSplit { key: NUMBER, part })?;
    if number != part.index as u64 {
        return Err(Error::SplitOrder { found: number.saturating_add(1), part });
    }
    for key in [COUNT, TENSORS] {
        if file.metadata.unsigned(key)? != first.metadata.unsigned(key)? {
            return Err(Error::SplitConflict { key: Shown::new(key), part });
        }
    }
    // Only the first part's keys describe the model, so that another part must not say something else.
    let mut others = file.metadata.iter().filter(|(key, _)| !OWN_KEYS.contains(key));
    match others.find(|(key, value)| first.metadata.get(key) != Some(value)) {
        Some((key, _)) if part.index > 0 => Err(Error::SplitConflict { key: Shown::new(key), part }),
        _ => Ok(()),
    }
}
