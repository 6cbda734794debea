//! Licences of the libraries that are linked into the program, which must go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::build::Builder;
use super::entry;

/// Beginnings of the names of files with licences.
const BEGINNINGS: &[&str] = &["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// One text with the licence files of every library, in order of names; equal files stand once.
pub(super) fn text(builder: &Builder) -> Result<Vec<u8>, String> {
    let packages = linked(builder.metadata())?;
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut list = String::new();
    for package in packages {
        let field = |name: &str| package[name].as_str().unwrap_or_default();
        let title = format!("{} {}", field("name"), field("version"));
        list += &format!("{title}: {}\n", package["license"].as_str().unwrap_or("see its file"));
        let folder = Path::new(field("manifest_path")).parent().unwrap_or(Path::new("."));
        for text in licence_files(folder)? {
            texts.entry(text).or_default().insert(title.clone());
        }
    }
    let mut whole = format!("hefu is made with these libraries. Their licences follow.\n\n{list}");
    for (text, titles) in texts {
        let titles: Vec<String> = titles.into_iter().collect();
        whole += &format!("\n{}\n\n{}\n{}\n", "=".repeat(80), titles.join(", "), text.trim_end());
    }
    Ok(whole.into_bytes())
}

/// The packages from elsewhere that the program reaches over dependencies that are linked.
fn linked(metadata: &Value) -> Result<Vec<&Value>, String> {
    let list = |value: &'static str| move |metadata: &Value| metadata[value].as_array().cloned().unwrap_or_default();
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let by_id: BTreeMap<&str, &Value> =
        packages.iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().ok_or("cargo metadata resolves nothing")?;
    let mut reached = BTreeSet::new();
    let is_program = |package: &&&Value| package["name"] == "hefu" && package["source"].is_null();
    let mut open: Vec<&str> =
        packages.iter().filter(|package| is_program(&package)).filter_map(|p| p["id"].as_str()).collect();
    while let Some(id) = open.pop() {
        if !reached.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id);
        for dependency in node.and_then(|node| node["deps"].as_array()).into_iter().flatten() {
            let is_linked = list("dep_kinds")(dependency).iter().any(|kind| kind["kind"].is_null());
            open.extend(dependency["pkg"].as_str().filter(|_| is_linked));
        }
    }
    let mut found: Vec<&Value> = reached.iter().filter_map(|id| by_id.get(id).copied()).collect();
    found.retain(|package| !package["source"].is_null());
    found.sort_by_key(|package| (package["name"].to_string(), package["version"].to_string()));
    Ok(found)
}

fn licence_files(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut texts = BTreeMap::new();
    for found in std::fs::read_dir(folder).map_err(failed)? {
        let found = found.map_err(failed)?;
        let name = found.file_name().to_string_lossy().to_uppercase();
        if found.path().is_file() && BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            texts.insert(name, String::from_utf8_lossy(&entry::bytes(&found.path())?).replace("\r\n", "\n"));
        }
    }
    Ok(texts.into_values().collect())
}
