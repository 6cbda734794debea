//! All checks.

mod commands;
mod dependencies;
mod directions;
mod families;
mod functions;
mod languages;
mod lessons;
mod links;
mod paths;
mod public;
mod sizes;
mod tables;
mod unfinished;

use std::path::Path;

/// One check: given the repository's root, the problems that it found, a sentence each.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: fn(root: &Path) -> Vec<String>,
}

/// Every check.
pub(crate) const ALL: &[Check] = &[
    Check { name: "dependencies", run: dependencies::run },
    Check { name: "directions", run: directions::run },
    Check { name: "families", run: families::run },
    Check { name: "tables", run: tables::run },
    Check { name: "sizes", run: sizes::run },
    Check { name: "functions", run: functions::run },
    Check { name: "paths", run: paths::run },
    Check { name: "public", run: public::run },
    Check { name: "map", run: crate::map::check },
    Check { name: "languages", run: languages::run },
    Check { name: "lessons", run: lessons::run },
    Check { name: "unfinished", run: unfinished::run },
    Check { name: "links", run: links::run },
    Check { name: "commands", run: commands::run },
];
