//! A bill of materials in CycloneDX 1.6 (ECMA-424): what the program, and a model, are made of.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A model in a bill of materials.
#[derive(Debug, Clone, Default)]
pub struct ModelEntry {
    /// Its name.
    pub name: String,
    /// Its licence, as an SPDX identifier or in words.
    pub licence: Option<String>,
    /// Name and SHA-256 (hexadecimal) of each of its files.
    pub files: Vec<(String, String)>,
    /// The family, `qwen2` for example.
    pub architecture: String,
    /// Further facts, name and value.
    pub properties: Vec<(String, String)>,
}

/// A lock file that is none.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the list of libraries is no lock file: {0}")]
pub struct Error(String);

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Package {
    /// The package URL, by which components refer to each other.
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// The bill of materials of the program `root` by the text of its Cargo.lock, with the models given.
///
/// `made` is the time in RFC 3339; `None` leaves it out, so that the same input gives the same bytes.
///
/// # Errors
/// If the lock file cannot be read, or does not hold `root`.
pub fn bill(lock: &str, root: &str, models: &[ModelEntry], made: Option<&str>) -> Result<Value, Error> {
    let lock: Lock = toml::from_str(lock).map_err(|error| Error(error.to_string()))?;
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &lock.package {
        by_name.entry(&package.name).or_default().push(package);
    }
    let root = by_name.get(root).and_then(|found| found.first()).ok_or_else(|| Error(format!("it lacks {root}")))?;
    let reached = reach(root, &by_name);
    let mut components: Vec<Value> = reached
        .values()
        .filter(|package| package.reference() != root.reference())
        .map(|package| library(package))
        .collect();
    components.extend(models.iter().map(model));
    let dependencies: Vec<Value> = reached
        .values()
        .map(|package| {
            let on: Vec<String> = needs(package, &by_name).iter().map(|package| package.reference()).collect();
            json!({"ref": package.reference(), "dependsOn": on})
        })
        .collect();
    let mut metadata = Map::new();
    if let Some(made) = made {
        metadata.insert("timestamp".into(), made.into());
    }
    metadata.insert("component".into(), program(root));
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that a package names: `name`, `name version` or `name version (source)`.
fn needs<'a>(package: &Package, by_name: &BTreeMap<&str, Vec<&'a Package>>) -> Vec<&'a Package> {
    let find = |text: &String| {
        let mut words = text.split(' ');
        let found = by_name.get(words.next().unwrap_or_default())?;
        match words.next() {
            Some(version) => found.iter().find(|package| package.version == version).copied(),
            None => found.first().copied(),
        }
    };
    package.dependencies.iter().filter_map(find).collect()
}

/// Everything that the root needs, itself included, by reference.
fn reach<'a>(root: &'a Package, by_name: &BTreeMap<&str, Vec<&'a Package>>) -> BTreeMap<String, &'a Package> {
    let mut reached = BTreeMap::new();
    let mut waiting = vec![root];
    while let Some(package) = waiting.pop() {
        if reached.insert(package.reference(), package).is_none() {
            waiting.extend(needs(package, by_name));
        }
    }
    reached
}

fn program(package: &Package) -> Value {
    json!({
        "type": "application",
        "bom-ref": package.reference(),
        "name": package.name,
        "version": package.version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    })
}

fn library(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": package.reference(),
        "name": package.name,
        "version": package.version,
        "purl": package.reference(),
    });
    if let (Some(checksum), Some(fields)) = (&package.checksum, component.as_object_mut()) {
        fields.insert("hashes".into(), json!([{"alg": "SHA-256", "content": checksum}]));
    }
    if let (None, Some(fields)) = (&package.source, component.as_object_mut()) {
        // A part of the program itself.
        fields.insert("licenses".into(), json!([{"license": {"id": "Apache-2.0"}}]));
        fields.shift_remove("purl");
    }
    component
}

fn model(entry: &ModelEntry) -> Value {
    let file = |(name, digest): &(String, String)| json!({"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]});
    let property = |(name, value): &(String, String)| json!({"name": name, "value": value});
    let mut component = json!({
        "type": "machine-learning-model",
        "bom-ref": format!("model:{}", entry.name),
        "name": entry.name,
        "modelCard": {"modelParameters": {"task": "text-generation", "architectureFamily": entry.architecture}},
        "components": entry.files.iter().map(file).collect::<Vec<_>>(),
        "properties": entry.properties.iter().map(property).collect::<Vec<_>>(),
    });
    if let (Some(licence), Some(fields)) = (&entry.licence, component.as_object_mut()) {
        fields.insert("licenses".into(), json!([{"license": {"name": licence}}]));
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = include_str!("../../../Cargo.lock");

    #[test]
    fn the_program_is_listed_with_what_it_needs_and_nothing_else() {
        let model = ModelEntry { name: "m".into(), files: vec![("m.gguf".into(), "00".into())], ..Default::default() };
        let bill = bill(LOCK, "hefu", &[model], None).unwrap();
        let components = bill["components"].as_array().unwrap();
        let names: Vec<&str> = components.iter().filter_map(|component| component["name"].as_str()).collect();
        assert!(names.contains(&"hefu-cpu") && names.contains(&"serde") && names.contains(&"m"));
        assert!(!names.contains(&"xtask") && !names.contains(&"hefu"));
        let serde = components.iter().find(|component| component["name"] == "serde").unwrap();
        assert_eq!(serde["hashes"][0]["content"].as_str().unwrap().len(), 64);

        let references: Vec<&str> = components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
        for dependency in bill["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(references.contains(&on.as_str().unwrap()), "{on} is not listed");
            }
        }
    }

    #[test]
    fn no_lock_file_is_an_error() {
        assert!(bill("nonsense", "hefu", &[], None).is_err());
        assert!(bill("package = []", "hefu", &[], None).is_err());
    }
}
