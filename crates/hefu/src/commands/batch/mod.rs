//! `hefu batch`: a file of requests, answered together.
//!
//! ```text
//! Input ── request ─▶ task ─▶ Inside (the server's endpoints) ─▶ scheduler, full batches
//! Journal ◀─ lines, durable ── whatever is finished by then ◀──┘
//! ```
//!
//! A line is in the journal once and for all or not at all, so a batch that was killed goes on where it was.

mod input;
mod journal;

use crate::commands::serve::labels;
use crate::failure::Failure;
use crate::flags::{
    CacheArguments, CheckArguments, DeviceArguments, LabelArguments, MODEL_VARIABLE, RecordArguments,
    SignatureArguments,
};
use crate::memory::available_memory;
use crate::options::{CatalogOptions, SpeculationOptions};
use crate::progress::{Meter, Unit};
use crate::serving::{Ledger, ModelCatalog};
use clap::Args;
use hefu_engine::scheduler;
use hefu_server::error::NOT_RECORDED;
use hefu_server::ids::uuid;
use hefu_server::inside::Inside;
use hefu_server::limits::Limits;
use hefu_server::record::Recorder;
use hefu_server::service::Service;
use input::{Asked, Input, Request};
use journal::{Journal, line};
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Threads for what is not the model's.
const THREADS: usize = 2;
/// Time limit of a request: nobody waits for a single one.
const REQUEST_TIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// Answers that may wait in the scheduler: more than requests of many answers each can ask for.
const QUEUED: usize = 1 << 24;

/// Answer a file of requests, many at once
///
/// Reads and writes the batch format of the OpenAI API: one request on each line, with `custom_id`, `method`, `url`
/// (/v1/chat/completions, /v1/completions or /v1/embeddings) and `body`. Answers are appended in the order in which they are finished.
#[derive(Debug, Args)]
#[command(after_help = "\
A batch that was interrupted goes on when the same command is given again: a custom_id that OUT.jsonl answers already is passed over. \
A request that is refused or fails has its error in OUT.jsonl and does not stop the others; the exit status is 1 then, and --retry asks it again.

Examples:
  hefu batch questions.jsonl answers.jsonl
  hefu batch questions.jsonl answers.jsonl --model gemma-3-270m --parallel 64")]
pub(crate) struct Arguments {
    /// The requests
    #[arg(value_name = "IN.jsonl")]
    input: PathBuf,

    /// The answers
    #[arg(value_name = "OUT.jsonl")]
    output: PathBuf,

    /// Model: a name that `hefu models` lists, or the path of a GGUF file; may be given several times, the first is the default
    #[arg(short, long, value_name = "NAME|PATH", env = MODEL_VARIABLE, help_heading = "Model")]
    model: Vec<String>,

    /// Tokens that prompt and answer may have together [default: 32768, or fewer where the model or the memory bears fewer]
    #[arg(short, long, value_name = "N", help_heading = "Model")]
    context: Option<NonZeroUsize>,

    /// Chat template (Jinja) in place of the model's own
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    template: Option<PathBuf>,

    #[command(flatten)]
    check: CheckArguments,
    #[command(flatten)]
    signature: SignatureArguments,

    /// Ask again what OUT.jsonl answers with an error
    #[arg(long)]
    retry: bool,

    /// Requests that are answered at the same time
    #[arg(long, value_name = "N", default_value = "32")]
    parallel: NonZeroUsize,

    /// Positions of each model's cache, which all its requests share [default: two contexts]
    #[arg(long, value_name = "N")]
    cache_tokens: Option<NonZeroUsize>,

    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    record: RecordArguments,
    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// Files that cannot be read or written or are of another kind, or a model that cannot be had.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let input = Input::open(&arguments.input)?;
    let (journal, answered) = Journal::open(&arguments.output, &input, arguments.retry)?;
    let places = answered.places.iter().enumerate();
    let left: Vec<usize> = places.filter(|(_, done)| !**done).map(|(place, _)| place).collect();
    let mut batch = Batch { done: input.len() - left.len(), input, journal, failed: answered.failed };
    if !left.is_empty() {
        let limits = Limits {
            body_bytes: usize::MAX,
            request_time: REQUEST_TIME,
            memory_bytes: available_memory(),
            ..Limits::default()
        };
        let labels = labels(&arguments.label)?;
        // Nobody could ask for a receipt that is not in a log.
        let ledger = arguments.record.audit.as_ref().map(|_| Ledger::open(arguments.record.options(0))).transpose()?;
        let ledger = ledger.map(Arc::new);
        let catalog = Arc::new(ModelCatalog::new(catalog_options(arguments)?)?.noting(ledger.clone()));
        if let Some(ledger) = &ledger {
            ledger.note_start(crate::open::instruction_set(&arguments.device.options())?.name, None);
        }
        let recorder = ledger.clone().map(|ledger| ledger as Arc<dyn Recorder>);
        let service = Service::new(catalog, limits, recorder, labels, None);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|error| Failure::Other(format!("the threads for requests cannot be started: {error}")))?;
        let outcome = runtime.block_on(batch.answer(&service, &left, arguments.parallel.get()));
        runtime.shutdown_background();
        outcome.and(ledger.map_or(Ok(()), |ledger| ledger.close()))?;
    }
    batch.summary(arguments)
}

fn catalog_options(arguments: &Arguments) -> Result<CatalogOptions, Failure> {
    Ok(CatalogOptions {
        models: arguments.model.clone(),
        check: arguments.check.check,
        device: arguments.device.options(),
        context: arguments.context.map(NonZeroUsize::get),
        cache: arguments.cache.profile(),
        memory: available_memory(),
        aliases: Vec::new(),
        cache_tokens: arguments.cache_tokens.map(NonZeroUsize::get),
        template: arguments.template.clone(),
        required_key: arguments.signature.required()?,
        limits: scheduler::Limits {
            step_tokens: arguments.device.options().prefill_chunk,
            running: arguments.parallel.get(),
            queued: QUEUED,
            prompts_first: true,
            ..scheduler::Limits::default()
        },
        speculation: SpeculationOptions::default(),
        trace: arguments.record.trace,
    })
}

/// A batch under way.
struct Batch {
    input: Input,
    journal: Journal,
    /// Requests that are in the journal.
    done: usize,
    /// Those of them whose answer is an error.
    failed: usize,
}

/// A finished request: its line, and whether it is an error.
type Finished = Result<(String, bool), Failure>;

impl Batch {
    /// Answers what is left, `parallel` requests at a time.
    async fn answer(&mut self, service: &Arc<Service>, left: &[usize], parallel: usize) -> Result<(), Failure> {
        let mut meter = Meter::new("answering", Unit::Count);
        let total = Some(self.input.len() as u64);
        // The first model is loaded before anything is asked, so that a model that cannot be is told at once.
        let first = service.registry.lease(None, 0, None).await;
        drop(first.map_err(|error| Failure::Other(error.to_string()))?);
        let inside = Inside::new(Arc::clone(service));
        let mut tasks: JoinSet<Finished> = JoinSet::new();
        let mut left = left.iter();
        loop {
            meter.set(self.done as u64, total);
            while tasks.len() < parallel {
                let Some(place) = left.next() else { break };
                if let Some(request) = self.input.request(*place)? {
                    let inside = inside.clone();
                    tasks.spawn(async move { answered(&inside, request).await });
                }
            }
            let Some(finished) = tasks.join_next().await else { return Ok(()) };
            let mut lines = String::new();
            self.take(finished, &mut lines)?;
            // Answers that are finished by now are made durable together.
            while let Some(finished) = tasks.try_join_next() {
                self.take(finished, &mut lines)?;
            }
            self.journal.append(&lines)?;
            if self.failed > 0 {
                meter.note(format!("{} with errors", self.failed));
            }
        }
    }

    fn take(&mut self, finished: Result<Finished, tokio::task::JoinError>, lines: &mut String) -> Result<(), Failure> {
        let (line, is_error) = finished.map_err(|error| Failure::Other(error.to_string()))??;
        lines.push_str(&line);
        self.done += 1;
        self.failed += usize::from(is_error);
        Ok(())
    }

    /// Says what is in the file of answers.
    ///
    /// # Errors
    /// If some of it are errors.
    fn summary(&self, arguments: &Arguments) -> Result<(), Failure> {
        let (done, total, path) = (self.done, self.input.len(), arguments.output.display());
        let answered = format!("{done} of {total} requests answered in {path}");
        if self.failed == 0 {
            crate::progress::line(&answered);
            return Ok(());
        }
        Err(Failure::Other(format!(
            "{answered}, {} with errors; the same command with --retry asks those again",
            self.failed
        )))
    }
}

/// Asks one request, and writes its line.
async fn answered(inside: &Inside, request: Request) -> Finished {
    let id = uuid().map_err(|error| Failure::Other(format!("no random numbers can be had: {error}")))?;
    let Asked { path, body } = match request.asked {
        Ok(asked) => asked,
        Err(wrong) => return Ok((line(&id, &request.custom_id, Err(&wrong)), true)),
    };
    let reply = inside.post(path, body).await.map_err(|error| Failure::Other(error.to_string()))?;
    let body: Value = serde_json::from_slice(&reply.body)
        .map_err(|error| Failure::Other(format!("an answer is no JSON ({error}); this is a fault of the program")))?;
    let is_error = !(200..300).contains(&reply.status);
    // A fault of all requests is no answer to one: the batch ends, and goes on from here the next time.
    if body.pointer("/error/code").and_then(Value::as_str) == Some(NOT_RECORDED) {
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or(NOT_RECORDED);
        return Err(Failure::Other(message.to_owned()));
    }
    Ok((line(&id, &request.custom_id, Ok((reply.status, &reply.request, body))), is_error))
}
