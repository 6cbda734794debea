//! `hefu fingerprint`: what makes two answers comparable, and what it is made of.

use crate::failure::Failure;
use crate::fingerprint;
use crate::flags::{CacheArguments, ModelArguments};
use crate::metadata;
use crate::models;
use crate::open::MappedModel;
use crate::options::DEFAULT_CONTEXT;
use crate::output::{print_json, print_plain};
use crate::units::hex;
use clap::Args;
use hefu_model::gguf::{Gguf, Value as Of};
use hefu_model::{LoadOptions, ModelSpec};
use hefu_store::Check;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::num::NonZeroUsize;

/// Show a model's fingerprint and what went into it
///
/// Answers with the same fingerprint, prompt, settings and seed are the same to the bit, on any machine.
#[derive(Debug, Args)]
#[command(after_help = "\
The lines under `made of` are what is hashed: nothing else can change a bit of an answer. The file's digest covers its tensors, \
tokenizer and template; those of the latter two are shown too, for comparing files.

Examples:
  hefu fingerprint qwen2.5-coder-0.5b-instruct
  hefu fingerprint ./model.gguf --cache q8 --json
  hefu fingerprint gemma-3-270m --check always")]
pub(crate) struct Arguments {
    /// The model, as --model takes it
    #[arg(value_name = "NAME|PATH")]
    name: Option<String>,

    /// The fingerprint at N tokens of context; it matters only to models with factors for long contexts
    #[arg(short, long, value_name = "N")]
    context: Option<NonZeroUsize>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had, or with --check a file that is not what it was.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = arguments.model.choice().or_named(arguments.name.as_deref());
    let opened = MappedModel::new(models::find_here(model)?)?;
    let gguf = opened.gguf()?;
    let most = ModelSpec::context_length(&gguf).map_err(|error| opened.fault(&error))?;
    let context = arguments.context.map_or(DEFAULT_CONTEXT.min(most), NonZeroUsize::get);
    let options = LoadOptions { context: Some(context), cache: arguments.cache.profile(), guessing: false };
    let spec = ModelSpec::read_any(&gguf, &options).map_err(|error| opened.fault(&error))?;
    let ingredients = fingerprint::input(&opened.model, &spec.program)?;
    let (tokenizer, template) = (tokenizer_digest(&gguf), template_digest(&gguf));
    if arguments.json {
        let files = opened.model.files.iter().zip(&ingredients.files);
        let file = |(file, sha256): (&hefu_store::ModelFile, &String)| json!({"path": file.path, "size": file.size, "sha256": sha256});
        return print_json(&json!({
            "fingerprint": ingredients.fingerprint().to_string(),
            "model": opened.model.name,
            "contract": ingredients.contract,
            "files": files.map(file).collect::<Vec<_>>(),
            "tokenizer": tokenizer,
            "template": template,
            "cache": ingredients.cache,
            "rope_long": ingredients.variants.iter().any(|variant| variant == "rope long"),
            "context": context,
            "checked": model.check == Check::Always,
        }));
    }
    let mut text = format!("{}\n\nmade of\n", ingredients.fingerprint());
    for line in ingredients.text().lines() {
        text += &format!("  {line}\n");
    }
    text += "\nwithin the file\n";
    text += &format!("  tokenizer {tokenizer}\n");
    text += &format!("  template {}\n", template.as_deref().unwrap_or("none"));
    print_plain(&text)
}

/// SHA-256 of what the file says of its tokenizer, but for the template: keys in their order by name, each with its type
/// and its value, and strings after their lengths.
fn tokenizer_digest(gguf: &Gguf<'_>) -> String {
    let of_tokenizer = |key: &str| key.starts_with("tokenizer.") && !key.starts_with("tokenizer.chat_template");
    let mut entries: Vec<_> = gguf.metadata().iter().filter(|(key, _)| of_tokenizer(key)).collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let mut hasher = Sha256::new();
    for (key, value) in entries {
        feed(&mut hasher, &Of::String(key.as_bytes()));
        feed(&mut hasher, value);
    }
    hex(&hasher.finalize())
}

fn feed(hasher: &mut Sha256, value: &Of<'_>) {
    match value {
        Of::String(bytes) => {
            hasher.update(format!("String {} ", bytes.len()));
            hasher.update(bytes);
        }
        Of::Array(array) => {
            hasher.update(format!("Array {} ", array.len()));
            array.iter().for_each(|value| feed(hasher, &value));
        }
        scalar => hasher.update(format!("{scalar:?} ")),
    }
}

fn template_digest(gguf: &Gguf<'_>) -> Option<String> {
    metadata::template(gguf).map(|text| hex(&Sha256::digest(text)))
}
