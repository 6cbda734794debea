//! The catalogue: models known by name, with the digest that decides and the sources to try.

use std::collections::HashSet;

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::StoreError;
use crate::limits::MAX_FILE_BYTES;
use crate::name::{self, ModelName};
use crate::source;

/// The catalogue that this program was built with, the file of that name at the root of its repository.
const BUILT_IN: &str = include_str!("../../../catalogue.toml");
/// The models that can be pulled by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(rename = "model", default)]
    models: Vec<CatalogueModel>,
    #[serde(rename = "repository", default)]
    repositories: Vec<CatalogueRepository>,
}

/// A repository of which a file is chosen when it is fetched. Nothing is known of its files beforehand: their digests are
/// recorded as found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueRepository {
    /// Its name here, `family:size` as a rule.
    pub name: String,
    /// Its purpose.
    pub purpose: Purpose,
    /// Millions of parameters.
    pub millions: u64,
    /// Millions of them that each token goes through, where that is not all.
    pub active: Option<u64>,
    /// One line about it.
    pub description: String,
    /// An SPDX identifier, or the name of the terms.
    pub licence: String,
    /// Where it is: `hf:OWNER/REPOSITORY`.
    pub source: String,
}

/// Purpose of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Conversations.
    Chat,
    /// Code.
    Code,
    /// Vectors of texts.
    Vectors,
}

/// One model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueModel {
    /// Its name in the store.
    pub name: String,
    /// Short names, which may contain a colon as other programs' names do.
    #[serde(rename = "also-known-as", default)]
    pub also_known_as: Vec<String>,
    /// One line about it.
    pub description: String,
    /// An SPDX identifier, or the name of the terms and where they are.
    pub licence: String,
    /// True if it is the model used when none is named.
    #[serde(default)]
    pub default: bool,
    /// Its files in order; more than one if the publisher split it.
    #[serde(rename = "file")]
    pub files: Vec<CatalogueFile>,
}

/// One file of a model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    /// The publisher's name for it.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// The digest that it must have.
    pub sha256: Digest,
    /// Where to get it, in the order to try; see [`crate::SOURCE_KINDS`].
    pub sources: Vec<String>,
}

impl CatalogueModel {
    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl Catalogue {
    /// The catalogue that this program was built with.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`]; a test of this crate keeps that from being released.
    pub fn built_in() -> Result<Self, StoreError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a catalogue in TOML: `[[model]]` tables with `[[model.file]]` tables in them.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] naming the line or the entry that is wrong.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let catalogue: Self = toml::from_str(text).map_err(|error| StoreError::Catalogue(error.to_string()))?;
        let mut names = HashSet::new();
        for model in &catalogue.models {
            check_model(model, &mut names)
                .map_err(|reason| StoreError::Catalogue(format!("the model `{}`: {reason}", model.name)))?;
        }
        for known in &catalogue.repositories {
            check_repository(known, &mut names)
                .map_err(|reason| StoreError::Catalogue(format!("the repository `{}`: {reason}", known.name)))?;
        }
        match catalogue.models.iter().filter(|model| model.default).count() {
            0 | 1 => Ok(catalogue),
            count => Err(StoreError::Catalogue(format!("{count} models are the default; one may be"))),
        }
    }

    /// All models in the order of the file.
    pub fn models(&self) -> &[CatalogueModel] {
        &self.models
    }

    /// All repositories in the order of the file.
    pub fn repositories(&self) -> &[CatalogueRepository] {
        &self.repositories
    }

    /// The repository of this name, capitals not mattering.
    pub fn repository(&self, name: &str) -> Option<&CatalogueRepository> {
        self.repositories.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// The model used when none is named.
    pub fn default_model(&self) -> Option<&CatalogueModel> {
        self.models.iter().find(|model| model.default)
    }

    /// The model of this name or short name, capitals not mattering.
    pub fn find(&self, name: &str) -> Option<&CatalogueModel> {
        let is_it = |known: &String| known.eq_ignore_ascii_case(name);
        self.models.iter().find(|model| is_it(&model.name) || model.also_known_as.iter().any(is_it))
    }

    /// Every name and short name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.models
            .iter()
            .flat_map(|model| std::iter::once(&model.name).chain(&model.also_known_as).map(String::as_str))
            .chain(self.repositories.iter().map(|known| known.name.as_str()))
    }
}

fn check_repository(known: &CatalogueRepository, names: &mut HashSet<String>) -> Result<(), String> {
    ModelName::parse(&known.name.replace(':', "-")).map_err(|error| error.to_string())?;
    if !names.insert(known.name.to_ascii_lowercase()) {
        return Err(format!("the name `{}` is used twice", known.name));
    }
    match source::hub::Repository::parse(&known.source) {
        Some(_) => Ok(()),
        None => Err(format!("`{}` is no repository: hf:OWNER/REPOSITORY", known.source)),
    }
}

fn check_model(model: &CatalogueModel, names: &mut HashSet<String>) -> Result<(), String> {
    let name = ModelName::parse(&model.name).map_err(|error| error.to_string())?;
    if name.as_str() != model.name {
        return Err("its name has capitals".to_owned());
    }
    for alias in &model.also_known_as {
        ModelName::parse(&alias.replace(':', "-")).map_err(|error| error.to_string())?;
    }
    for name in std::iter::once(&model.name).chain(&model.also_known_as) {
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(format!("the name `{name}` is used twice"));
        }
    }
    if model.files.is_empty() {
        return Err("it lists no files".to_owned());
    }
    model.files.iter().try_for_each(check_file)
}

fn check_file(file: &CatalogueFile) -> Result<(), String> {
    if !name::is_file_name(&file.name) {
        return Err(format!("`{}` cannot be a file name", file.name));
    }
    if !(1..=MAX_FILE_BYTES).contains(&file.size) {
        return Err(format!("the size {} of `{}` is out of range", file.size, file.name));
    }
    if file.sources.is_empty() {
        return Err(format!("`{}` has no sources", file.name));
    }
    file.sources.iter().try_for_each(|spec| source::parse(spec).map(|_| ()).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"
        [[model]]
        name = "a"
        also-known-as = ["a:1"]
        description = "d"
        licence = "MIT"
        [[model.file]]
        name = "A.gguf"
        size = 3
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        sources = ["https://example.org/A.gguf"]
    "#;

    const REPOSITORY: &str = r#"
        [[repository]]
        name = "b:1"
        purpose = "chat"
        millions = 1
        description = "d"
        licence = "MIT"
        source = "hf:o/r"
    "#;

    #[test]
    fn the_built_in_catalogue_has_its_models() {
        let catalogue = Catalogue::built_in().unwrap();
        let default = catalogue.default_model().unwrap();
        assert_eq!(default.name, "qwen2.5-coder-0.5b-instruct");
        assert_eq!(default.size(), 491_400_064);
        assert_eq!(catalogue.find("Qwen2.5-Coder:0.5B"), Some(default));
        assert_eq!(catalogue.find("gemma-3-270m").unwrap().size(), 253_113_024);
        assert_eq!(catalogue.find("no-such"), None);
        assert_eq!(catalogue.repository("QWEN3:4b").unwrap().source, "hf:Qwen/Qwen3-4B-GGUF");
        assert_eq!(catalogue.repository("no-such"), None);
    }

    #[test]
    fn each_fault_of_a_catalogue_is_named() {
        assert_eq!(Catalogue::parse(ONE).unwrap().models().len(), 1);
        let twice = format!("{ONE}{ONE}");
        let default = ONE.replace("name = \"a\"", "name = \"a\"\ndefault = true");
        let other = default.replace("\"a\"", "\"b\"").replace("a:1", "b:1");
        for (text, named) in [
            ("[[model]", "line 1"),
            ("nonsense = 1", "nonsense"),
            ("[[model]]\nname = \"a\"", "description"),
            (&ONE.replace("licence", "license"), "license"),
            (&ONE.replace("ba78", "ba7"), "SHA-256"),
            (&ONE.replace("size = 3", "size = 0"), "out of range"),
            (&ONE.replace("size = 3", "size = -1"), "size"),
            (&ONE.replace("size = 3", "size = 99999999999999999999"), "line"),
            (&ONE.replace("\"a\"", "\"../a\""), "../a"),
            (&ONE.replace("\"a\"", "\"A\""), "capitals"),
            (&ONE.replace("\"A.gguf\"", "\"../A\""), "../A"),
            (&ONE.replace("a:1", "a/1"), "a/1"),
            (&ONE.replace("\"https://example.org/A.gguf\"", ""), "no sources"),
            (&ONE.replace("https://", "gopher://"), "gopher"),
            (&twice, "used twice"),
            (&format!("{ONE}{REPOSITORY}").replace("b:1", "a:1"), "used twice"),
            (&REPOSITORY.replace("hf:o/r", "hf:o"), "is no repository"),
            (&REPOSITORY.replace("chat", "nothing"), "nothing"),
            (&format!("{default}{other}"), "2 models are the default"),
        ] {
            let error = Catalogue::parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}\n{text}");
        }
    }
}
