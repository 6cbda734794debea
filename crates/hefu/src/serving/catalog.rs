//! The models that are served, and how one is brought to memory.

use super::card;
use super::gauge::ModelGauge;
use super::ledger::Ledger;
use crate::digests;
use crate::failure::Failure;
use crate::load::Loaded;
use crate::metadata;
use crate::models;
use crate::open::{MappedModel, device};
use crate::options::{CatalogOptions, ModelChoice, ModelOptions, SpeculationOptions};
use crate::output::text_file;
use crate::signing::Signed;
use crate::speculation::{Drafter, drafter, guessing};
use hefu_cpu::Pool;
use hefu_engine::inspect::{Inspections, WeightRow, operations, products, visible, weight_row};
use hefu_engine::scheduler::{Abilities, Limits, Paged, Scheduler};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::{Model, Size};
use hefu_numerics::kv::PAGE;
use hefu_provenance::signing::PublicKey;
use hefu_server::catalog::{Catalog, Engine, ModelCard, Steps};
use hefu_store::ResolvedModel;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Sequences of a model with recurrent states that have a slot set aside for them, tens of mebibytes each; further ones
/// run if there are slots left, and wait otherwise.
const MOST_SLOTS: usize = 16;

/// The models that are served. They compute with the same threads.
pub(crate) struct ModelCatalog {
    options: CatalogOptions,
    entries: Vec<CatalogEntry>,
    pool: Arc<Pool>,
    /// Where it is noted that a model comes or goes.
    ledger: Option<Arc<Ledger>>,
}

/// One model.
struct CatalogEntry {
    card: ModelCard,
    /// The name or path under which it was asked for; `None` is the default model.
    asked: Option<String>,
    /// Its first file.
    file: PathBuf,
    /// Pages of its cache.
    pages: usize,
}

/// A model ready to compute.
struct ServedModel {
    model: Model,
    context: usize,
    pages: usize,
    limits: Limits,
    /// Way of guessing tokens.
    speculation: SpeculationOptions,
    /// Model or block that guesses beside the text.
    drafter: Option<Drafter>,
    /// True if receipts state a trace.
    trace: bool,
    name: String,
    ledger: Option<Arc<Ledger>>,
}

impl ModelCatalog {
    /// Finds every model, fetching what is not there yet, and works out what each will take. None is loaded.
    ///
    /// # Errors
    /// A model that cannot be had or run, two of one name, or options that do not fit.
    pub(crate) fn new(options: CatalogOptions) -> Result<Self, Failure> {
        let named = options.models.iter().cloned().map(Some);
        let default = options.models.is_empty().then_some(None);
        let pool = Arc::new(Pool::new(options.device.threads));
        let mut entries: Vec<CatalogEntry> = Vec::new();
        for asked in named.chain(default) {
            let entry = CatalogEntry::new(asked, &options, &pool)?;
            if entries.iter().any(|other| other.card.name == entry.card.name) {
                let name = &entry.card.name;
                return Err(Failure::Usage(format!("two models are named {name}; rename one of the files")));
            }
            entries.push(entry);
        }
        check_context(&entries, options.context)?;
        name_also(&mut entries, &options.aliases)?;
        for entry in &entries {
            let card = &entry.card;
            tracing::info!(
                model = card.name,
                context = card.context,
                cache_tokens = entry.pages.saturating_mul(PAGE),
                memory_mib = card.memory_bytes >> 20,
                "serves"
            );
        }
        Ok(Self { options, entries, pool, ledger: None })
    }

    /// Has it noted when a model comes or goes.
    pub(crate) fn noting(self, ledger: Option<Arc<Ledger>>) -> Self {
        Self { ledger, ..self }
    }
}

/// Refuses a context that no model was made for; of several, those that were made for less have less.
fn check_context(entries: &[CatalogEntry], asked: Option<usize>) -> Result<(), Failure> {
    let most = entries.iter().map(|entry| entry.card.context).max().unwrap_or(0);
    match asked.filter(|asked| *asked > most) {
        None => Ok(()),
        Some(asked) => Err(Failure::Usage(format!(
            "--context {asked} is more than any of these models was made for; the most is {most}"
        ))),
    }
}

/// Gives models further names.
fn name_also(entries: &mut [CatalogEntry], aliases: &[String]) -> Result<(), Failure> {
    for text in aliases {
        let (alias, model) = card::alias(text);
        let is_taken =
            |entry: &CatalogEntry| entry.card.name == alias || entry.card.aliases.iter().any(|other| other == alias);
        if alias.is_empty() || entries.iter().any(is_taken) {
            return Err(Failure::Usage(format!("--alias {text}: the name {alias:?} is empty or taken already")));
        }
        let entry = match model {
            None => entries.first_mut(),
            Some(model) => entries.iter_mut().find(|entry| entry.card.name == model),
        };
        let entry = entry.ok_or_else(|| Failure::Usage(format!("--alias {text}: no model of that name is served")))?;
        entry.card.aliases.push(alias.to_owned());
    }
    Ok(())
}

/// The template that was asked for, or the file's.
fn template(options: &CatalogOptions, gguf: &Gguf<'_>) -> Result<Option<String>, Failure> {
    Ok(match &options.template {
        Some(path) => Some(text_file(path)?),
        // The format of calls may show in the template for tools alone.
        None => metadata::template(gguf).map(|template| match metadata::tool_use_template(gguf) {
            Some(tool_use) => format!("{template}\n{tool_use}"),
            None => template.to_owned(),
        }),
    })
}

impl CatalogEntry {
    fn new(asked: Option<String>, options: &CatalogOptions, pool: &Arc<Pool>) -> Result<Self, Failure> {
        let files = MappedModel::new(models::find(ModelChoice { name: asked.as_deref(), check: options.check })?)?;
        let gguf = files.gguf()?;
        let most = ModelSpec::context_length(&gguf).map_err(|error| files.fault(&error))?;
        let name = served_name(&files.model.name);
        // A flag for several models that were made for different lengths.
        let is_one_of_many = options.models.len() > 1;
        let context = options.context.map(|context| if is_one_of_many { context.min(most) } else { context });
        // The memory of a cache does not depend on the context that is asked for here.
        let reading = LoadOptions {
            context: Some(context.unwrap_or(card::DEFAULT_CONTEXT).min(most)),
            cache: options.cache,
            guessing: options.speculation.wants_block(),
        };
        let spec = ModelSpec::read_any(&gguf, &reading).map_err(|error| files.fault(&error))?;
        let device = device(&options.device, pool)?;
        device.check(&spec.program).map_err(|error| files.fault(&error))?;
        let memory = |positions: usize| {
            let size = Size::new(&spec.program, positions.div_ceil(PAGE), sequences(&options.limits));
            let footprint = device.footprint(&spec.program, &size)?;
            // Its weights are among the model's.
            let block = spec.drafter.as_ref().map(|block| device.footprint(block, &size));
            let states = footprint.states.saturating_add(block.flatten().map_or(0, |block| block.states));
            Some((footprint.weights as u64).saturating_add(states as u64))
        };
        let bears = |needed| options.memory.is_none_or(|most| needed <= most);
        let fits = |positions| memory(positions).is_some_and(bears);
        let room = card::room(&name, most, context, options.cache_tokens, fits);
        let card::Room { context, positions } = room.map_err(Failure::Usage)?;
        let pages = positions.div_ceil(PAGE);
        let about = &spec.description;
        let too_large = || Failure::Other(format!("a cache of {positions} positions is too large to address"));
        let draft = draft_bytes(options, pages, pool)?;
        let template = template(options, &gguf)?;
        let largest = about.formats.iter().max_by_key(|used| used.bytes);
        let tokens = gguf.metadata().strings("tokenizer.ggml.tokens").ok().flatten().unwrap_or_default();
        let card = ModelCard {
            name,
            aliases: Vec::new(),
            created: files.model.files.first().map_or(0, |file| changed(&file.path)),
            file_bytes: files.model.size(),
            memory_bytes: memory(positions).ok_or_else(too_large)?.saturating_add(draft),
            digest: files.model.files.first().and_then(|file| file.sha256).map(|digest| digest.to_string()),
            family: about.architecture.to_owned(),
            parameters: about.parameters,
            quantization: card::quantization(&gguf)
                .or(largest.map(|used| used.format.name))
                .unwrap_or_default()
                .to_owned(),
            width: card::number(&gguf, about.architecture, "embedding_length"),
            layers: card::number(&gguf, about.architecture, "block_count"),
            writes: Abilities::of(&spec.program).writes,
            fills_gaps: hefu_answer::has_marks(&tokens),
            context,
            template,
        };
        let file = files.model.files.first().map(|file| file.path.clone()).unwrap_or_default();
        Ok(Self { card, asked, file, pages })
    }
}

impl Catalog for ModelCatalog {
    fn models(&self) -> Vec<ModelCard> {
        self.entries.iter().map(|entry| entry.card.clone()).collect()
    }

    fn load(&self, name: &str) -> Result<hefu_server::catalog::Loaded, String> {
        let entry =
            self.entries.iter().find(|entry| entry.card.name == name).ok_or_else(|| format!("no model {name}"))?;
        let asked = ModelChoice { name: entry.asked.as_deref(), check: self.options.check };
        if let Some(key) = &self.options.required_key {
            let checked = models::find(asked).and_then(|model| check_signature(&model, key));
            checked.map_err(|failure| failure.to_string())?;
        }
        let model = ModelOptions {
            model: asked,
            device: &self.options.device,
            context: Some(entry.card.context),
            cache: self.options.cache,
            template: self.options.template.as_deref(),
            state_memory: false,
            guessing: self.options.speculation.wants_block(),
        };
        let mut loaded = Loaded::on(&model, &self.pool).map_err(|failure| failure.to_string())?;
        loaded.text.name.clone_from(&entry.card.name);
        let fingerprint = loaded.fingerprint().map_err(|failure| failure.to_string())?.to_string();
        if let Some(ledger) = &self.ledger {
            let details = json!({"model": name, "fingerprint": fingerprint, "context": entry.card.context});
            ledger.note("model_loaded", details);
        }
        let vocabulary = loaded.model.program.vocabulary;
        let drafter = drafter(&loaded, &self.options.speculation, &self.options.device);
        let program = Arc::clone(&loaded.model.program);
        let gauge =
            entry.card.writes.then(|| ModelGauge::of(&loaded.model, &self.pool, loaded.isa, entry.card.context));
        let served = ServedModel {
            model: loaded.model,
            context: loaded.text.context,
            pages: entry.pages,
            limits: self.options.limits.clone(),
            speculation: self.options.speculation.clone(),
            drafter: drafter.map_err(|failure| failure.to_string())?,
            // Models that write nothing have no receipts.
            trace: self.options.trace && entry.card.writes,
            name: name.to_owned(),
            ledger: self.ledger.clone(),
        };
        Ok(hefu_server::catalog::Loaded {
            digest: digests::of_file(&entry.file).ok(),
            text: loaded.text,
            fingerprint,
            pooling: loaded.pooling,
            vocabulary,
            visible: visible(&program),
            operations: operations(&program),
            products: products(&program),
            gauge: gauge.flatten(),
            engine: Box::new(served),
        })
    }

    fn weight_row(&self, name: &str, weight: u32, row: usize) -> Result<Option<WeightRow>, String> {
        let Some(entry) = self.entries.iter().find(|entry| entry.card.name == name) else { return Ok(None) };
        let read = || {
            let asked = ModelChoice { name: entry.asked.as_deref(), check: self.options.check };
            let files = MappedModel::new(models::find(asked)?)?;
            let gguf = files.gguf()?;
            let reading = LoadOptions {
                context: Some(entry.card.context),
                cache: self.options.cache,
                guessing: self.options.speculation.wants_block(),
            };
            let spec = ModelSpec::read_any(&gguf, &reading).map_err(|error| files.fault(&error))?;
            Ok(weight_row(&spec.program, weight, row, &|file| gguf.files().get(file).copied().unwrap_or_default()))
        };
        read().map_err(|failure: Failure| failure.to_string())
    }
}

impl Engine for ServedModel {
    fn run(self: Box<Self>, body: &mut dyn FnMut(&mut dyn Steps, &mut Inspections)) -> Result<(), String> {
        let failed = |error: hefu_numerics::device::Error| error.to_string();
        let paged = if self.trace { Paged::traced } else { Paged::new };
        let paged = paged(&self.model, self.context, self.pages, sequences(&self.limits)).map_err(failed)?;
        let scheduler = Scheduler::new(paged, self.limits.clone());
        // The guessing model has the same pages, so that it can follow every answer.
        let follower = |drafter: &Drafter| drafter.paged(self.pages, sequences(&self.limits));
        let scheduler = guessing(scheduler, &self.speculation, self.drafter.as_ref(), follower);
        let mut inspections = Inspections::new(&self.model);
        body(&mut scheduler.map_err(|failure| failure.to_string())?, &mut inspections);
        if let Some(ledger) = &self.ledger {
            ledger.note("model_unloaded", json!({"model": self.name}));
        }
        Ok(())
    }
}

/// Sequences that have slots set aside for their recurrent states, if the model has some.
fn sequences(limits: &Limits) -> usize {
    limits.running.min(MOST_SLOTS)
}

/// Checks every byte of a model against the signature beside it.
///
/// # Errors
/// A signature that is missing or is not by this key.
fn check_signature(model: &ResolvedModel, key: &PublicKey) -> Result<(), Failure> {
    let refused = |why: String| Failure::Other(format!("{} is not loaded: {why}", model.name));
    let signed = Signed::model(model).map_err(|failure| refused(failure.to_string()))?;
    if !signed.signature.exists() {
        return Err(refused(format!(
            "--require-signature asks for a signature, and there is none at {}; make it with hefu sign",
            signed.signature.display()
        )));
    }
    signed.verify(&signed.signature, key).map(drop).map_err(|failure| refused(failure.to_string()))
}

/// Memory of the draft model beside the model that it guesses for, with as many pages.
fn draft_bytes(options: &CatalogOptions, pages: usize, pool: &Arc<Pool>) -> Result<u64, Failure> {
    let Some(name) = &options.speculation.draft_model else { return Ok(0) };
    let files = MappedModel::new(models::find(ModelChoice { name: Some(name), check: options.check })?)?;
    let gguf = files.gguf()?;
    let reading = LoadOptions { cache: options.cache, ..LoadOptions::default() };
    let spec = ModelSpec::read(&gguf, &reading).map_err(|error| files.fault(&error))?;
    let size = Size::new(&spec.program, pages, sequences(&options.limits));
    let footprint = device(&options.device.for_draft(), pool)?.footprint(&spec.program, &size);
    Ok(footprint.map_or(u64::MAX, |taken| (taken.weights as u64).saturating_add(taken.states as u64)))
}

/// The name of a model in requests: that of the store, or that of the file without its end.
fn served_name(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".gguf").unwrap_or(file).to_owned()
}

/// Time when a file was last changed, in seconds since 1970; 0 if the system does not say.
fn changed(path: &std::path::Path) -> u64 {
    let time = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::served_name;

    #[test]
    fn a_file_is_served_under_its_name_without_its_end() {
        for (name, served) in [("gemma-3-270m", "gemma-3-270m"), ("tiny.gguf", "tiny"), ("./a/b.gguf", "b")] {
            assert_eq!(served_name(name), served);
        }
    }
}
