//! No public item is dead: each is named somewhere but where it is defined, in code that is not a test.

use std::collections::BTreeMap;
use std::path::Path;

use crate::count::{public_names, without_tests};
use crate::files;

pub(crate) fn run(root: &Path) -> Vec<String> {
    let sources = |folder: &str| files::below(&root.join(folder), ".rs");
    let is_code = |place: &str| !place.contains("/tests/") && !place.ends_with("/tests.rs");
    let mut code: Vec<(String, String)> = Vec::new();
    for path in ["crates", "fuzz", "xtask"].into_iter().flat_map(sources) {
        let place = files::short(root, &path);
        if is_code(&place) {
            code.push((place, without_comments(&without_tests(&files::text(&path)))));
        }
    }
    dead(&code).map(|(place, name)| format!("{place}: nothing but tests uses `{name}`")).collect()
}

/// A file's text without lines that are comments.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// Public items whose names stand nowhere but in their definitions.
fn dead(code: &[(String, String)]) -> impl Iterator<Item = (&str, String)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in code.iter().flat_map(|(_, text)| text.split(|c: char| !c.is_alphanumeric() && c != '_')) {
        *counts.entry(word).or_default() += 1;
    }
    code.iter().filter(|(place, _)| place.contains("/src/")).flat_map(move |(place, text)| {
        let names = public_names(text).filter(|name| counts.get(&name[..]) == Some(&1));
        names.map(|name| (&place[..], name)).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_nothing_names_is_dead() {
        let file = |place: &str, text: &str| (place.to_owned(), without_comments(text));
        let code = [
            file("crates/a/src/lib.rs", "pub fn used() {}\n/// As `lost` is.\npub const fn lost() {}\n"),
            file("crates/b/src/lib.rs", "fn f() { a::used() }\n"),
        ];
        assert_eq!(dead(&code).collect::<Vec<_>>(), [("crates/a/src/lib.rs", "lost".to_owned())]);
    }
}
