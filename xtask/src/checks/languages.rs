//! Documents for users come in English and Chinese, and both have the same parts.

use std::path::Path;

use crate::files;

/// Documents that have a Chinese half beside them.
const IN_BOTH: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "docs/commands.md",
    "docs/numerics.md",
    "docs/sampling.md",
    "docs/families.md",
    "docs/devices.md",
    "docs/server.md",
    "docs/receipts.md",
    "docs/audit.md",
    "docs/provenance.md",
    "docs/gap.md",
    "docs/selftest.md",
    "docs/structured-output.md",
];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for name in IN_BOTH {
        let other = name.replace(".md", ".zh-CN.md");
        let shape = |name: &str| Shape::of(&files::text(&root.join(name)));
        let (english, chinese) = (shape(name), shape(&other));
        if english.headings == 0 || chinese.headings == 0 {
            problems.push(format!("{name} and {other} must both be there, with headings"));
        } else if english != chinese {
            problems.push(format!("{name} has {english:?}, {other} has {chinese:?}"));
        }
    }
    problems
}

/// How a document is built.
#[derive(Debug, PartialEq)]
struct Shape {
    headings: usize,
    table_rows: usize,
    code_lines: usize,
}

impl Shape {
    fn of(text: &str) -> Shape {
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
