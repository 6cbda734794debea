//! Completions of the Tab key: directives, names of models and files.

use super::directive::NAMES;
use crate::models;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

/// Completes lines that begin with `/`; in messages Tab does nothing.
pub(super) struct Completion {
    files: FilenameCompleter,
}

impl Completion {
    pub(super) fn new() -> Self {
        Self { files: FilenameCompleter::new() }
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        if !typed.starts_with('/') {
            return Ok((at, Vec::new()));
        }
        let Some((name, argument)) = typed.split_once(' ') else {
            let names = NAMES.iter().map(|name| format!("/{name}"));
            return Ok((0, beginning_with(typed, names)));
        };
        match name {
            "/save" | "/load" => self.files.complete(line, at, context),
            "/model" if argument.contains('/') => self.files.complete(line, at, context),
            "/model" => Ok((at - argument.len(), beginning_with(argument, stored().into_iter()))),
            _ => Ok((at, Vec::new())),
        }
    }
}

fn beginning_with(typed: &str, names: impl Iterator<Item = String>) -> Vec<Pair> {
    let fitting = names.filter(|name| name.starts_with(typed));
    fitting.map(|name| Pair { display: name.clone(), replacement: name }).collect()
}

/// Names of the models that are here. A store that cannot be read has none to offer.
fn stored() -> Vec<String> {
    let listing = models::open_store().ok().and_then(|store| store.list().ok());
    listing.into_iter().flat_map(|listing| listing.models).map(|model| model.name).collect()
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}

impl Validator for Completion {}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::history::DefaultHistory;

    fn offered(typed: &str) -> Vec<String> {
        let history = DefaultHistory::new();
        let found = Completion::new().complete(typed, typed.len(), &Context::new(&history)).unwrap().1;
        found.into_iter().map(|pair| pair.replacement).collect()
    }

    #[test]
    fn directives_and_files_are_offered_and_messages_left_alone() {
        assert_eq!(offered("/co"), ["/compact"]);
        assert_eq!(offered("/s"), ["/system", "/seed", "/save", "/stats"]);
        assert!(offered("hello /co").is_empty() && offered("/seed 1").is_empty());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("talk.json"), "").unwrap();
        let typed = format!("/load {}/ta", folder.path().display());
        assert_eq!(offered(&typed), [format!("{}/talk.json", folder.path().display())]);
        assert_eq!(offered(&typed.replace("/load", "/model")), offered(&typed));
    }
}
