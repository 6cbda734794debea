//! The models that are served, and how one is brought to memory.

use super::card;
use crate::cli::{CheckArguments, DeviceArguments, ModelArguments, Speculate, SpeculationArguments};
use crate::digests;
use crate::failure::Failure;
use crate::load::{Loaded, Wishes};
use crate::metadata;
use crate::models;
use crate::open::{Opened, device};
use crate::output::text_file;
use crate::serving::Ledger;
use crate::signing::Signed;
use crate::speculation::{draft_model, guessing};
use hefu_answer::TextModel;
use hefu_cpu::Pool;
use hefu_engine::scheduler::{Limits, Paged, Pooling, Scheduler};
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::{Model, Size};
use hefu_numerics::kv::{PAGE, Profile};
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

/// How the models are to be served.
#[derive(Debug, Clone)]
pub(crate) struct ShelfWishes {
    /// Names or paths; none is the default model.
    pub(crate) models: Vec<String>,
    /// How carefully their files are checked whenever one is loaded.
    pub(crate) check: CheckArguments,
    /// Where to compute.
    pub(crate) device: DeviceArguments,
    /// Positions of one conversation.
    pub(crate) context: Option<usize>,
    /// What caches are made of.
    pub(crate) cache: Profile,
    /// Positions of the cache of each model.
    pub(crate) cache_tokens: Option<usize>,
    /// Bytes of memory for all models; `None` is as much as they take.
    pub(crate) memory: Option<u64>,
    /// Further names: `ALIAS` of the first model, or `ALIAS=MODEL`.
    pub(crate) aliases: Vec<String>,
    /// A template file in place of the models' own.
    pub(crate) template: Option<PathBuf>,
    /// Whose signature each model must have.
    pub(crate) required: Option<Required>,
    /// What the scheduler keeps to.
    pub(crate) limits: Limits,
    /// How tokens are guessed.
    pub(crate) speculation: SpeculationArguments,
}

/// A signature that every model must have.
#[derive(Debug, Clone)]
pub(crate) struct Required {
    /// By this key.
    pub(crate) key: PublicKey,
}

impl Required {
    /// Checks every byte of a model against the signature beside it.
    ///
    /// # Errors
    /// A signature that is missing or does not fit.
    fn check(&self, model: &ResolvedModel) -> Result<(), Failure> {
        let refused = |why: String| Failure::Other(format!("{} is not loaded: {why}", model.name));
        let signed = Signed::model(model).map_err(|failure| refused(failure.to_string()))?;
        if !signed.signature.exists() {
            return Err(refused(format!(
                "--require-signature asks for a signature, and there is none at {}; make it with hefu sign",
                signed.signature.display()
            )));
        }
        let checked = signed.verify(&signed.signature, &self.key);
        checked.map(drop).map_err(|failure| refused(failure.to_string()))
    }
}

/// The models that are served. They compute with the same threads.
pub(crate) struct Shelf {
    wishes: ShelfWishes,
    books: Vec<Book>,
    pool: Arc<Pool>,
    /// Where it is noted that a model comes or goes.
    ledger: Option<Arc<Ledger>>,
}

/// One model.
struct Book {
    card: ModelCard,
    /// As `--model` has it.
    asked: ModelArguments,
    /// Its first file.
    file: PathBuf,
    /// Pages of its cache.
    pages: usize,
}

/// A model ready to compute.
struct Seat {
    model: Model,
    context: usize,
    pages: usize,
    limits: Limits,
    /// How tokens are guessed, and at most how many at once.
    guesses: (Speculate, usize),
    /// The model that guesses.
    draft: Option<Loaded>,
    name: String,
    ledger: Option<Arc<Ledger>>,
}

impl Shelf {
    /// Finds every model, fetching what is not there yet, and works out what each will take. None is loaded.
    ///
    /// # Errors
    /// A model that cannot be had or run, two of one name, or wishes that do not fit.
    pub(crate) fn new(wishes: ShelfWishes) -> Result<Self, Failure> {
        let named = |name: &String| ModelArguments::named(name.clone(), wishes.check);
        let mut asked: Vec<ModelArguments> = wishes.models.iter().map(named).collect();
        if asked.is_empty() {
            asked.push(ModelArguments { model: None, check: wishes.check });
        }
        let pool = Arc::new(Pool::new(wishes.device.threads()));
        let mut books: Vec<Book> = Vec::new();
        for asked in asked {
            let book = Book::new(asked, &wishes, &pool)?;
            if books.iter().any(|other| other.card.name == book.card.name) {
                let name = &book.card.name;
                return Err(Failure::Usage(format!("two models are named {name}; rename one of the files")));
            }
            books.push(book);
        }
        name_also(&mut books, &wishes.aliases)?;
        for book in &books {
            let card = &book.card;
            tracing::info!(
                model = card.name,
                context = card.context,
                cache_tokens = book.pages.saturating_mul(PAGE),
                memory_mib = card.memory_bytes >> 20,
                "serves"
            );
        }
        Ok(Self { wishes, books, pool, ledger: None })
    }

    /// Has it noted when a model comes or goes.
    pub(crate) fn noting(self, ledger: Option<Arc<Ledger>>) -> Self {
        Self { ledger, ..self }
    }
}

/// Gives models further names.
fn name_also(books: &mut [Book], aliases: &[String]) -> Result<(), Failure> {
    for text in aliases {
        let (alias, model) = card::alias(text);
        let is_taken = |book: &Book| book.card.name == alias || book.card.aliases.iter().any(|other| other == alias);
        if alias.is_empty() || books.iter().any(is_taken) {
            return Err(Failure::Usage(format!("--alias {text}: the name {alias:?} is empty or taken already")));
        }
        let book = match model {
            None => books.first_mut(),
            Some(model) => books.iter_mut().find(|book| book.card.name == model),
        };
        let book = book.ok_or_else(|| Failure::Usage(format!("--alias {text}: no model of that name is served")))?;
        book.card.aliases.push(alias.to_owned());
    }
    Ok(())
}

impl Book {
    fn new(asked: ModelArguments, wishes: &ShelfWishes, pool: &Arc<Pool>) -> Result<Self, Failure> {
        let opened = Opened::new(models::find(&asked)?)?;
        let gguf = opened.gguf()?;
        let most = ModelSpec::context_length(&gguf).map_err(|error| opened.fault(&error))?;
        let name = served_name(&opened.model.name);
        // What a cache takes does not depend on the context that is asked for here.
        let options = LoadOptions {
            context: Some(wishes.context.unwrap_or(card::DEFAULT_CONTEXT).min(most)),
            cache: wishes.cache,
        };
        let spec = ModelSpec::read(&gguf, &options).map_err(|error| opened.fault(&error))?;
        let device = device(&wishes.device, pool)?;
        let memory = |positions: usize| {
            let size = Size::new(&spec.program, positions.div_ceil(PAGE), sequences(&wishes.limits));
            let footprint = device.footprint(&spec.program, &size)?;
            Some((footprint.weights as u64).saturating_add(footprint.states as u64))
        };
        let fits = |positions| {
            let needed = memory(positions);
            needed.is_some_and(|needed| wishes.memory.is_none_or(|most| needed <= most))
        };
        let room = card::room(&name, most, wishes.context, wishes.cache_tokens, fits).map_err(Failure::Usage)?;
        let (context, positions) = (room.context, room.positions);
        let pages = positions.div_ceil(PAGE);
        let about = &spec.description;
        let too_large = || Failure::Other(format!("a cache of {positions} positions is too large to address"));
        let draft = draft_bytes(wishes, pages, pool)?;
        let template = match &wishes.template {
            Some(path) => Some(text_file(path)?),
            // What shows how calls are written may be in the one for tools alone.
            None => metadata::template(&gguf).map(|template| match metadata::tool_use_template(&gguf) {
                Some(tool_use) => format!("{template}\n{tool_use}"),
                None => template.to_owned(),
            }),
        };
        let largest = about.formats.iter().max_by_key(|used| used.bytes);
        let tokens = gguf.metadata().strings("tokenizer.ggml.tokens").ok().flatten().unwrap_or_default();
        let card = ModelCard {
            name,
            aliases: Vec::new(),
            created: opened.model.files.first().map_or(0, |file| changed(&file.path)),
            file_bytes: opened.model.size(),
            memory_bytes: memory(positions).ok_or_else(too_large)?.saturating_add(draft),
            digest: opened.model.files.first().and_then(|file| file.sha256).map(|digest| digest.to_string()),
            family: about.architecture.to_owned(),
            parameters: about.parameters,
            quantization: card::quantization(&gguf)
                .or(largest.map(|used| used.format.name))
                .unwrap_or_default()
                .to_owned(),
            width: card::number(&gguf, about.architecture, "embedding_length"),
            layers: card::number(&gguf, about.architecture, "block_count"),
            fills_gaps: hefu_answer::has_marks(&tokens),
            context,
            template,
        };
        let file = opened.model.files.first().map(|file| file.path.clone()).unwrap_or_default();
        Ok(Self { card, asked, file, pages })
    }
}

impl Catalog for Shelf {
    fn models(&self) -> Vec<ModelCard> {
        self.books.iter().map(|book| book.card.clone()).collect()
    }

    fn load(&self, name: &str) -> Result<hefu_server::catalog::Loaded, String> {
        let book = self.books.iter().find(|book| book.card.name == name).ok_or_else(|| format!("no model {name}"))?;
        if let Some(required) = &self.wishes.required {
            let checked = models::find(&book.asked).and_then(|model| required.check(&model));
            checked.map_err(|failure| failure.to_string())?;
        }
        let wishes = Wishes {
            model: &book.asked,
            device: &self.wishes.device,
            context: Some(book.card.context),
            cache: self.wishes.cache,
            template: self.wishes.template.as_deref(),
            state_memory: false,
        };
        let loaded = Loaded::on(&wishes, &self.pool).map_err(|failure| failure.to_string())?;
        let fingerprint = loaded.fingerprint().map_err(|failure| failure.to_string())?.to_string();
        if let Some(ledger) = &self.ledger {
            let details = json!({"model": name, "fingerprint": fingerprint, "context": book.card.context});
            ledger.note("model_loaded", details);
        }
        let flags = &self.wishes.speculation;
        let draft = draft_model(&loaded, flags, Speculate::Auto, &self.wishes.device);
        let how = flags.how(Speculate::Auto).map_err(|failure| failure.to_string())?;
        let seat = Seat {
            model: loaded.model,
            context: loaded.context,
            pages: book.pages,
            limits: self.wishes.limits.clone(),
            guesses: (how, flags.most()),
            draft: draft.map_err(|failure| failure.to_string())?,
            name: name.to_owned(),
            ledger: self.ledger.clone(),
        };
        Ok(hefu_server::catalog::Loaded {
            digest: digests::of_file(&book.file).ok(),
            text: TextModel::new(
                book.card.name.clone(),
                loaded.tokenizer,
                loaded.template,
                loaded.recommended,
                book.card.context,
            ),
            fingerprint,
            pooling: Pooling::Mean,
            engine: Box::new(seat),
        })
    }
}

impl Engine for Seat {
    fn run(self: Box<Self>, body: &mut dyn FnMut(&mut dyn Steps)) -> Result<(), String> {
        let failed = |error: hefu_numerics::device::Error| error.to_string();
        let paged = Paged::new(&self.model, self.context, self.pages, sequences(&self.limits)).map_err(failed)?;
        // A draft model has the same pages, so that it can follow every answer.
        let draft = self.draft.as_ref().map(|draft| {
            || {
                let paged = Paged::new(&draft.model, draft.context, self.pages, sequences(&self.limits));
                paged.map_err(|error| Failure::Other(error.to_string()))
            }
        });
        let scheduler = Scheduler::new(paged, self.limits.clone());
        body(&mut guessing(scheduler, self.guesses, draft).map_err(|failure| failure.to_string())?);
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

/// What the draft model takes beside the model that it guesses for, with as many pages.
fn draft_bytes(wishes: &ShelfWishes, pages: usize, pool: &Arc<Pool>) -> Result<u64, Failure> {
    let is_off = wishes.speculation.how(Speculate::Auto)? == Speculate::Off;
    let Some(name) = wishes.speculation.draft_model.as_ref().filter(|_| !is_off) else { return Ok(0) };
    let opened = Opened::new(models::find(&ModelArguments::named(name.clone(), wishes.check))?)?;
    let gguf = opened.gguf()?;
    let options = LoadOptions { context: None, cache: wishes.cache };
    let spec = ModelSpec::read(&gguf, &options).map_err(|error| opened.fault(&error))?;
    let size = Size::new(&spec.program, pages, sequences(&wishes.limits));
    let footprint = device(&wishes.device, pool)?.footprint(&spec.program, &size);
    Ok(footprint.map_or(u64::MAX, |taken| (taken.weights as u64).saturating_add(taken.states as u64)))
}

/// The name of a model in requests: that of the store, or that of the file without its end.
fn served_name(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".gguf").unwrap_or(file).to_owned()
}

/// When a file was last changed, in seconds since 1970; 0 if the system does not say.
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
