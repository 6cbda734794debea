//! `hefu show`: what a model is, and what it needs.

mod page;
mod refused;
mod values;

use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments};
use crate::metadata;
use crate::models;
use crate::obstacles;
use crate::open::{MappedModel, device};
use crate::options::DEFAULT_CONTEXT;
use crate::output::{print, print_json, print_plain};
use crate::units::{bytes, thousands};
use clap::Args;
use hefu_cpu::Pool;
use hefu_engine::scheduler::Abilities;
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::{Device, Size};
use hefu_numerics::kv::PAGE;
use hefu_store::ResolvedModel;
use page::Page;
use serde_json::{Map, Value as Json, json};
use std::num::NonZeroUsize;
use std::sync::Arc;
use values::{shown, value_json};

/// Show what a model is and what it needs: metadata, formats, memory, template, licence
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu show qwen2.5-coder-0.5b-instruct
  hefu show gemma-3-270m --context 32768
  hefu show --context 32768 --cache q8
  hefu show ./model.gguf --tensors
  hefu show --print-template > template.jinja")]
pub(crate) struct Arguments {
    /// The model, as --model takes it
    #[arg(value_name = "NAME|PATH")]
    name: Option<String>,

    /// State the memory needed for N tokens of context [default: 4096, or the model's own limit if that is lower]
    #[arg(short, long, value_name = "N")]
    context: Option<NonZeroUsize>,

    /// List every tensor too
    #[arg(long, conflicts_with = "print_template")]
    tensors: bool,

    /// Print the chat template alone
    #[arg(long, conflicts_with = "json")]
    print_template: bool,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Memory of a model at one context.
struct Memory {
    context: usize,
    weights: u64,
    cache: u64,
    profile: &'static str,
}

/// Uses of a model.
fn uses(abilities: Abilities) -> Vec<&'static str> {
    let all = [("answers", abilities.writes), ("vectors", true), ("ranks", abilities.ranks)];
    all.into_iter().filter(|(_, can)| *can).map(|(name, _)| name).collect()
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had, or a file that is no model. One that this program does not run is shown with everything that
/// stands in the way.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = arguments.model.choice().or_named(arguments.name.as_deref());
    let opened = MappedModel::new(models::find_here(model)?)?;
    let options = LoadOptions { cache: arguments.cache.profile(), ..LoadOptions::default() };
    if !arguments.print_template {
        let outline = opened.outline()?;
        let obstacles = obstacles::find(&opened, &outline, &options);
        if !obstacles.is_empty() {
            return refused::show(&opened.model, &outline, &obstacles, arguments.tensors, arguments.json);
        }
    }
    let gguf = opened.gguf()?;
    if arguments.print_template {
        let missing = || Failure::Other(format!("{} carries no chat template", opened.model.name));
        return print(metadata::template(&gguf).ok_or_else(missing)?);
    }
    let spec = ModelSpec::read_any(&gguf, &options).map_err(|error| opened.fault(&error))?;
    let device = device(&arguments.device.options(), &Arc::new(Pool::new(1)))?;
    device.check(&spec.program).map_err(|error| opened.fault(&error))?;
    let memory = memory(&spec, &*device, arguments.context.map(NonZeroUsize::get))?;
    if arguments.json {
        return print_json(&report(&opened.model, &gguf, &spec, &memory, arguments.tensors));
    }
    print_plain(&page(&opened.model, &gguf, &spec, &memory, arguments.tensors))
}

fn memory(spec: &ModelSpec, device: &dyn Device, asked: Option<usize>) -> Result<Memory, Failure> {
    let most = spec.description.context_length;
    let context = asked.unwrap_or_else(|| DEFAULT_CONTEXT.min(most));
    if context > most {
        return Err(Failure::Usage(format!("--context {context} is more than the {most} positions of this model")));
    }
    let footprint = device.footprint(&spec.program, &Size::new(&spec.program, context.div_ceil(PAGE), 1));
    let too_large = || Failure::Other(format!("a cache of {context} positions is too large to address"));
    let footprint = footprint.ok_or_else(too_large)?;
    let (weights, cache) = (footprint.weights as u64, footprint.states as u64);
    Ok(Memory { context, weights, cache, profile: spec.program.profile.name() })
}

fn page(model: &ResolvedModel, gguf: &Gguf<'_>, spec: &ModelSpec, memory: &Memory, tensors: bool) -> String {
    let (about, abilities) = (&spec.description, Abilities::of(&spec.program));
    let mut page = Page::default();
    page.row("model", &model.name);
    page.optional("title", about.name.as_deref());
    page.optional("description", model.description.as_deref());
    page.row("licence", model.licence.as_deref().or(about.license.as_deref()).unwrap_or("the file states none"));
    page.row("architecture", about.architecture);
    page.row("parameters", &thousands(about.parameters));
    page.row("made for", &format!("{} tokens of context", thousands(about.context_length as u64)));
    page.row("gives", &uses(abilities).join(", "));
    if abilities.writes {
        let none = "none: a base model, use --raw";
        page.row("template", if about.has_template { "yes (--print-template prints it)" } else { none });
    }
    page.title("files");
    for file in &model.files {
        page.row("path", &file.path.display().to_string());
        page.row("size", &bytes(file.size));
        page.optional("sha256", file.sha256.map(|digest| digest.to_string()).as_deref());
        page.optional("from", file.source.as_deref());
    }
    page.title(&format!("memory at {} tokens of context (--context states another)", thousands(memory.context as u64)));
    page.row("weights", &bytes(memory.weights));
    page.row("cache", &format!("{} ({})", bytes(memory.cache), memory.profile));
    page.row("together", &bytes(memory.weights.saturating_add(memory.cache)));
    page.title("tensors by format");
    for used in &about.formats {
        let size = bytes(used.bytes);
        page.row(
            used.format.name,
            &format!("{:>5} tensors  {:>16} weights  {size}", used.tensors, thousands(used.elements)),
        );
    }
    page.title("metadata");
    for (key, value) in gguf.metadata().iter() {
        page.row(key, &shown(value));
    }
    if tensors {
        page.title("tensors");
        for tensor in gguf.tensors() {
            page.row(tensor.name, &format!("{} {:?}", tensor.format.name, tensor.shape));
        }
    }
    page.finish()
}

fn report(model: &ResolvedModel, gguf: &Gguf<'_>, spec: &ModelSpec, memory: &Memory, tensors: bool) -> Json {
    let (about, abilities) = (&spec.description, Abilities::of(&spec.program));
    let files = model.files.iter().map(|file| {
        let sha256 = file.sha256.map(|digest| digest.to_string());
        json!({ "path": file.path, "bytes": file.size, "sha256": sha256, "source": file.source })
    });
    let formats = about.formats.iter().map(|used| {
        json!({
            "format": used.format.name,
            "tensors": used.tensors,
            "weights": used.elements,
            "bytes": used.bytes,
        })
    });
    let metadata: Map<String, Json> =
        gguf.metadata().iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect();
    let mut report = json!({
        "name": model.name,
        "runs": true,
        "gives": uses(abilities),
        "obstacles": [],
        "title": about.name,
        "description": model.description,
        "licence": model.licence.as_ref().or(about.license.as_ref()),
        "architecture": about.architecture,
        "parameters": about.parameters,
        "context_length": about.context_length,
        "files": files.collect::<Vec<_>>(),
        "memory": {
            "context": memory.context,
            "weights_bytes": memory.weights,
            "cache_bytes": memory.cache,
            "cache_type": memory.profile,
        },
        "formats": formats.collect::<Vec<_>>(),
        "template": metadata::template(gguf),
        "metadata": metadata,
    });
    if let (true, Json::Object(fields)) = (tensors, &mut report) {
        let list = gguf.tensors().iter().map(|tensor| {
            json!({
                "name": tensor.name,
                "format": tensor.format.name,
                "shape": tensor.shape,
                "bytes": tensor.bytes,
            })
        });
        fields.insert("tensors".to_owned(), list.collect());
    }
    report
}
