//! No code compares with a model family's name outside the folder that describes families.

use std::path::Path;

use crate::files;

/// Folder where families are described.
const HOME: &str = "crates/model/src/families";

/// Where the same words mean something else: GGUF calls kinds of vocabularies and pre-tokenisers so, and clients forms of
/// answers.
const OTHER_MEANING: [&str; 3] = ["crates/text", "crates/answer/src/letters.rs", "crates/server/src/api/neutral.rs"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let families: Vec<String> = files::below(&root.join(HOME), ".rs")
        .iter()
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .filter(|name| name != "mod")
        .collect();
    let mut problems = Vec::new();
    if families.is_empty() {
        problems.push(format!("{HOME} describes no family"));
    }
    for path in files::below(&root.join("crates"), ".rs") {
        let place = files::short(root, &path);
        if place.starts_with(HOME)
            || OTHER_MEANING.iter().any(|other| place.starts_with(other))
            || place.contains("/tests/")
        {
            continue;
        }
        let text = files::text(&path);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |line: &str| !line.trim_start().starts_with("//");
        for (number, line) in code.lines().enumerate().filter(|(_, line)| is_code(line)) {
            for family in &families {
                if line.contains(&format!("\"{family}\"")) {
                    problems.push(format!("{place}:{} names the family {family:?}", number + 1));
                }
            }
        }
    }
    problems
}
