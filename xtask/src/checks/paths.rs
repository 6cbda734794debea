//! Nothing in the repository depends on one machine or one network.

use std::path::Path;

use crate::files;

/// Folders that only one machine has.
const MACHINE_PATHS: &[&str] = &["/root/", "/home/", "/work/", "/Users/"];

/// Endings of the files that are read.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".py", ".sh", ".yml", "run"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for path in ENDINGS.iter().flat_map(|ending| files::below(root, ending)) {
        let place = files::short(root, &path);
        if place.ends_with("checks/paths.rs") {
            continue;
        }
        for (number, line) in files::text(&path).lines().enumerate() {
            if let Some(found) = MACHINE_PATHS.iter().find(|found| line.contains(**found)) {
                problems.push(format!("{place}:{} names a folder of one machine ({found})", number + 1));
            }
        }
    }
    problems
}
