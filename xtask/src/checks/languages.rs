//! Documents for users come in English and Chinese, and both have the same parts.

use std::path::Path;

use crate::files;

/// Documents outside `docs` that have a Chinese half beside them; those in it all have one.
const IN_BOTH: &[&str] = &["README.md", "ARCHITECTURE.md"];

/// The end of a Chinese half's name.
const CHINESE: &str = ".zh-CN.md";

/// Chinese words that are not used for what another one stands for already.
const ONE_WORD: &[(&str, &str)] =
    &[("答案", "回答"), ("收据", "回执"), ("逐比特", "逐位"), ("提示语", "提示词"), ("语法约束", "文法")];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let docs = files::below(&root.join("docs"), ".md");
    let mut names: Vec<String> = IN_BOTH.iter().map(|name| (*name).to_owned()).collect();
    names.extend(docs.iter().map(|path| files::short(root, path).replace(CHINESE, ".md")));
    names.sort();
    names.dedup();
    for name in names {
        let other = name.replace(".md", CHINESE);
        let shape = |name: &str| Shape::of(&files::text(&root.join(name)));
        let (english, chinese) = (shape(&name), shape(&other));
        if english.headings == 0 || chinese.headings == 0 {
            problems.push(format!("{name} and {other} must both be there, with headings"));
        } else if english != chinese {
            problems.push(format!("{name} has {english:?}, {other} has {chinese:?}"));
        }
        problems.extend(other_words(&files::text(&root.join(&other))).map(|problem| format!("{other}:{problem}")));
    }
    problems
}

/// Words of a Chinese text for which there is another one everywhere else, each with its line.
pub(super) fn other_words(text: &str) -> impl Iterator<Item = String> {
    text.lines().enumerate().flat_map(|(number, line)| {
        let said = ONE_WORD.iter().filter(move |(word, _)| line.contains(word));
        said.map(move |(word, instead)| format!("{} says {word}, which is {instead} everywhere else", number + 1))
    })
}

/// Structure of a document.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) headings: usize,
    table_rows: usize,
    code_lines: usize,
}

impl Shape {
    pub(super) fn of(text: &str) -> Shape {
        let mut shape = Shape { headings: 0, table_rows: 0, code_lines: 0 };
        let mut in_code = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if in_code {
                shape.code_lines += 1;
            } else {
                shape.headings += usize::from(line.starts_with('#'));
                shape.table_rows += usize::from(line.starts_with('|'));
            }
        }
        shape
    }
}
