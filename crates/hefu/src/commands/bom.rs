//! `hefu bom`: what the program and models are made of.

use crate::failure::Failure;
use crate::fingerprint::digest;
use crate::models;
use crate::open::MappedModel;
use crate::options::ModelChoice;
use crate::output::print_json;
use clap::Args;
use hefu_provenance::bom::{ModelEntry, bill};
use std::path::Path;

/// The libraries that this program was built with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Print a bill of materials of the program, and of models, in CycloneDX
#[derive(Debug, Args)]
#[command(after_help = "\
The libraries are those that the program's lock file names, the ones for tests and for other platforms included. The same program and \
models give the same bytes.

Examples:
  hefu bom > hefu.cdx.json
  hefu bom qwen2.5-coder-0.5b-instruct ./model.gguf")]
pub(crate) struct Arguments {
    /// Models to list with it, as --model takes them
    #[arg(value_name = "NAME|PATH")]
    names: Vec<String>,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had or read.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let entries: Vec<ModelEntry> = arguments.names.iter().map(|name| entry(name)).collect::<Result<_, _>>()?;
    print_json(&bill(LOCK, "hefu", &entries, None).map_err(|error| Failure::Other(error.to_string()))?)
}

fn entry(name: &str) -> Result<ModelEntry, Failure> {
    let opened = MappedModel::new(models::find_here(ModelChoice::named(name))?)?;
    let gguf = opened.gguf()?;
    let own_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = opened.model.files.iter().map(|file| Ok((own_name(&file.path), digest(file)?)));
    let parameters: u64 = gguf.tensors().iter().map(|tensor| tensor.shape.iter().product::<u64>()).sum();
    let sources = opened.model.files.iter().filter_map(|file| file.source.clone());
    let mut properties = vec![("hefu:parameters".to_owned(), parameters.to_string())];
    properties.extend(sources.map(|source| ("hefu:source".to_owned(), source)));
    let architecture = gguf.metadata().string("general.architecture").ok().flatten();
    Ok(ModelEntry {
        name: opened.model.name.clone(),
        licence: opened.model.licence.clone(),
        files: files.collect::<Result<_, Failure>>()?,
        architecture: architecture.unwrap_or_default().to_owned(),
        properties,
    })
}
