//! The tables of model families, in every language, list what the code has: no family more and none less, each once; and each
//! family has a tiny model.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;

/// Where families are described, each as `Family { name: "…", … }`.
const HOME: &str = "crates/model/src/families";
/// The tables, whose rows begin with the name in a cell of its own.
const TABLES: [&str; 2] = ["docs/users/families.md", "docs/users/families.zh-CN.md"];
/// The heading above the tables, and the one after them; the metadata's table comes later.
const SECTION: [(&str, &str); 2] = [("## What runs", "### What is refused"), ("## 能运行的", "### 拒绝什么")];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let sources: Vec<String> = files::below(&root.join(HOME), ".rs").iter().map(|path| files::text(path)).collect();
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| names(source)).collect();
    let mut problems = Vec::new();
    for (table, section) in TABLES.into_iter().zip(SECTION) {
        problems.extend(differences(table, &files::text(&root.join(table)), section, &known));
    }
    let models = root.join("golden/models");
    let has_model = |name: &&&str| {
        let files = files::below(&models, ".gguf");
        files.iter().any(|file| {
            file.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("tiny-{name}")))
        })
    };
    let missing = known.iter().filter(|name| !has_model(name));
    problems.extend(missing.map(|name| format!("golden/models has no tiny model of the family {name:?}")));
    problems
}

/// The names of the families that a source describes.
fn names(source: &str) -> impl Iterator<Item = &str> {
    source.split("Family { name: \"").skip(1).filter_map(|rest| rest.split('"').next())
}

/// Differences between a document's tables and the code.
fn differences(place: &str, text: &str, (from, to): (&str, &str), known: &BTreeSet<&str>) -> Vec<String> {
    let Some(section) = text.split_once(from).and_then(|(_, rest)| rest.split_once(to)) else {
        return vec![format!("{place} has no section between {from:?} and {to:?}")];
    };
    let rows: Vec<&str> = section
        .0
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name))
        // The headings of the tables.
        .filter(|name| !name.starts_with("general."))
        .collect();
    let listed: BTreeSet<&str> = rows.iter().copied().collect();
    let mut problems: Vec<String> =
        known.difference(&listed).map(|name| format!("{place} lacks the family {name:?}")).collect();
    problems.extend(listed.difference(known).map(|name| format!("{place} lists {name:?}, which no family is called")));
    if rows.len() != listed.len() {
        problems.push(format!("{place} lists a family twice"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_the_code_say_the_same() {
        let source =
            "const A: Family = Family { name: \"a\", write };\nconst B: Family = Family { name: \"b-c\", write };";
        let known: BTreeSet<&str> = names(source).collect();
        assert_eq!(known, BTreeSet::from(["a", "b-c"]));
        let of = |rows: &str| differences("x.md", &format!("# F\n{rows}\n# T\n| `d` | |"), ("# F", "# T"), &known);
        assert!(of("| `a` | 1 |\n| `b-c` | 2 |").is_empty());
        assert_eq!(of("| `a` | 1 |"), ["x.md lacks the family \"b-c\""]);
        assert_eq!(of("| `a` | 1 |\n| `b-c` | 2 |\n| `d` | 3 |"), ["x.md lists \"d\", which no family is called"]);
        assert_eq!(of("| `a` | 1 |\n| `b-c` | 2 |\n| `a` | 3 |"), ["x.md lists a family twice"]);
        assert_eq!(differences("x.md", "", ("# F", "# T"), &known).len(), 1);
    }
}
