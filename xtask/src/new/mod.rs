//! Skeletons for those who add something: `cargo xtask new family|operation|chip|lesson NAME`.
//!
//! Every file and line that the new thing needs is written where it belongs, so that the compiler and the tests name what is
//! still to be filled in; what only a person can decide is printed as a list.

mod kinds;

use std::path::Path;

use kinds::KINDS;

/// One change of the repository.
pub(crate) enum Edit {
    /// A new file.
    File { path: String, text: String },
    /// Lines before the first `anchor` that follows the first `after`.
    Before { path: &'static str, after: &'static str, anchor: &'static str, text: String },
    /// A line among others of its form, at its place in the alphabet: those that begin and end so.
    Sorted { path: &'static str, begins: &'static str, ends: &'static str, line: String },
}

/// A kind of thing that can be begun.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) edits: fn(name: &str) -> Vec<Edit>,
    /// Remaining steps, in order.
    pub(crate) then: fn(name: &str) -> Vec<String>,
}

/// Writes the skeleton and says what comes next; what is wrong otherwise, in one sentence.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    let kinds = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join("|");
    let [kind, name] = words else { return Err(format!("cargo xtask new {} NAME", kinds())) };
    let kind = KINDS.iter().find(|known| known.name == kind);
    let kind = kind.ok_or_else(|| format!("there is no such kind; there are {}", kinds()))?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_word) {
        return Err(format!("{name:?} is no name for a file of Rust: small letters, digits and _"));
    }
    // Nothing is written before all of it is known to have a place.
    let files: Vec<(String, String)> = changed(root, (kind.edits)(name))?;
    for (path, text) in &files {
        let place = root.join(path);
        let folder = std::fs::create_dir_all(place.parent().unwrap_or(root));
        folder
            .and_then(|()| std::fs::write(place, text))
            .map_err(|error| format!("{path} cannot be written: {error}"))?;
        println!("wrote  {path}");
    }
    println!("\nNow:");
    for (number, line) in (kind.then)(name).iter().enumerate() {
        println!("{}. {line}", number + 1);
    }
    Ok(())
}

/// The changed files with their whole texts.
fn changed(root: &Path, edits: Vec<Edit>) -> Result<Vec<(String, String)>, String> {
    let mut files: Vec<(String, String)> = Vec::new();
    for edit in edits {
        let (path, text) = match edit {
            Edit::File { path, text } => {
                if root.join(&path).exists() {
                    return Err(format!("{path} is there already"));
                }
                (path, text)
            }
            Edit::Before { path, after, anchor, text } => {
                let old = current(root, &files, path)?;
                let begin = old.find(after).map(|at| at + after.len());
                let at = begin.and_then(|begin| old.get(begin..)?.find(anchor).map(|at| begin + at));
                let at =
                    at.ok_or_else(|| format!("{path} has no {anchor:?} after {after:?}; say so in xtask/src/new"))?;
                (path.to_owned(), format!("{}{text}{}", &old[..at], &old[at..]))
            }
            Edit::Sorted { path, begins, ends, line } => {
                let old = current(root, &files, path)?;
                let alike = |other: &&str| other.starts_with(begins) && other.ends_with(ends);
                let lines: Vec<&str> = old.lines().collect();
                let next = lines.iter().position(|other| alike(other) && **other > *line);
                let last = lines.iter().rposition(alike).map(|at| at + 1);
                let at = next
                    .or(last)
                    .ok_or_else(|| format!("{path} has no line like {line:?}; say so in xtask/src/new"))?;
                let all = lines[..at].iter().copied().chain([&line[..]]).chain(lines[at..].iter().copied());
                (path.to_owned(), all.flat_map(|line| [line, "\n"]).collect())
            }
        };
        match files.iter_mut().find(|(known, _)| *known == path) {
            Some(known) => known.1 = text,
            None => files.push((path, text)),
        }
    }
    Ok(files)
}

/// A file as the edits so far have left it.
fn current(root: &Path, files: &[(String, String)], path: &str) -> Result<String, String> {
    match files.iter().find(|(known, _)| known == path) {
        Some((_, text)) => Ok(text.clone()),
        None => std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skeleton_has_its_places_and_keeps_what_is_there() {
        let root = crate::files::root();
        for kind in KINDS {
            let files = changed(&root, (kind.edits)("zz_new_thing")).unwrap();
            assert!(!files.is_empty(), "{}", kind.name);
            for (path, text) in files {
                assert!(text.contains("zz_new_thing") || text.contains("ZZ_NEW_THING"), "{path}");
                let old = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
                let mut new = text.lines();
                assert!(old.lines().all(|line| new.any(|other| other == line)), "{path} lost a line");
                if path.ends_with(".rs") {
                    syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
                }
            }
        }
    }

    #[test]
    fn a_skeleton_with_a_folder_of_its_own_is_written() {
        let root = std::env::temp_dir().join(format!("hefu-xtask-new-{}", std::process::id()));
        run(&root, &["lesson", "zz_new_thing"].map(str::to_owned)).unwrap();
        let written = crate::files::below(&root, "");
        std::fs::remove_dir_all(&root).unwrap();
        let names: Vec<_> = written.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["en.md", "lesson.toml", "zh-CN.md"]);
    }

    #[test]
    fn wrong_words_are_refused() {
        let run =
            |words: &[&str]| run(Path::new("/nowhere"), &words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(run(&[]).unwrap_err().contains("family|operation|chip|lesson"));
        assert!(run(&["familly", "x"]).unwrap_err().contains("no such kind"));
        assert!(run(&["family", "Some Name"]).unwrap_err().contains("no name for a file"));
        assert!(run(&["family", "some_name"]).unwrap_err().contains("cannot be read"));
    }
}
