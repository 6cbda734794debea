//! Filling in the middle: the tokens between which models for code take what stands before and after a gap.

use hefu_text::tokenizer::{Special, TokenType, Tokenizer};

/// Text around a gap (fill in the middle).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// Before it.
    pub prefix: String,
    /// After it.
    pub suffix: String,
    /// Beginning of the answer that fills it.
    pub start: String,
    /// Other files: their names and texts.
    pub files: Vec<(String, String)>,
}

/// The marks of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    prefix: u32,
    suffix: u32,
    middle: u32,
    /// Before the name of a repository, and before that of each file.
    files: Option<(u32, u32)>,
    /// Tokens that end an answer beside the model's own end: marks that belong to prompts.
    pub ends: Vec<u32>,
}

/// The names of the three marks in each family of models, in the order in which they stand in a prompt.
const NAMES: &[[&str; 3]] = &[
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
    ["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
    ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
    ["<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"],
    ["▁<PRE>", "▁<SUF>", "▁<MID>"],
];
/// The names of the marks of repositories and files.
const FILES: &[[&str; 2]] = &[["<|repo_name|>", "<|file_sep|>"], ["<reponame>", "<filename>"]];
/// Further marks that no filling holds.
const OTHERS: &[&str] = &["<|fim_pad|>", "<fim_pad>", "<fim-pad>", "<|cursor|>", "▁<EOT>"];

/// True if a vocabulary names the marks.
pub fn has_marks(tokens: &[&str]) -> bool {
    NAMES.iter().any(|names| names.iter().all(|name| tokens.contains(name)))
}

impl Marks {
    /// The marks of a vocabulary, if it has them as tokens that steer.
    pub fn find(tokenizer: &Tokenizer) -> Option<Self> {
        let vocabulary = tokenizer.vocabulary();
        let find = |name: &str| {
            let mut tokens = (0_u32..).zip(vocabulary.tokens.iter().zip(&vocabulary.types));
            let is_steering = |kind: &TokenType| matches!(kind, TokenType::Control | TokenType::UserDefined);
            tokens.find(|(_, (text, kind))| *text == name && is_steering(kind)).map(|(id, _)| id)
        };
        let [prefix, suffix, middle] =
            NAMES.iter().find_map(|[prefix, suffix, middle]| Some([find(prefix)?, find(suffix)?, find(middle)?]))?;
        let files = FILES.iter().find_map(|[repository, file]| Some((find(repository)?, find(file)?)));
        let ends = [prefix, suffix, middle].into_iter().chain(files.into_iter().flat_map(|(a, b)| [a, b]));
        let ends = ends.chain(OTHERS.iter().filter_map(|name| find(name))).collect();
        Some(Self { prefix, suffix, middle, files, ends })
    }

    /// The prompt that asks for what fills a gap. All texts stay texts, whatever marks are written in them.
    pub fn prompt(&self, tokenizer: &Tokenizer, gap: &Gap) -> Vec<u32> {
        let text = |text: &str| tokenizer.encode(text, Special::Plain);
        let vocabulary = tokenizer.vocabulary();
        let mut ids: Vec<u32> = vocabulary.bos.filter(|_| vocabulary.add_bos).into_iter().collect();
        match self.files.filter(|_| !gap.files.is_empty()) {
            Some((repository, file)) => {
                ids.push(repository);
                ids.extend(text("project\n"));
                for (name, content) in &gap.files {
                    ids.push(file);
                    ids.extend(text(&format!("{name}\n{content}\n")));
                }
                ids.push(file);
                ids.extend(text("file\n"));
                ids.push(self.prefix);
                ids.extend(text(&gap.prefix));
            }
            None => {
                // A model that knows no marks of files reads them before what it fills.
                let before: String = gap.files.iter().map(|(_, content)| format!("{content}\n")).collect();
                ids.push(self.prefix);
                ids.extend(text(&format!("{before}{}", gap.prefix)));
            }
        }
        ids.push(self.suffix);
        ids.extend(text(&gap.suffix));
        ids.push(self.middle);
        if !gap.start.is_empty() {
            ids.extend(text(&gap.start));
        }
        ids
    }
}

impl Gap {
    /// The bytes of all of its texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
        [self.prefix.as_str(), &self.suffix, &self.start].into_iter().chain(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::tokenizer;

    fn shown(tokenizer: &Tokenizer, gap: &Gap) -> String {
        let ids = Marks::find(tokenizer).unwrap().prompt(tokenizer, gap);
        String::from_utf8(ids.iter().flat_map(|id| tokenizer.token_bytes(*id, true)).copied().collect()).unwrap()
    }

    #[test]
    fn a_gap_is_put_between_the_marks_that_the_vocabulary_has() {
        let gap = |files: &[(&str, &str)]| Gap {
            prefix: "a<fim_prefix>".to_owned(),
            suffix: "b".to_owned(),
            start: "c".to_owned(),
            files: files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        };
        let plain = tokenizer(&["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]);
        assert_eq!(shown(&plain, &gap(&[])), "<fim_prefix>a<fim_prefix><fim_suffix>b<fim_middle>c");
        assert_eq!(shown(&plain, &gap(&[("x.c", "d")])), "<fim_prefix>d\na<fim_prefix><fim_suffix>b<fim_middle>c");
        let marks =
            ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"];
        let files = tokenizer(&marks);
        assert_eq!(
            shown(&files, &gap(&[("x.c", "d")])),
            "<|repo_name|>project\n<|file_sep|>x.c\nd\n<|file_sep|>file\n<|fim_prefix|>a<fim_prefix><|fim_suffix|>b\
             <|fim_middle|>c"
        );
        assert_eq!(Marks::find(&files).unwrap().ends.len(), marks.len());
        // A text that looks like a mark is none: "<fim_prefix>" above is 12 letters.
        assert_eq!(Marks::find(&plain).unwrap().prompt(&plain, &gap(&[])).len(), 3 + 13 + 1 + 1);
        assert!(Marks::find(&tokenizer(&["<fim_prefix>", "<fim_suffix>"])).is_none());
        assert!(has_marks(&marks) && !has_marks(&["<fim_prefix>"]));
    }
}
