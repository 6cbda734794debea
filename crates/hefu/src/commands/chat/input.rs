//! Input from a terminal: line editing, history, several lines in one message.

use super::completion::Completion;
use super::wrap::line;
use crate::failure::Failure;
use etcetera::BaseStrategy;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

/// Prompts before the first line of a message, and before its further lines.
const PROMPTS: (&str, &str) = ("> ", "… ");
/// Begins and ends a text of several lines.
const FENCE: &str = "\"\"\"";
/// Most messages that are remembered.
const MAX_HISTORY: usize = 1000;

/// Typed input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A message or a directive.
    Text(String),
    /// Nothing to act on.
    Nothing,
    /// The person leaves.
    Left,
}

/// The terminal, or whatever is standard input.
pub(super) struct Input {
    editor: Editor<Completion, DefaultHistory>,
    history: Option<PathBuf>,
    /// Lines that were pasted behind the end of a message.
    pasted: VecDeque<String>,
}

impl Input {
    /// Opens the terminal and reads the history of earlier conversations, if there is one.
    ///
    /// # Errors
    /// If the terminal cannot be used.
    pub(super) fn new() -> Result<Self, Failure> {
        let failed = |error: ReadlineError| Failure::Other(format!("the terminal cannot be used: {error}"));
        let config = Config::builder().max_history_size(MAX_HISTORY).map_err(failed)?;
        let config = config.history_ignore_space(true).auto_add_history(false);
        let mut editor = Editor::with_config(config.completion_type(CompletionType::List).build()).map_err(failed)?;
        editor.set_helper(Some(Completion::new()));
        let history = history_file();
        if let Some(path) = &history {
            // A history that cannot be read is an empty one.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history, pasted: VecDeque::new() })
    }

    /// Greets a person; says nothing to a pipe.
    pub(super) fn say(&self, text: &str) {
        line(text);
    }

    /// The next message, of one or more lines.
    ///
    /// # Errors
    /// If the terminal fails.
    pub(super) fn next(&mut self) -> Result<Entry, Failure> {
        let mut message = Composer::default();
        loop {
            let prompt = if message.is_empty() { PROMPTS.0 } else { PROMPTS.1 };
            match self.pasted.pop_front().map_or_else(|| self.editor.readline(prompt), Ok) {
                // Pasted text comes as one line; where a fence begins or ends in it, lines count.
                Ok(text) if text.contains('\n') && (message.fenced || text.trim_start().starts_with(FENCE)) => {
                    self.pasted.extend(text.lines().map(str::to_owned));
                }
                Ok(text) => {
                    if let Some(whole) = message.push(&text) {
                        return Ok(self.entry(whole));
                    }
                }
                Err(ReadlineError::Interrupted) => {
                    self.pasted.clear();
                    line("(Ctrl-D or /quit leaves)");
                    return Ok(Entry::Nothing);
                }
                Err(ReadlineError::Eof) => {
                    let rest = message.finish();
                    return Ok(if rest.trim().is_empty() { Entry::Left } else { self.entry(rest) });
                }
                Err(error) => return Err(Failure::Other(format!("the terminal cannot be read: {error}"))),
            }
        }
    }

    fn entry(&mut self, text: String) -> Entry {
        if text.trim().is_empty() {
            return Entry::Nothing;
        }
        self.remember(&text);
        Entry::Text(text)
    }

    /// Keeps a message for the next time. Where that is impossible the conversation goes on without.
    fn remember(&mut self, text: &str) {
        let added = self.editor.add_history_entry(text).unwrap_or(false);
        if let (true, Some(path)) = (added, &self.history) {
            let _ = path.parent().map(fs::create_dir_all);
            let _ = self.editor.append_history(path);
        }
    }
}

/// `chat-history` in `HEFU_HOME`, else in the folder `hefu` of the platform's data folder.
fn history_file() -> Option<PathBuf> {
    let home = std::env::var_os("HEFU_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let platform =
        || etcetera::base_strategy::choose_native_strategy().ok().map(|folders| folders.data_dir().join("hefu"));
    home.or_else(platform).map(|folder| folder.join("chat-history"))
}

/// Puts lines together to a message.
#[derive(Debug, Default)]
struct Composer {
    lines: Vec<String>,
    fenced: bool,
}

impl Composer {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && !self.fenced
    }

    /// Takes a line; the message once it is complete.
    fn push(&mut self, line: &str) -> Option<String> {
        if self.fenced {
            return match line.trim_end().strip_suffix(FENCE) {
                Some(last) => {
                    if !last.is_empty() {
                        self.lines.push(last.to_owned());
                    }
                    Some(self.finish())
                }
                None => {
                    self.lines.push(line.to_owned());
                    None
                }
            };
        }
        if let (true, Some(first)) = (self.lines.is_empty(), line.trim_start().strip_prefix(FENCE)) {
            self.fenced = true;
            if let Some(whole) = first.strip_suffix(FENCE) {
                self.lines.push(whole.to_owned());
                return Some(self.finish());
            }
            if !first.is_empty() {
                self.lines.push(first.to_owned());
            }
            return None;
        }
        match line.strip_suffix('\\') {
            Some(start) => {
                self.lines.push(start.to_owned());
                None
            }
            None => {
                self.lines.push(line.to_owned());
                Some(self.finish())
            }
        }
    }

    fn finish(&mut self) -> String {
        self.fenced = false;
        std::mem::take(&mut self.lines).join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut composer = Composer::default();
        let mut messages: Vec<String> = text.lines().filter_map(|line| composer.push(line)).collect();
        if !composer.is_empty() {
            messages.push(composer.finish());
        }
        messages
    }

    #[test]
    fn lines_become_messages() {
        for (typed, expected) in [
            ("a\nb", vec!["a", "b"]),
            ("a\\\nb\\\nc\nd", vec!["a\nb\nc", "d"]),
            ("\"\"\"\na\n\nb\\\n\"\"\"\nc", vec!["a\n\nb\\", "c"]),
            ("\"\"\"a\nb\"\"\"", vec!["a\nb"]),
            ("\"\"\"a\"\"\"\nb", vec!["a", "b"]),
            ("\"\"\"\nnever ended", vec!["never ended"]),
            ("a\n\nb", vec!["a", "", "b"]),
            ("say \"\"\"", vec!["say \"\"\""]),
        ] {
            assert_eq!(messages(typed), expected, "{typed:?}");
        }
    }
}
