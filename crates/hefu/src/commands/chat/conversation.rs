//! A conversation, and the file that it is saved in.

use crate::failure::Failure;
use crate::output::text_file;
use hefu_answer::{Message, Role as Speaker};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The version of the file's form.
const VERSION: u32 = 1;

/// Everything that a conversation can be continued from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    version: u32,
    /// Instructions before the conversation.
    pub(super) system: Option<String>,
    /// The seed of every random number.
    pub(super) seed: u64,
    turns: Vec<Turn>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    role: Role,
    content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

impl Saved {
    /// A conversation without messages.
    pub(super) fn new(system: Option<String>, seed: u64) -> Self {
        Self { version: VERSION, system, seed, turns: Vec::new() }
    }

    /// Appends what the person says.
    pub(super) fn user(&mut self, text: &str) {
        self.turns.push(Turn { role: Role::User, content: text.to_owned() });
    }

    /// Appends what the model said.
    pub(super) fn assistant(&mut self, text: &str) {
        self.turns.push(Turn { role: Role::Assistant, content: text.to_owned() });
    }

    /// Removes the last message.
    pub(super) fn take_back(&mut self) {
        self.turns.pop();
    }

    /// Removes the oldest question with its answer, unless it is the last one.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let next = self.turns.iter().skip(1).position(|turn| turn.role == Role::User);
        self.turns.drain(..next.map_or(0, |at| at + 1));
        next.is_some()
    }

    /// Removes all messages.
    pub(super) fn clear(&mut self) {
        self.turns.clear();
    }

    /// Number of messages.
    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    /// The messages, instructions first.
    pub(super) fn messages(&self) -> Vec<Message> {
        let turns = self.turns.iter().map(|turn| match turn.role {
            Role::User => Message::new(Speaker::User, &turn.content),
            Role::Assistant => Message::new(Speaker::Assistant, &turn.content),
        });
        let system = self.system.as_deref().map(|text| Message::new(Speaker::System, text));
        system.into_iter().chain(turns).collect()
    }

    /// Writes the conversation; a conversation that is there is replaced, and nothing else is.
    ///
    /// # Errors
    /// If the file cannot be written, or holds something else.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let is_foreign = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
        if is_foreign && Self::read(path).is_err() {
            let shown = path.display();
            return Err(Failure::Other(format!("{shown} is there already and is no conversation; give another name")));
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::Other(format!("the conversation cannot be written: {error}")))?;
        fs::write(path, text + "\n").map_err(|error| Failure::file("write", path, error))
    }

    /// Reads a conversation.
    ///
    /// # Errors
    /// If the file cannot be read, or is not one that [`Saved::write`] made.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let bad = |reason: String| Failure::Other(format!("{} is not a saved conversation: {reason}", path.display()));
        let saved: Self = serde_json::from_str(&text_file(path)?).map_err(|error| bad(error.to_string()))?;
        if saved.version != VERSION {
            return Err(bad(format!("it is of version {}, not {VERSION}", saved.version)));
        }
        Ok(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("talk.json");
        let mut saved = Saved::new(Some("Be brief.".to_owned()), u64::MAX);
        saved.user("\u{0}你好\n\"");
        saved.assistant("");
        saved.write(&path).unwrap();
        assert_eq!(Saved::read(&path).unwrap(), saved);
        assert_eq!(saved.messages().len(), 3);

        saved.user("more");
        saved.write(&path).unwrap();
        assert_eq!(Saved::read(&path).unwrap(), saved, "a conversation is replaced");
    }

    #[test]
    fn a_file_that_is_no_conversation_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thesis.txt");
        fs::write(&path, "years of work").unwrap();
        let sentence = Saved::new(None, 1).write(&path).unwrap_err().to_string();
        assert!(sentence.contains("is no conversation; give another name"), "{sentence}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "years of work");
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        for (text, reason) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (r#"{"version": 9, "system": null, "seed": 1, "turns": []}"#, "version 9"),
            (
                r#"{"version": 1, "system": null, "seed": 1, "turns": [{"role": "x", "content": ""}]}"#,
                "unknown variant",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let sentence = Saved::read(&path).unwrap_err().to_string();
            assert!(sentence.contains("is not a saved conversation") && sentence.contains(reason), "{sentence}");
        }
        assert!(Saved::read(&folder.path().join("none")).is_err());
    }
}
