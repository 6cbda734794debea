//! A model in memory, ready to answer.

use crate::failure::Failure;
use crate::fingerprint;
use crate::memory::available_memory;
use crate::metadata;
use crate::models;
use crate::open::{MappedModel, device};
use crate::options::{DEFAULT_CONTEXT, DeviceOptions, ModelOptions};
use crate::packed;
use crate::progress::{Meter, Unit, line};
use crate::reopened::Reopened;
use crate::units;
use hefu_answer::TextModel;
use hefu_cpu::{HugeAllocator, Pool};
use hefu_engine::scheduler::{Abilities, Limits, Paged, Pooling, Scheduler};
use hefu_model::gguf::Gguf;
use hefu_model::{Error, LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Model, Size};
use hefu_numerics::kv::PAGE;
use hefu_numerics::matrix::Bytes;
use hefu_numerics::program::Program;
use hefu_proof::Fingerprint;
use hefu_store::{Check, ResolvedModel};
use hefu_text::template::ChatTemplate;
use hefu_text::tokenizer::Tokenizer;
use serde_json::{Value, json};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A model with everything that an answer needs.
pub(crate) struct Loaded {
    /// Name, licence and digests.
    pub(crate) resolved: ResolvedModel,
    /// The model itself.
    pub(crate) model: Model,
    /// Its own block for further tokens, where that is wanted and there.
    pub(crate) block: Option<Model>,
    /// Its text side: tokeniser, template, and what its file recommends for sampling.
    pub(crate) text: TextModel,
    /// Its way of making vectors of texts.
    pub(crate) pooling: Pooling,
    /// The threads that compute; models of one process share them.
    pub(crate) pool: Arc<Pool>,
    /// Name of the instruction set in use.
    pub(crate) isa: &'static str,
    /// Check of its files.
    pub(crate) check: Check,
    /// Times of loading.
    pub(crate) took: LoadTimes,
}

/// Purpose of a loaded model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To write.
    Write,
    /// To guess what another one writes.
    Guess,
    /// To read, and to write if it can.
    Any,
}

/// Times of the parts of loading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadTimes {
    /// Mapping the files and reading their tables.
    pub(crate) open: Duration,
    /// Binding the tensors to their places.
    pub(crate) plan: Duration,
    /// Packing the weights, with all threads.
    pub(crate) weights: Duration,
    /// Tokeniser and template, made while weights are packed.
    pub(crate) text: Duration,
    /// All of it. Text that took longer than weights is the difference to the sum of the others.
    pub(crate) total: Duration,
}

impl LoadTimes {
    /// For reports: seconds of each part.
    pub(crate) fn report(&self) -> Value {
        json!({
            "open_seconds": self.open.as_secs_f64(),
            "plan_seconds": self.plan.as_secs_f64(),
            "weights_seconds": self.weights.as_secs_f64(),
            "text_seconds": self.text.as_secs_f64(),
            "total_seconds": self.total.as_secs_f64(),
        })
    }

    /// For people: seconds of each part.
    pub(crate) fn words(&self) -> String {
        let [open, plan, weights, text] =
            [self.open, self.plan, self.weights, self.text].map(|part| part.as_secs_f64());
        format!("open {open:.3}, plan {plan:.3}, weights {weights:.3} with the tokeniser beside it {text:.3}")
    }
}

impl Loaded {
    /// Finds, checks and loads a model that writes. All but its tokeniser and template, which are made while its weights are packed,
    /// is checked before memory is taken.
    ///
    /// # Errors
    /// Whatever is wrong with the model, the options or the machine.
    pub(crate) fn new(options: &ModelOptions<'_>) -> Result<Self, Failure> {
        let pool = Arc::new(Pool::new(options.device.threads));
        Self::load(options, &device(options.device, &pool)?, &pool, Purpose::Write)
    }

    /// As [`Loaded::new`], for a model that may only read, on threads that other models use too. One model computes at a time.
    ///
    /// # Errors
    /// As [`Loaded::new`].
    pub(crate) fn on(options: &ModelOptions<'_>, pool: &Arc<Pool>) -> Result<Self, Failure> {
        Self::load(options, &device(options.device, pool)?, pool, Purpose::Any)
    }

    /// As [`Loaded::on`], for a model that only guesses: with a smaller context where it was made for a smaller one.
    ///
    /// # Errors
    /// As [`Loaded::new`].
    pub(crate) fn draft(options: &ModelOptions<'_>, pool: &Arc<Pool>) -> Result<Self, Failure> {
        Self::load(options, &device(&options.device.for_draft(), pool)?, pool, Purpose::Guess)
    }

    fn load(
        options: &ModelOptions<'_>,
        device: &Arc<dyn Device>,
        pool: &Arc<Pool>,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let model = models::find(options.model)?;
        let started = Instant::now();
        let files = MappedModel::new(model)?;
        let gguf = files.gguf()?;
        let open = started.elapsed();
        let context = context(&gguf, &files, options.context, purpose == Purpose::Guess)?;
        let guessing = options.guessing && !options.device.is_split();
        let reading = LoadOptions { context: Some(context), cache: options.cache, guessing };
        let spec = match purpose {
            Purpose::Any => ModelSpec::read_any(&gguf, &reading),
            Purpose::Write | Purpose::Guess => ModelSpec::read(&gguf, &reading),
        };
        let spec = spec.map_err(|error| no_writer(&files, &error))?;
        device.check(&spec.program).map_err(|error| files.fault(&error))?;
        if let Some(layout) = device.layout(&spec.program) {
            line(&format!("hefu: layers by device: {layout}"));
        }
        let rows = spec.program.vocabulary;
        check_memory(&spec, &**device, context, options.state_memory)?;
        let planned = started.elapsed();

        let make_text = || {
            let made = text(&files, &gguf, options.template, rows);
            (made, started.elapsed())
        };
        let (packed, (text, texted)) = beside(make_text, || {
            let image = packed::find(&files.model, &**device, &spec.program, options.model.check);
            let model = load_weights(&files, &gguf, &spec.program, device, image);
            (model, started.elapsed())
        });
        let (tokenizer, template) = text?;
        let (model, weighed) = (packed.0?, packed.1);
        // The files that were checked, and that the fingerprint will be of, are those that were read.
        files.model.still_is()?;
        files.release_metadata(&gguf);
        let (recommended, pooling) = (metadata::recommended(&gguf), metadata::pooling(&spec));
        let (abilities, classes) = (Abilities::of(&spec.program), metadata::classes(&gguf));
        let rank_template = metadata::rank_template(&gguf).map(str::to_owned);
        drop(gguf);
        HugeAllocator::give_back();
        let took = LoadTimes {
            open,
            plan: planned - open,
            weights: weighed.saturating_sub(planned),
            text: texted.saturating_sub(planned),
            total: started.elapsed(),
        };
        let (resolved, pool, isa) = (files.model, Arc::clone(pool), device.name());
        let text = TextModel::new(resolved.name.clone(), Arc::new(tokenizer), template, recommended, context)
            .able(abilities, classes)
            .judging(rank_template.as_deref());
        let block = spec.drafter.map(|program| Model { program, ..model.clone() });
        Ok(Self { resolved, model, block, text, pooling, pool, isa, check: options.model.check, took })
    }

    /// The cache of one sequence on this model, of the size that was stated when the model was loaded; what layers hand on
    /// is kept if it is `traced`.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(crate) fn paged(&self, traced: bool) -> Result<Paged, Failure> {
        let paged = if traced { Paged::traced } else { Paged::new };
        let paged = paged(&self.model, self.text.context, self.text.context.div_ceil(PAGE), 1);
        paged.map_err(|error| Failure::Other(error.to_string()))
    }

    /// Scheduler of one job at a time on this model, `prefill_chunk` prompt tokens at once, each going on from what
    /// the one before has left in the cache where `prefix_reuse` says so.
    ///
    /// # Errors
    /// If the cache cannot be had.
    pub(crate) fn scheduler(&self, prefill_chunk: usize, prefix_reuse: bool) -> Result<Scheduler<Paged>, Failure> {
        Ok(Scheduler::new(self.paged(false)?, Self::one(prefill_chunk, prefix_reuse)))
    }

    /// The same with a trace of every answer.
    ///
    /// # Errors
    /// If the cache cannot be had.
    pub(crate) fn traced_scheduler(&self, prefill_chunk: usize) -> Result<Scheduler<Paged>, Failure> {
        Ok(Scheduler::new(self.paged(true)?, Self::one(prefill_chunk, false)))
    }

    /// Limits of a scheduler of one job at a time.
    fn one(prefill_chunk: usize, prefix_reuse: bool) -> Limits {
        Limits { step_tokens: prefill_chunk, running: 1, queued: 1, prefix_reuse, ..Limits::default() }
    }

    /// Fingerprint that another answer must share for its bits to be comparable.
    ///
    /// # Errors
    /// If a file outside the store cannot be read to take its digest, or was changed since it was loaded.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, Failure> {
        if self.resolved.files.iter().any(|file| file.sha256.is_none()) {
            self.resolved.still_is()?;
        }
        Ok(fingerprint::input(&self.resolved, &self.model.program)?.fingerprint())
    }
}

/// Failure of a model that is to write.
fn no_writer(files: &MappedModel, error: &Error) -> Failure {
    match error {
        Error::Encoder { .. } => Failure::Other(format!(
            "{}: {error}; make vectors with hefu embed, or vectors and ranks with hefu serve",
            files.model.name
        )),
        error => files.fault(error),
    }
}

fn context(gguf: &Gguf<'_>, files: &MappedModel, asked: Option<usize>, at_most: bool) -> Result<usize, Failure> {
    let most = ModelSpec::context_length(gguf).map_err(|error| files.fault(&error))?;
    match asked {
        None => Ok(DEFAULT_CONTEXT.min(most)),
        Some(asked) if asked <= most => Ok(asked),
        Some(_) if at_most => Ok(most),
        Some(asked) => Err(Failure::Usage(format!(
            "{} was made for {most} positions, so it cannot have the {asked} that are asked for; ask for fewer",
            files.model.name
        ))),
    }
}

/// Runs `aside` on a thread of its own while this one runs `main`; after it, where the system refuses a thread.
fn beside<A: Send, M>(aside: impl Fn() -> A + Sync, main: impl FnOnce() -> M) -> (M, A) {
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new().name("text".to_owned()).spawn_scoped(scope, &aside);
        let done = main();
        match spawned.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(made)) => (done, made),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => (done, aside()),
        }
    })
}

/// Tokeniser and template. A model with fewer rows than its tokeniser has tokens could be asked for a row that is not
/// there.
fn text(
    files: &MappedModel,
    gguf: &Gguf<'_>,
    template: Option<&Path>,
    rows: usize,
) -> Result<(Tokenizer, Option<ChatTemplate>), Failure> {
    let tokenizer = files.tokenizer(gguf)?;
    let template = files.template(gguf, &tokenizer, template)?;
    let tokens = tokenizer.size();
    if tokens <= rows {
        return Ok((tokenizer, template));
    }
    Err(Failure::Other(format!(
        "{}: the tokeniser has {tokens} tokens, but the model's tables have {rows} rows; the file is damaged",
        files.model.name
    )))
}

/// States the memory that is about to be taken, and refuses what cannot be had.
fn check_memory(spec: &ModelSpec, device: &dyn Device, context: usize, state: bool) -> Result<(), Failure> {
    let size = Size::new(&spec.program, context.div_ceil(PAGE), 1);
    let footprint = device.footprint(&spec.program, &size);
    let block = spec.drafter.as_ref().and_then(|block| device.footprint(block, &size));
    let too_large = || Failure::Other(format!("a cache of {context} positions is too large to address"));
    let footprint = footprint.ok_or_else(too_large)?;
    let states = footprint.states.saturating_add(block.map_or(0, |block| block.states));
    let (weights, cache) = (footprint.weights as u64, states as u64);
    if state {
        let (weights, cache, profile) = (units::bytes(weights), units::bytes(cache), spec.program.profile.name());
        line(&format!(
            "hefu: taking {weights} for weights and {cache} for the cache of {context} positions ({profile})"
        ));
    }
    // A device judges its own memory itself.
    let on_host = device.host_footprint(&spec.program, &size).unwrap_or(footprint);
    let (weights, cache) = (on_host.weights as u64, on_host.states as u64);
    let available = available_memory().unwrap_or(u64::MAX);
    if weights.saturating_add(cache) > available {
        return Err(Failure::Other(format!(
            "{} for weights and {} for the cache of {context} positions are needed, but only {} of memory are \
             available; give a smaller --context, --cache q8 or a smaller model",
            units::bytes(weights),
            units::bytes(cache),
            units::bytes(available)
        )));
    }
    Ok(())
}

/// Keeps a packed copy of a model's weights; returns its bytes.
///
/// # Errors
/// Whatever is wrong with the model or the machine; no room for the copy.
pub(crate) fn pack_weights(model: ResolvedModel, options: &DeviceOptions) -> Result<usize, Failure> {
    let files = MappedModel::new(model)?;
    let gguf = files.gguf()?;
    let device = device(options, &Arc::new(Pool::new(options.threads)))?;
    let spec = ModelSpec::read_any(&gguf, &LoadOptions { guessing: true, ..LoadOptions::default() })
        .map_err(|error| files.fault(&error))?;
    let loaded = load_weights(&files, &gguf, &spec.program, &device, None)?;
    let no_image = || Failure::Other(format!("{} keeps no weights in one piece of memory", device.name()));
    let image = loaded.weights.image().ok_or_else(no_image)?;
    files.model.still_is()?;
    packed::keep(&files.model, &*device, &spec.program, image)?;
    Ok(image.len())
}

/// Brings the weights to the device. What was read is let go at once, so that no second copy stays resident.
///
/// # Errors
/// Whatever is wrong with the files or the machine.
pub(crate) fn load_weights(
    files: &MappedModel,
    gguf: &Gguf<'_>,
    program: &Arc<Program>,
    device: &Arc<dyn Device>,
    image: Option<Bytes>,
) -> Result<Model, Failure> {
    let total = program.source_bytes() as u64;
    let progress = Mutex::new((Meter::new("loading", Unit::Bytes), 0_u64));
    let done = |file: usize, range: Range<usize>| {
        let bytes = range.len() as u64;
        if let Some(mapping) = files.mapping(file) {
            mapping.release(range);
        }
        if let Ok(mut progress) = progress.lock() {
            progress.1 += bytes;
            let done = progress.1;
            progress.0.set(done, Some(total));
        }
    };
    let identity = || fingerprint::identity(&files.model).ok();
    let again = Arc::new(Reopened { model: files.model.clone() });
    let tensors = ModelFiles::new(gguf, &done).with_image(image).with_identity(&identity).with_reopen(again);
    Model::load(Arc::clone(device), Arc::clone(program), &tensors).map_err(|error| files.fault(&error))
}
