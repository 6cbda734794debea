//! A repository of the Hugging Face hub, of which one file is meant: `hf:OWNER/REPOSITORY[:FORMAT]`, and the ways in which
//! other programs write the same.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::hugging_face::ENDPOINT;
use crate::http;
use crate::name;
use crate::options::PullOptions;
use crate::progress::Reason;

const PREFIX: &str = "hf:";
/// Names of the hub's host, as they stand before a repository.
const HOSTS: &[&str] = &["huggingface.co/", "hf.co/"];
/// Formats of weights that are taken if none is named and memory bears them, the most usual first.
const USUAL: &[&str] = &["Q4_K_M", "MXFP4", "Q4_0", "Q8_0", "Q5_K_M"];
/// Most files that are named to somebody who must choose.
const MOST_NAMED: usize = 12;

/// A repository, and what is known of the file that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// `owner/repository`.
    name: String,
    /// A part of the file's name, the format of its weights as a rule.
    tag: Option<String>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubFile {
    pub(crate) name: String,
    /// Its length in bytes, where the hub says it.
    pub(crate) size: Option<u64>,
}

/// The file that is meant, and why it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) file: String,
    /// Bytes of it, and of the files that it is split into.
    pub(crate) size: Option<u64>,
    pub(crate) reason: Reason,
}

/// A source as this program writes it: addresses of the hub's pages become `hf:`; others stay.
pub(crate) fn plain(spec: &str) -> Cow<'_, str> {
    let bare = spec.strip_prefix("https://").unwrap_or(spec);
    let Some(path) = HOSTS.iter().find_map(|host| bare.strip_prefix(host)) else { return Cow::Borrowed(spec) };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    Cow::Owned(match parts.as_slice() {
        [owner, repository, "blob" | "resolve", revision, file @ ..] if !file.is_empty() => {
            format!("{PREFIX}{owner}/{repository}/{}@{revision}", file.join("/"))
        }
        _ => format!("{PREFIX}{path}"),
    })
}

impl Repository {
    /// Reads `hf:owner/repository[:format]`; `None` for anything else, a source that names its file among it.
    pub(crate) fn parse(spec: &str) -> Option<Self> {
        let (path, tag) = match spec.strip_prefix(PREFIX)?.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (spec.strip_prefix(PREFIX)?, None),
        };
        let (owner, repository) = path.split_once('/')?;
        let plain = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
            !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
        };
        let is_whole = plain(owner) && plain(repository) && tag.is_none_or(plain);
        is_whole.then(|| Self { name: path.to_owned(), tag: tag.map(str::to_owned) })
    }

    /// The source of a file of it.
    pub(crate) fn source_of(&self, file: &str) -> String {
        format!("{PREFIX}{}/{file}", self.name)
    }

    /// The file that a source names, if it is of this repository.
    pub(crate) fn file_in(&self, source: &str) -> Option<String> {
        let file = source.strip_prefix(PREFIX)?.strip_prefix(&self.name)?.strip_prefix('/')?;
        Some(file.split('@').next().unwrap_or(file).to_owned())
    }

    /// Its files, by the hub. The reason for a failure is part of a sentence.
    pub(crate) fn list(&self, options: &PullOptions) -> Result<Vec<HubFile>, String> {
        #[derive(Deserialize)]
        struct Model {
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
            size: Option<u64>,
        }
        let environment = &options.environment;
        let endpoint = environment.hf_endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let url = format!("{endpoint}/api/models/{}?blobs=true", self.name);
        let text = http::document(&url, environment.hf_token.as_deref(), "HF_TOKEN", &options.network)?;
        let model: Model = serde_json::from_slice(&text)
            .map_err(|error| format!("the hub's list of its files is malformed ({error})"))?;
        let file = |Sibling { rfilename: name, size }| HubFile { name, size };
        Ok(model.siblings.into_iter().map(file).collect())
    }

    /// The file that is meant among these, one that takes no more than `room` bytes if none is named. The reason for a failure
    /// is part of a sentence.
    pub(crate) fn choose(&self, files: &[HubFile], room: Option<u64>) -> Result<Chosen, String> {
        let models: Vec<(&str, Option<u64>)> = models(files);
        let with = |tag: &str| {
            let tag = tag.to_ascii_lowercase();
            models.iter().filter(move |(file, _)| has_tag(&of_name(file), &tag)).copied()
        };
        let fits = |(_, size): &(&str, Option<u64>)| room.zip(*size).is_none_or(|(room, size)| size <= room);
        let found = match &self.tag {
            Some(tag) => with(tag).next().map(|file| (file, Reason::Named)),
            None if models.len() == 1 => models.first().map(|file| (*file, Reason::Only)),
            None => {
                let usual = USUAL.iter().find_map(|tag| with(tag).find(fits)).map(|file| (file, Reason::Usual));
                let has_usual = USUAL.iter().any(|tag| with(tag).next().is_some());
                let others = models.iter().filter(|file| has_usual && file.1.is_some() && fits(file));
                usual.or_else(|| others.max_by_key(|file| file.1).map(|file| (*file, Reason::Largest)))
            }
        };
        if let Some(((file, size), reason)) = found {
            return Ok(Chosen { file: file.to_owned(), size, reason });
        }
        let named: Vec<&str> = models.iter().take(MOST_NAMED).map(|(file, _)| *file).collect();
        let least = models.iter().filter_map(|(_, size)| *size).min();
        Err(match (named.is_empty(), &self.tag, least.zip(room)) {
            (true, ..) => "it holds no GGUF file".to_owned(),
            (false, Some(tag), _) => format!("no file in it is a {tag}; there are {}", named.join(", ")),
            (false, None, Some((least, room))) if least > room => format!(
                "none of its files fits into the memory of this machine: the smallest has {} MiB, and a model may take {} MiB; name \
                 one of them to fetch it all the same: {}",
                least >> 20,
                room >> 20,
                named.join(", ")
            ),
            (false, None, _) => format!("name one of its files: {}", named.join(", ")),
        })
    }
}

/// The files that are models, the first of each split one, with the bytes of all their parts.
fn models(files: &[HubFile]) -> Vec<(&str, Option<u64>)> {
    let size_of = |file: &HubFile| match name::shard_names(&file.name) {
        None => file.size,
        Some(parts) => {
            let part = |name: &String| files.iter().find(|file| file.name == *name)?.size;
            parts.iter().map(part).sum()
        }
    };
    let is_model = |file: &&HubFile| {
        let name = of_name(&file.name);
        let is_first = name::shard_names(&name).is_none_or(|shards| shards.first() == Some(&name));
        name.ends_with(".gguf") && is_first && !name.starts_with("mmproj")
    };
    files.iter().filter(is_model).map(|file| (file.name.as_str(), size_of(file))).collect()
}

/// The name of a file without its folders.
fn of_name(file: &str) -> String {
    file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase()
}

/// True if a file's name has a format as a part of its own: `q4_k` is none of `m-q4_k_m.gguf`.
fn has_tag(name: &str, tag: &str) -> bool {
    let stem = name.strip_suffix(".gguf").unwrap_or(name);
    let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
    stem.match_indices(tag).any(|(at, found)| {
        let before = stem.get(..at).and_then(|text| text.chars().next_back());
        let after = stem.get(at + found.len()..).and_then(|text| text.chars().next());
        is_border(before) && is_border(after)
    })
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = self.tag.as_deref().map(|tag| format!(":{tag}")).unwrap_or_default();
        write!(f, "{PREFIX}{}{tag}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_hub_are_sources_of_it() {
        for (spec, expected) in [
            ("hf.co/o/r:Q4_K_M", "hf:o/r:Q4_K_M"),
            ("https://huggingface.co/o/r", "hf:o/r"),
            ("https://hf.co/o/r/", "hf:o/r"),
            ("huggingface.co/o/r/blob/main/sub/m.gguf", "hf:o/r/sub/m.gguf@main"),
            ("https://huggingface.co/o/r/resolve/v2/m.gguf?download=true", "hf:o/r/m.gguf@v2"),
            ("hf:o/r/m.gguf", "hf:o/r/m.gguf"),
            ("https://example.org/m.gguf", "https://example.org/m.gguf"),
            ("qwen2.5-coder", "qwen2.5-coder"),
        ] {
            assert_eq!(plain(spec), expected, "{spec}");
        }
        for none in ["hf:o/r/m.gguf", "hf:o", "hf:../r", "hf:o/r:a/b", "hf:o/r:", "ms:o/r", "o/r"] {
            assert_eq!(Repository::parse(none), None, "{none}");
        }
    }

    #[test]
    fn the_file_that_is_meant_is_found_or_a_choice_is_asked_for() {
        let files = |names: &[&str]| {
            let file = |name: &&str| HubFile { name: (*name).to_owned(), size: None };
            names.iter().map(file).collect::<Vec<_>>()
        };
        let all = files(&["README.md", "m-Q8_0.gguf", "m-Q4_K_S.gguf", "m-Q4_K_M.gguf", "mmproj-m-Q4_0.gguf"]);
        let choose = |spec: &str, files: &[HubFile]| {
            Repository::parse(spec).unwrap().choose(files, Some(1)).map(|chosen| chosen.file)
        };
        assert_eq!(choose("hf:o/r", &all).unwrap(), "m-Q4_K_M.gguf");
        assert_eq!(choose("hf:o/r:q8_0", &all).unwrap(), "m-Q8_0.gguf");
        assert!(choose("hf:o/r:Q4_K", &all).unwrap_err().contains("m-Q4_K_S.gguf"));
        assert!(choose("hf:o/r:Q4_0", &all).unwrap_err().contains("no file in it is a Q4_0"));
        assert_eq!(choose("hf:o/r", &files(&["x/only.gguf"])).unwrap(), "x/only.gguf");
        assert!(choose("hf:o/r", &files(&["a-F16.gguf", "b-F16.gguf"])).unwrap_err().contains("name one of its files"));
        assert!(choose("hf:o/r", &files(&["model.safetensors"])).unwrap_err().contains("no GGUF file"));
        let split = files(&["m-Q8_0-00002-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf"]);
        assert_eq!(choose("hf:o/r:Q8_0", &split).unwrap(), "m-Q8_0-00001-of-00002.gguf");
        let repository = Repository::parse("hf:o/r").unwrap();
        assert_eq!(repository.file_in(&repository.source_of("x/only.gguf")).as_deref(), Some("x/only.gguf"));
        assert_eq!(repository.file_in("hf:o/rest/only.gguf"), None);
    }

    #[test]
    fn a_file_is_chosen_that_memory_bears() {
        let file = |name: &str, size| HubFile { name: name.to_owned(), size: Some(size) };
        let files = [
            file("m-Q2_K.gguf", 30),
            file("m-IQ3_XS.gguf", 35),
            file("m-Q4_K_M.gguf", 50),
            file("m-Q8_0-00001-of-00002.gguf", 60),
            file("m-Q8_0-00002-of-00002.gguf", 40),
        ];
        let repository = Repository::parse("hf:o/r").unwrap();
        let choose = |room| repository.choose(&files, Some(room));
        let chosen = |file: &str, size, reason| Ok(Chosen { file: file.to_owned(), size: Some(size), reason });
        assert_eq!(choose(50), chosen("m-Q4_K_M.gguf", 50, Reason::Usual));
        assert_eq!(choose(49), chosen("m-IQ3_XS.gguf", 35, Reason::Largest));
        assert_eq!(choose(30), chosen("m-Q2_K.gguf", 30, Reason::Largest));
        assert!(choose(29).unwrap_err().contains("none of its files fits"));
        // A named file is fetched, whatever its size.
        let named = Repository::parse("hf:o/r:Q8_0").unwrap().choose(&files, Some(1));
        assert_eq!(named, chosen("m-Q8_0-00001-of-00002.gguf", 100, Reason::Named));
    }
}
