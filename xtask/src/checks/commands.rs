//! Commands and flags that documents name exist in the program, and README names every command.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::files;

/// Where commands are listed, and how the row begins.
const LISTS: &[(&str, &str)] = &[("README.md", "| commands |"), ("README.zh-CN.md", "| 命令 |")];
/// Prefixes of a call of the program in a document.
const PREFIXES: &[&str] = &["hefu ", "cargo run --release -- "];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut helps = BTreeMap::new();
    let mut problems = Vec::new();
    for path in files::below(root, ".md") {
        let place = files::short(root, &path);
        for (number, line) in files::text(&path).lines().enumerate() {
            for call in calls(line) {
                let mut words = call.split_whitespace();
                let Some(command) = words.next().filter(|word| is_name(word)) else { continue };
                let help = helps.entry(command.to_owned()).or_insert_with(|| help_of(root, &[command]));
                let Some(mut help) = help.clone() else {
                    problems.push(format!("{place}:{}: there is no command {command:?}", number + 1));
                    continue;
                };
                if let Some(inner) = words.clone().next().filter(|word| help.contains(&format!("\n  {word} "))) {
                    let key = format!("{command} {inner}");
                    help +=
                        helps.entry(key).or_insert_with(|| help_of(root, &[command, inner])).as_deref().unwrap_or("");
                }
                for flag in words.filter(|word| word.starts_with("--")) {
                    let flag = flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                    let flag = flag.split('=').next().unwrap_or(flag);
                    if flag.len() > 2 && !help.contains(flag) {
                        problems.push(format!("{place}:{}: {command:?} has no flag {flag}", number + 1));
                    }
                }
            }
        }
    }
    if helps.is_empty() {
        problems.push("no document names a command".to_owned());
    }
    let help = help_of(root, &[]).unwrap_or_default();
    for (place, row) in LISTS {
        let text = files::text(&root.join(place));
        let row = text.lines().find(|line| line.starts_with(row)).unwrap_or_default();
        problems.extend(left_out(&help, row).map(|name| format!("{place}: the row of commands leaves out `{name}`")));
    }
    problems
}

/// Commands of the program's help that a row does not name.
fn left_out<'h>(help: &'h str, row: &'h str) -> impl Iterator<Item = &'h str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // The words for a command may go on in lines that are indented further.
    let names =
        lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next());
    names.filter(|name| *name != "help" && !row.contains(&format!("`{name}`")))
}

/// Calls of the program in a line: what stands behind a prefix, in code, up to the end of the code.
fn calls(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for prefix in PREFIXES {
        for opening in [format!("`{prefix}"), format!("    {prefix}"), format!("| {prefix}"), format!("$ {prefix}")] {
            for (at, _) in line.match_indices(&opening) {
                let rest = &line[at + opening.len()..];
                found.push(rest.split('`').next().unwrap_or(rest));
            }
        }
        if let Some(rest) = line.strip_prefix(prefix) {
            found.push(rest);
        }
    }
    found
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// The variable that names the program where it is built already; cargo builds it where there is none.
const PROGRAM: &str = "HEFU";

/// The help of a command, or of one below it; `None` if there is no such command.
fn help_of(root: &Path, command: &[&str]) -> Option<String> {
    let mut program = match std::env::var_os(PROGRAM) {
        Some(program) => Command::new(program),
        None => {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(["run", "--quiet", "--release", "--package", "hefu", "--"]);
            cargo
        }
    };
    let output = program.args(command).arg("--help").current_dir(root).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_a_row_leaves_out_are_named() {
        let help = "What it does\n\nCommands:\n  run   Answer\n  pack  Keep a copy, so that\n        it starts\n  help  Print\n\nOptions:\n  -h\n";
        assert_eq!(left_out(help, "| commands | `run`, `pack` |").count(), 0);
        assert_eq!(left_out(help, "| commands | `run` |").collect::<Vec<_>>(), ["pack"]);
    }
}
