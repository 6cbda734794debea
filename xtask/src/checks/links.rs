//! Links between documents lead somewhere, and README leads to every document.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files;

/// The documents from which all others are reached, and the end of the names of those that each must name.
const ENTRANCES: &[(&str, &str)] = &[("README.md", ".md"), ("README.zh-CN.md", ".zh-CN.md")];

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
    for (entrance, ending) in ENTRANCES {
        let linked: BTreeSet<String> = links(&files::text(&root.join(entrance))).map(|(_, link)| link).collect();
        for path in files::below(&root.join("docs"), ending) {
            let name = files::short(root, &path);
            if name.ends_with(".zh-CN.md") == ending.contains("zh") && !linked.contains(&name) {
                problems.push(format!("{entrance} does not link {name}"));
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
