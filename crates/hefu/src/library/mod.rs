//! Models in memory for a program that links this one: what the Python package is made of.
//!
//! An [`Engine`] is the server without connections: the same endpoints, one scheduler, so that requests of several threads are one
//! batch. What would be wasteful as JSON, vectors and logits, has ways of its own.

mod parts;
mod sentence;

pub use parts::{Part, PartOptions, Parts, layer_bytes};
pub use sentence::Failure;

use self::parts::part_key;
use self::sentence::sentence;
use crate::cli::Cli;
use crate::flags::device_options;
use crate::memory::available_memory;
use crate::options::{CatalogOptions, DeviceOptions, RecordOptions, SpeculationOptions};
use crate::serving::{Ledger, ModelCatalog};
use crate::{failure, own, words};
use hefu_answer::{Ask, Prompt, Spec};
use hefu_engine::constraint::Constraint;
use hefu_engine::scheduler::Limits as SchedulerLimits;
use hefu_engine::verification::{How, Verdict};
use hefu_numerics::kv::Profile;
use hefu_proof::{Answer, Receipt};
use hefu_server::inside::{Coming, Inside};
use hefu_server::limits::Limits;
use hefu_server::record::Recorder;
use hefu_server::registry::Lease;
use hefu_server::service::{Caller, Service};
use hefu_store::Check;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Threads for what is not the model's.
const THREADS: usize = 2;
/// Time limit of a request: who asks can stop it.
const REQUEST_TIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// Receipts that are held.
const RECENT: usize = 1000;
/// Answers of one request, over all its prompts.
const CHOICES: usize = 4096;
/// Requests that may wait.
const QUEUED: usize = 1 << 20;
/// Interval of asking whether somebody wants to stop.
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// The environment variable that names the model when nothing else does.
const MODEL_VARIABLE: &str = crate::flags::MODEL_VARIABLE;

/// Options of the model and of computing.
#[derive(Debug, Clone)]
pub struct Options {
    /// A name or a path; `None` is what the environment names, or the catalogue's default.
    pub model: Option<String>,
    /// Tokens that prompt and answer may have together; `None` is as `hefu serve` has it.
    pub context: Option<usize>,
    /// Format of cached keys and values: `f16`, `q8` or `i8`.
    pub cache: String,
    /// Where to compute, as `--device` names it; `None` is the CPU.
    pub device: Option<String>,
    /// Parts on other machines that have all layers, in place of a device.
    pub parts: Option<Parts>,
    /// Threads to compute with; `None` is all cores.
    pub threads: Option<usize>,
    /// The instruction set; `None` is the best.
    pub isa: Option<String>,
    /// A chat template in place of the model's own.
    pub template: Option<PathBuf>,
    /// Answers that are computed at the same time.
    pub parallel: usize,
    /// Positions of the cache, which all requests share; `None` is two contexts.
    pub cache_tokens: Option<usize>,
    /// The file that computes, for receipts: a library is not the program that runs.
    pub own_file: PathBuf,
}

/// A model in memory.
pub struct Engine {
    service: Arc<Service>,
    inside: Inside,
    recorder: Arc<dyn Recorder>,
    about: String,
    runtime: Option<Runtime>,
}

/// Answer of an endpoint: its status at once, its body as it comes.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The kind of body.
    pub media_type: Option<String>,
    /// `None` once it was given up.
    coming: Option<Coming>,
    handle: tokio::runtime::Handle,
}

/// Runs the program with these arguments, of which the first is its own name; its exit status. `own_file` is the file that computes.
pub fn program(arguments: Vec<OsString>, own_file: PathBuf) -> u8 {
    own::set(own_file, arguments.first().map(PathBuf::from));
    status(arguments)
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    ExitCode::from(status(std::env::args_os().collect()))
}

fn status(arguments: Vec<OsString>) -> u8 {
    words::start(&arguments);
    let command = match Cli::read(arguments) {
        Ok(command) => command,
        Err(wrong) => return failure::usage(&wrong),
    };
    match command.run() {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}

/// Said now and then while something takes its time: whether somebody wants to stop.
pub type Interrupted<'a> = &'a dyn Fn() -> bool;

impl Engine {
    /// Brings a model to memory, fetching it if it is not there yet.
    ///
    /// # Errors
    /// A model that cannot be had or run, or options that do not fit.
    pub fn open(options: Options) -> Result<Self, Failure> {
        own::set(options.own_file.clone(), None);
        let catalog = ModelCatalog::new(catalog_options(options)?)?;
        let recent = RecordOptions { log: None, authority: None, hides_prompts: false, recent: RECENT };
        let recorder: Arc<dyn Recorder> = Arc::new(Ledger::open(recent)?);
        let limits = Limits {
            body_bytes: usize::MAX,
            request_time: REQUEST_TIME,
            stall_time: REQUEST_TIME,
            choices: CHOICES,
            memory_bytes: available_memory(),
            ..Limits::default()
        };
        let service = Service::new(Arc::new(catalog), limits, Some(Arc::clone(&recorder)), None, None);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        let runtime = runtime.map_err(|error| sentence(format!("threads cannot be started: {error}")))?;
        let lease = runtime.block_on(service.lease(0, &Ask::default())).map_err(|error| sentence(error.to_string()))?;
        let about = about(&lease);
        let inside = Inside::new(Arc::clone(&service));
        Ok(Self { service, inside, recorder, about, runtime: Some(runtime) })
    }

    /// The model as JSON: `name`, `fingerprint`, `context`, `vocabulary` (columns of logits), `bos` and `eos` with
    /// their texts, `template`.
    pub fn about(&self) -> String {
        self.about.clone()
    }

    /// Sends a request to an endpoint. A refusal is an answer, too.
    ///
    /// # Errors
    /// A method that there is not, or if somebody wants to stop.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
        interrupted: Interrupted<'_>,
    ) -> Result<Response, Failure> {
        let coming = self.wait(self.inside.request(method, path, body), interrupted)?;
        let (status, media_type) = (coming.status, coming.media_type.clone());
        Ok(Response { status, media_type, coming: Some(coming), handle: self.runtime()?.handle().clone() })
    }

    /// Vectors of texts, one after another.
    ///
    /// # Errors
    /// A text that does not fit, or somebody who wants to stop.
    pub fn embed(
        &self,
        texts: Vec<String>,
        may_be_cut: bool,
        interrupted: Interrupted<'_>,
    ) -> Result<Vec<f32>, Failure> {
        let asks = texts.into_iter().map(|text| Ask { prompt: Prompt::Text(text), ..Ask::default() }).collect();
        let (caller, service) = (Caller::default(), &self.service);
        let (_, vectors, _) = self.wait(service.embed(&caller, asks, may_be_cut), interrupted)?;
        Ok(vectors.concat())
    }

    /// Logits after each token from place `first` on, one row after another.
    ///
    /// # Errors
    /// Tokens that do not fit, or somebody who wants to stop.
    pub fn logits(&self, ids: Vec<u32>, first: usize, interrupted: Interrupted<'_>) -> Result<Vec<f32>, Failure> {
        if first >= ids.len() {
            return Err(sentence(format!("there are {} tokens, so none is in place {first}", ids.len())));
        }
        let (caller, service) = (Caller::default(), &self.service);
        self.wait(service.logits(&caller, ids, first), interrupted)
    }

    /// The receipt of an answer, if it is still held.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn receipt(&self, id: &str) -> Result<Option<String>, Failure> {
        self.recorder.receipt(id, "").map_err(Failure::Sentence)
    }

    /// Makes the answer of a receipt again; an object with `matches`, `reason` and `key`.
    ///
    /// # Errors
    /// If somebody wants to stop.
    pub fn verify(&self, receipt: &str, interrupted: Interrupted<'_>) -> Result<String, Failure> {
        let (key, outcome) = match Receipt::parse(receipt) {
            Err(error) => (String::new(), Err(format!("refused: {error}"))),
            Ok(receipt) => (receipt.key().to_string(), self.made_again(receipt.answer(), interrupted)?),
        };
        let (matches, reason) = match outcome {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        Ok(json!({"matches": matches, "reason": reason, "key": key}).to_string())
    }

    /// Verdict on an answer that is made again, in words.
    fn made_again(&self, answer: &Answer, interrupted: Interrupted<'_>) -> Result<Result<String, String>, Failure> {
        let lease = self.wait(self.service.lease(0, &Ask::default()), interrupted)?;
        let worker = &lease.worker;
        if answer.fingerprint != worker.fingerprint {
            let (its, own) = (&answer.fingerprint, &worker.fingerprint);
            return Ok(Err(format!("it was made under the fingerprint {its}, but that of this model is {own}")));
        }
        let job =
            answer.claim(None, usize::MAX).and_then(|claim| Ok(claim.job(constraint(answer, &lease)?, How::Prefill)));
        let job = match job {
            Ok(job) => job,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let verdict = self.wait(self.service.verdict(&Caller::default(), &lease, job), interrupted)?;
        Ok(match verdict {
            Verdict::Matches { chosen, .. } => Ok(format!("matches ({chosen} choices made again)")),
            Verdict::Differs(difference) => Err(format!("differs at token {} of the answer", difference.index)),
            Verdict::EndsOtherwise(wrong) => Err(format!("ends otherwise: {wrong}")),
        })
    }

    fn runtime(&self) -> Result<&Runtime, Failure> {
        self.runtime.as_ref().ok_or_else(|| sentence("the model was given back".to_owned()))
    }

    /// Waits for something, asking now and then whether somebody wants to stop. What is given up ends.
    fn wait<T, E: ToString>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        interrupted: Interrupted<'_>,
    ) -> Result<T, Failure> {
        self.runtime()?.block_on(patiently(work, interrupted))?.map_err(|error| sentence(error.to_string()))
    }
}

async fn patiently<T>(work: impl Future<Output = T>, interrupted: Interrupted<'_>) -> Result<T, Failure> {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(ASKED_EVERY, &mut work).await {
            Ok(done) => return Ok(done),
            Err(_) if interrupted() => return Err(Failure::Interrupted),
            Err(_) => {}
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Computations under way are given up with it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Response {
    /// The next piece of the body; `None` after the last.
    ///
    /// # Errors
    /// An answer that breaks off, or somebody who wants to stop, which gives the rest up.
    pub fn next(&mut self, interrupted: Interrupted<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let Some(coming) = &mut self.coming else { return Ok(None) };
        match self.handle.block_on(patiently(coming.next(), interrupted)) {
            Ok(Ok(piece)) => Ok(piece.map(Vec::from)),
            Ok(Err(error)) => Err(sentence(error.to_string())),
            Err(stopped) => {
                self.close();
                Err(stopped)
            }
        }
    }

    /// Gives the rest up.
    pub fn close(&mut self) {
        self.coming = None;
    }
}

fn about(lease: &Lease) -> String {
    let (worker, text) = (&lease.worker, &lease.worker.text);
    let vocabulary = text.tokenizer.vocabulary();
    let spelled =
        |id: Option<u32>| id.map(|id| String::from_utf8_lossy(text.tokenizer.token_bytes(id, true)).into_owned());
    json!({
        "name": text.name,
        "fingerprint": worker.fingerprint,
        "context": text.context,
        "vocabulary": worker.vocabulary,
        "bos": vocabulary.bos,
        "bos_text": spelled(vocabulary.bos),
        "eos": vocabulary.eos,
        "eos_text": spelled(vocabulary.eos),
        "template": text.template.as_ref().map(|_| text.template_source()),
    })
    .to_string()
}

fn constraint(answer: &Answer, lease: &Lease) -> Result<Option<Box<dyn Constraint>>, String> {
    let Some(grammar) = &answer.grammar else { return Ok(None) };
    let text = grammar.text.as_deref().ok_or("its grammar is known by its digest alone, so it cannot be followed")?;
    let spec: Spec = serde_json::from_str(text).map_err(|error| format!("its grammar cannot be read: {error}"))?;
    let grammars = lease.worker.text.grammars().map_err(|error| error.to_string())?;
    grammars.constraint(&spec).map(Some).map_err(|error| error.to_string())
}

fn catalog_options(options: Options) -> Result<CatalogOptions, Failure> {
    let cache = Profile::ALL.into_iter().find(|profile| profile.name() == options.cache);
    let cache = cache.ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.into_iter().map(Profile::name).collect();
        sentence(format!("cache is {:?}, but must be one of {}", options.cache, names.join(", ")))
    })?;
    if options.parallel == 0 {
        return Err(sentence("parallel is 0, but must be at least 1".to_owned()));
    }
    let mut device = device_options(options.device.as_deref(), options.threads, options.isa).map_err(sentence)?;
    if let Some(parts) = &options.parts {
        device = DeviceOptions { place: parts.place(), part_key: part_key(&parts.key)?, ..device };
    }
    let named = || std::env::var(MODEL_VARIABLE).ok().filter(|name| !name.is_empty());
    Ok(CatalogOptions {
        models: options.model.or_else(named).into_iter().collect(),
        check: Check::default(),
        context: options.context,
        cache,
        memory: available_memory(),
        aliases: Vec::new(),
        cache_tokens: options.cache_tokens,
        template: options.template,
        required_key: None,
        limits: SchedulerLimits {
            step_tokens: device.prefill_chunk,
            running: options.parallel,
            queued: QUEUED,
            ..SchedulerLimits::default()
        },
        speculation: SpeculationOptions::default(),
        trace: false,
        device,
    })
}
