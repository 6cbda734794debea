//! Nothing that `cargo xtask new` leaves open is left open.

use std::path::Path;

use crate::files;

/// Places that a skeleton leaves open, as parts of a line, in files whose names end so.
const OPEN: &[(&str, &[&str])] = &[
    (".md", &["| … |"]),
    ("lesson.toml", &["\"…\""]),
    (".rs", &["//! The operation in words (clause …", "(paper or model card …)"]),
];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (ending, open) in OPEN {
        for path in files::below(root, ending) {
            let place = files::short(root, &path);
            // The skeletons themselves.
            if !place.starts_with("xtask/") {
                let text = files::text(&path);
                problems.extend(left_open(&text, open).map(|line| format!("{place}:{line} is still to be written")));
            }
        }
    }
    problems
}

/// The numbers of lines that are open: those with one of these parts, or with nothing but `…`.
fn left_open(text: &str, open: &[&str]) -> impl Iterator<Item = usize> {
    let is_open = |line: &str| line == "…" || open.iter().any(|part| line.contains(part));
    text.lines().enumerate().filter(move |(_, line)| is_open(line)).map(|(number, _)| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_places_are_found() {
        assert_eq!(left_open("a … b\n…\n| x | … | y |\n", &["| … |"]).collect::<Vec<_>>(), [2, 3]);
    }
}
