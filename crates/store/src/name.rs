//! Names of models and files: which are allowed, how split files are counted, and which known name was meant.

use std::fmt;

use crate::error::StoreError;

/// Longest name of a model or file, in bytes: room for a suffix within the 255 bytes of common file systems.
const MAX_NAME_BYTES: usize = 200;
/// Most files that one split model may have.
pub const MAX_SHARDS: u32 = 1024;
/// Number of names suggested for an unknown one.
const SUGGESTIONS: usize = 3;
/// Names of devices on Windows, where a file of that name (with any extension) cannot exist.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul"];

/// The name of a model in the store: lower-case letters, digits, `.`, `_` and `-`, with a letter or digit first.
/// Being also the name of a file, it is the same on file systems that do not tell capitals apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(String);

impl ModelName {
    /// Reads a name, taking capitals for their lower-case letters.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`] with the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let name = text.to_ascii_lowercase();
        match fault(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(StoreError::InvalidName { name: text.chars().take(MAX_NAME_BYTES).collect(), reason }),
        }
    }

    /// The name for a file that was given none: its own, without `.gguf` and without its number among split files,
    /// other characters replaced by `-`.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`] if nothing usable is left.
    pub fn from_file_name(file_name: &str) -> Result<Self, StoreError> {
        let lower = file_name.to_ascii_lowercase();
        let stem = match split_shard(&lower) {
            Some(shard) => shard.stem,
            None => lower.strip_suffix(".gguf").unwrap_or(&lower),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let plain: String = stem.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
        let trimmed = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        Self::parse(trimmed)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reason why a lower-case text is no name, if there is one.
fn fault(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Some("it is longer than 200 bytes")
    } else if !name.chars().all(allowed) {
        Some("only letters, digits, `.`, `_` and `-` are allowed")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("it must start with a letter or digit")
    } else if name.ends_with('.') {
        Some("it must not end with a dot")
    } else if RESERVED.contains(&name.split('.').next().unwrap_or_default()) {
        Some("some systems keep this name for a device")
    } else {
        None
    }
}

/// True if a text may be the name of a file in the catalogue or a manifest (capitals are allowed here).
pub(crate) fn is_file_name(text: &str) -> bool {
    fault(&text.to_ascii_lowercase()).is_none()
}

/// A file name of the form `stem-00001-of-00003.gguf`.
struct Shard<'a> {
    stem: &'a str,
    count: u32,
    extension: &'a str,
}

/// The names of all files of a split model, in order, if `file_name` is one of them: the publishers' form
/// `stem-00001-of-00003.gguf`, with five digits and at most [`MAX_SHARDS`] files. `None` for any other name.
pub fn shard_names(file_name: &str) -> Option<Vec<String>> {
    let shard = split_shard(file_name)?;
    let name = |index| {
        let Shard { stem, count, extension } = shard;
        format!("{stem}-{index:05}-of-{count:05}{extension}")
    };
    Some((1..=shard.count).map(name).collect())
}

fn split_shard(file_name: &str) -> Option<Shard<'_>> {
    let at = file_name.len().checked_sub(".gguf".len())?;
    let (body, extension) = file_name.split_at_checked(at)?;
    if !extension.eq_ignore_ascii_case(".gguf") {
        return None;
    }
    let (rest, count) = body.rsplit_once("-of-")?;
    let (stem, index) = rest.rsplit_once('-')?;
    let (index, count) = (five_digits(index)?, five_digits(count)?);
    let valid = (1..=MAX_SHARDS).contains(&count) && (1..=count).contains(&index) && !stem.is_empty();
    valid.then_some(Shard { stem, count, extension })
}

fn five_digits(text: &str) -> Option<u32> {
    let plain = text.len() == 5 && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The known names spelled most like `name`, nearest first, at most three and none that is far off.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name: String = name.chars().take(MAX_NAME_BYTES).collect::<String>().to_lowercase();
    let close_enough = (name.chars().count() / 3).max(2);
    let mut scored: Vec<(usize, &str)> = known
        .filter_map(|known| {
            let distance = strsim::osa_distance(&name, known);
            let part = name.len() >= 3 && known.contains(&name);
            (distance <= close_enough || part).then_some((distance, known))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.truncate(SUGGESTIONS);
    scored.into_iter().map(|(_, known)| known.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "c:x",
            ".hidden",
            "-flag",
            "a\0b",
            "a b",
            "é",
            "con",
            "nul.json",
            "x.",
            "~",
            "a\n",
        ] {
            assert!(ModelName::parse(name).is_err(), "{name:?}");
        }
        assert!(ModelName::parse(&"a".repeat(MAX_NAME_BYTES + 1)).is_err());
        assert_eq!(ModelName::parse("Qwen2.5-Coder_0.5B").unwrap().as_str(), "qwen2.5-coder_0.5b");
        assert!(ModelName::parse("a..b").is_ok());
    }

    #[test]
    fn file_names_give_model_names() {
        let name = |file| ModelName::from_file_name(file).map(|name| name.to_string());
        assert_eq!(name("Some Model-Q4_K_M.gguf").unwrap(), "some-model-q4_k_m");
        assert_eq!(name("Big-00002-of-00003.GGUF").unwrap(), "big");
        assert_eq!(name("--x--.bin").unwrap(), "x--.bin");
        assert!(name("….gguf").is_err());
    }

    #[test]
    fn split_files_are_counted() {
        assert_eq!(
            shard_names("m-00002-of-00003.gguf").unwrap(),
            ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"]
        );
        for name in [
            "m.gguf",
            "m-00000-of-00003.gguf",
            "m-00004-of-00003.gguf",
            "m-1-of-3.gguf",
            "-00001-of-00001.gguf",
            "m-00001-of-99999.gguf",
            "m-+0001-of-00003.gguf",
            "m-00001-of-00003.bin",
            "é",
        ] {
            assert_eq!(shard_names(name), None, "{name}");
        }
    }

    #[test]
    fn near_names_are_suggested() {
        let known = ["qwen2.5-coder-0.5b-instruct", "gemma-3-270m", "gemma3:270m"];
        let suggest = |name: &str| nearest(name, known.into_iter());
        assert_eq!(suggest("gema-3-270m"), ["gemma-3-270m", "gemma3:270m"]);
        assert_eq!(suggest("qwen2.5"), ["qwen2.5-coder-0.5b-instruct"]);
        assert!(suggest("mistral").is_empty());
    }

    proptest! {
        #[test]
        fn no_accepted_name_is_more_than_one_plain_component(text in any::<String>()) {
            if let Ok(name) = ModelName::parse(&text) {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
            }
            let _ = (shard_names(&text), ModelName::from_file_name(&text));
        }
    }
}
