//! A repository of the Hugging Face hub, of which one file is meant: `hf:OWNER/REPOSITORY[:FORMAT]`, and the ways in which
//! other programs write the same.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::hugging_face::ENDPOINT;
use crate::http;
use crate::name;
use crate::options::PullOptions;

const PREFIX: &str = "hf:";
/// Names of the hub's host, as they stand before a repository.
const HOSTS: &[&str] = &["huggingface.co/", "hf.co/"];
/// Formats of weights that are taken if none is named, the best first.
const USUAL: &[&str] = &["Q4_K_M", "Q4_0", "Q8_0", "Q5_K_M"];
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

    /// The names of its files, by the hub. The reason for a failure is part of a sentence.
    pub(crate) fn list(&self, options: &PullOptions) -> Result<Vec<String>, String> {
        #[derive(Deserialize)]
        struct Model {
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let environment = &options.environment;
        let endpoint = environment.hf_endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let url = format!("{endpoint}/api/models/{}", self.name);
        let text = http::document(&url, environment.hf_token.as_deref(), "HF_TOKEN", &options.network)?;
        let model: Model = serde_json::from_slice(&text)
            .map_err(|error| format!("the hub's list of its files is malformed ({error})"))?;
        Ok(model.siblings.into_iter().map(|sibling| sibling.rfilename).collect())
    }

    /// The file that is meant among these. The reason for a failure is part of a sentence.
    pub(crate) fn choose(&self, files: &[String]) -> Result<String, String> {
        let of_name = |file: &str| file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
        let is_model = |file: &&String| {
            let name = of_name(file);
            let is_first = name::shard_names(&name).is_none_or(|shards| shards.first() == Some(&name));
            name.ends_with(".gguf") && is_first && !name.starts_with("mmproj")
        };
        let models: Vec<&String> = files.iter().filter(is_model).collect();
        let with = |tag: &str| models.iter().find(|file| has_tag(&of_name(file), &tag.to_ascii_lowercase()));
        let found = match &self.tag {
            Some(tag) => with(tag),
            None if models.len() == 1 => models.first(),
            None => USUAL.iter().find_map(|tag| with(tag)),
        };
        if let Some(file) = found {
            return Ok((*file).clone());
        }
        let named: Vec<&str> = models.iter().take(MOST_NAMED).map(|file| file.as_str()).collect();
        Err(match (named.is_empty(), &self.tag) {
            (true, _) => "it holds no GGUF file".to_owned(),
            (false, Some(tag)) => format!("no file in it is a {tag}; there are {}", named.join(", ")),
            (false, None) => format!("name one of its files: {}", named.join(", ")),
        })
    }
}

/// Whether a file's name has a format as a part of its own: `q4_k` is none of `m-q4_k_m.gguf`.
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
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let all = files(&["README.md", "m-Q8_0.gguf", "m-Q4_K_S.gguf", "m-Q4_K_M.gguf", "mmproj-m-Q4_0.gguf"]);
        let choose = |spec: &str, files: &[String]| Repository::parse(spec).unwrap().choose(files);
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
}
