//! Files stay small.

use std::path::Path;

use crate::files;

/// Lines that a source file may have.
const MOST_LINES: usize = 400;

pub(crate) fn run(root: &Path) -> Vec<String> {
    files::below(root, ".rs")
        .iter()
        .map(|path| (files::short(root, path), files::text(path).lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(place, lines)| format!("{place} has {lines} lines; more than {MOST_LINES} are two files"))
        .collect()
}
