//! Links between documents lead to a file, and to a heading of it; README links all documents for users, and the index of `docs` all there are.

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
            let target = target(&path, &link);
            let heading = link.split_once('#').map(|(_, heading)| heading).filter(|_| target.is_file());
            if !target.exists() {
                problems.push(format!("{place}:{number}: {link} is not there"));
            } else if heading.is_some_and(|heading| !anchors(&files::text(&target)).contains(heading)) {
                problems.push(format!("{place}:{number}: {link}: there is no such heading"));
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

/// Links to files of the repository and to headings, each with the number of its line.
fn links(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut in_code = false;
    text.lines().enumerate().flat_map(move |(number, line)| {
        in_code ^= line.trim_start().starts_with("```");
        let starts = line.match_indices("](").filter(|_| !in_code);
        let ends = starts.filter_map(|(at, sign)| line[at + sign.len()..].split(')').next());
        let inside = ends.filter(|link| !link.contains(':') && !link.starts_with('/') && !link.is_empty());
        inside.map(|link| (number + 1, link.to_owned())).collect::<Vec<_>>()
    })
}

/// The file that a link in a document means; a link that begins with `#` means the document.
fn target(document: &Path, link: &str) -> PathBuf {
    match link.split('#').next() {
        Some("") | None => document.to_path_buf(),
        Some(file) => document.parent().unwrap_or(Path::new(".")).join(file),
    }
}

/// Anchors of a document's headings, as GitHub makes them: small letters, `-` for blanks, no punctuation; the second
/// of one name ends in `-1`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_code || heading.len() == line.len() {
            continue;
        }
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || ['-', '_', ' '].contains(c));
        let name: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let number = (1..).map(|number| format!("{name}-{number}")).find(|name| !found.contains(name));
        let name = if found.contains(&name) { number.unwrap_or(name) } else { name };
        found.insert(name);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_called_as_links_call_them() {
        let found = anchors("# A `b`: c, D-e\n```\n# code\n```\n## Twice\n## Twice\n## 怎样（全部）\n");
        assert_eq!(found, ["a-b-c-d-e", "twice", "twice-1", "怎样全部"].map(str::to_owned).into());
        let links: Vec<_> = links("[x](a.md#b) [y](#c) [z](https://d)\n```\n[n](o.md)\n```").collect();
        assert_eq!(links, [(1, "a.md#b".to_owned()), (1, "#c".to_owned())]);
        assert_eq!(target(Path::new("d/e.md"), "#c"), Path::new("d/e.md"));
        assert_eq!(target(Path::new("d/e.md"), "a.md#b"), Path::new("d/a.md"));
    }
}
