//! Dependencies between the crates go one way, and only kernel crates hold unsafe code.

use std::path::Path;

use crate::files;

/// Crates that each crate may use. One that is not here may use nothing.
const MAY_USE: &[(&str, &[&str])] = &[
    ("numerics", &[]),
    ("text", &[]),
    ("store", &[]),
    ("provenance", &[]),
    ("cpu", &["numerics"]),
    ("opencl", &["numerics"]),
    ("split", &["numerics"]),
    ("remote", &["numerics"]),
    ("model", &["numerics"]),
    ("engine", &["numerics"]),
    ("lessons", &["numerics"]),
    ("grammar", &["engine", "text"]),
    ("proof", &["engine"]),
    ("class", &["lessons", "proof"]),
    ("check", &["cpu", "engine", "model", "numerics", "proof"]),
    ("answer", &["engine", "grammar", "text"]),
    ("eval", &["answer", "engine", "proof"]),
    ("server", &["answer", "class", "engine", "lessons", "text"]),
    (
        "hefu",
        &[
            "answer",
            "class",
            "cpu",
            "engine",
            "eval",
            "grammar",
            "lessons",
            "model",
            "numerics",
            "opencl",
            "proof",
            "provenance",
            "remote",
            "server",
            "split",
            "store",
            "text",
        ],
    ),
    ("python", &[]),
];

/// The crates with unsafe code: those that hold kernels and speak with chips.
const UNSAFE: &[&str] = &["cpu", "opencl"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for manifest in files::below(&root.join("crates"), "Cargo.toml") {
        let place = files::short(root, &manifest);
        let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let Ok(table) = files::text(&manifest).parse::<toml::Table>() else {
            problems.push(format!("{place} is no valid TOML"));
            continue;
        };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == folder) else {
            problems.push(format!("{place}: say in xtask/src/checks/dependencies.rs what this crate may use"));
            continue;
        };
        let used = table.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
        for name in used.filter_map(|(name, _)| name.strip_prefix("hefu-")) {
            if !allowed.contains(&name) {
                problems.push(format!("{place} uses {name}, which it must not know"));
            }
        }
        let takes_workspace_lints = table
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool)
            .unwrap_or_default();
        if !UNSAFE.contains(&&folder[..]) && !takes_workspace_lints {
            problems.push(format!("{place} must take the workspace's lints, which forbid unsafe code"));
        }
    }
    problems
}
