//! Repository checks, what the compiler cannot see but a reader relies on; and the products of a release.
//!
//! ```text
//! cargo xtask            every check
//! cargo xtask NAME ...   some of them
//! cargo xtask count      figures of the code; with `names`, the public items that no other crate uses
//! cargo xtask dist       products for people without a compiler
//! cargo xtask chips      whether other chips, emulated, give the same bits
//! cargo xtask tab        the verifier for a tab of a browser
//! cargo xtask new        the skeleton of a family, an operation, a chip or a lesson
//! cargo xtask map        the picture of the crates, made again
//! ```

mod checks;
mod chips;
mod count;
mod dist;
mod files;
mod map;
mod modules;
mod new;
mod tab;

use std::path::Path;
use std::process::ExitCode;

/// Action of a name on the command line, in the repository, with the words after it.
type Command = fn(&Path, &[String]) -> Result<(), String>;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.first().is_some_and(|name| name == "count") {
        let is_right = count::run(&files::root(), wanted.get(1).is_some_and(|name| name == "names"));
        return if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let command: Option<Command> = match wanted.first().map(String::as_str) {
        Some("dist") => Some(dist::run),
        Some("chips") => Some(chips::run),
        Some("tab") => Some(tab::run),
        Some("new") => Some(new::run),
        Some("map") => Some(map::run),
        _ => None,
    };
    if let Some(command) = command {
        return match command(&files::root(), &wanted[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                eprintln!("xtask: {sentence}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(unknown) = wanted.iter().find(|name| !checks::ALL.iter().any(|check| check.name == **name)) {
        let names: Vec<_> = checks::ALL.iter().map(|check| check.name).collect();
        eprintln!("xtask: there is no check {unknown:?}; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let mut failed = false;
    for check in checks::ALL.iter().filter(|check| wanted.is_empty() || wanted.iter().any(|name| name == check.name)) {
        let problems = (check.run)(&files::root());
        println!("{:14} {}", check.name, if problems.is_empty() { "ok" } else { "FAILED" });
        for problem in &problems {
            println!("    {problem}");
        }
        failed |= !problems.is_empty();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
