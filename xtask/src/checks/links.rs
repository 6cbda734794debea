//! Links between documents lead somewhere; README links all documents for users, and the index of `docs` all there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files;

/// Documents that list others, and the folders whose documents each must link, in its own language.
const INDEXES: &[(&str, &[&str])] = &[
    ("README.md", &["docs/users"]),
    ("README.zh-CN.md", &["docs/users"]),
    ("docs/README.md", &["docs/users", "docs/readers", "docs/auditors"]),
    ("docs/README.zh-CN.md", &["docs/users", "docs/readers", "docs/auditors"]),
];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for path in files::below(root, ".md") {
        let place = files::short(root, &path);
        for (number, link) in links(&files::text(&path)) {
            if !target(&path, &link).exists() {
                problems.push(format!("{place}:{number}: {link} is not there"));
            }
        }
    }
    for (index, folders) in INDEXES {
        let path = root.join(index);
        let linked: BTreeSet<PathBuf> = links(&files::text(&path)).map(|(_, link)| target(&path, &link)).collect();
        for document in folders.iter().flat_map(|folder| files::below(&root.join(folder), ".md")) {
            let name = files::short(root, &document);
            if name.ends_with(".zh-CN.md") == index.ends_with(".zh-CN.md") && !linked.contains(&document) {
                problems.push(format!("{index} does not link {name}"));
            }
        }
    }
    problems
}

/// Links to files of the repository, each with the number of its line and without what stands behind `#`.
fn links(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut in_code = false;
    text.lines().enumerate().flat_map(move |(number, line)| {
        in_code ^= line.trim_start().starts_with("```");
        let starts = line.match_indices("](").filter(|_| !in_code);
        let ends = starts.filter_map(|(at, sign)| line[at + sign.len()..].split(')').next());
        let inside = ends.filter(|link| !link.contains(':') && !link.starts_with(['#', '/']) && !link.is_empty());
        inside.map(|link| (number + 1, link.split('#').next().unwrap_or(link).to_owned())).collect::<Vec<_>>()
    })
}

/// The file that a link in a document means.
fn target(document: &Path, link: &str) -> PathBuf {
    document.parent().unwrap_or(Path::new(".")).join(link)
}
