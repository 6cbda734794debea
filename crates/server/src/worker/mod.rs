//! A model in memory: the thread that computes, and the handle by which requests reach it.
//!
//! ```text
//! requests ── Command ─▶ thread: submit, cancel, step, step, … ──── Event ───▶ one channel for each request
//! ```
//!
//! The thread does nothing but steps. A channel of events is not bounded, because the thread must never wait for a
//! reader; what it can hold is at most the answer itself, and the reader behind it is bounded and watched
//! (`answering`).

mod drive;

use crate::catalog::{Catalog, Gauge, Loaded};
use crate::error::{ApiError, Kind};
use hefu_answer::TextModel;
use hefu_engine::RequestError;
use hefu_engine::inspect::{Asked, Operation, Outcome, Product, Visible};
use hefu_engine::scheduler::{Event, Job, Key, Pooling, Refusal, Statistics};
use serde_json::Value;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Seconds after which a client may try again when the queue is full.
const RETRY_AFTER: u64 = 2;

/// The text side of a loaded model, and the way to its thread.
pub struct Worker {
    /// Its text side; by that name requests ask for it.
    pub text: TextModel,
    /// Fingerprint that two answers must share to be comparable bit for bit.
    pub fingerprint: String,
    /// SHA-256 of its first file in hexadecimal digits, where it is known.
    pub digest: Option<String>,
    /// Pooling of its embeddings.
    pub pooling: Pooling,
    /// Number of logits for each position.
    pub vocabulary: usize,
    /// Its values that can be seen.
    pub visible: Vec<Visible>,
    /// Operations of one token.
    pub operations: Vec<Operation>,
    /// Its products with matrices.
    pub products: Vec<Product>,
    /// What measures its steps, if that can be.
    pub(crate) gauge: Option<Arc<dyn Gauge>>,
    /// What was measured last.
    pub(crate) measured: Mutex<Option<Value>>,
    commands: Sender<Command>,
    statistics: Arc<Mutex<Statistics>>,
    epoch: Instant,
}

/// Commands of the model's thread.
enum Command {
    /// Take these jobs, all or none.
    Submit { jobs: Vec<Job>, events: Outlet, taken: oneshot::Sender<Result<Vec<Key>, Refusal>> },
    /// Give these jobs up.
    Cancel(Vec<Key>),
    /// Give these jobs up here, as they go on elsewhere; whether that can be.
    Withdraw { keys: Vec<Key>, withdrawn: oneshot::Sender<bool> },
    /// Look at a text, until a deadline. Nobody listens any more once the other end of `done` is closed.
    Inspect { client: u64, asked: Box<Asked>, deadline: Duration, done: oneshot::Sender<Outcome> },
}

/// Where what comes of the jobs of one request goes: (which job, what, when).
type Outlet = mpsc::UnboundedSender<(usize, Event, Instant)>;

/// Jobs under way; dropping this gives them up.
pub struct Running {
    worker: Arc<Worker>,
    keys: Vec<Key>,
    events: mpsc::UnboundedReceiver<(usize, Event, Instant)>,
}

impl Running {
    /// The next event: (job, event, time); `None` once there will be none.
    pub async fn next(&mut self) -> Option<(usize, Event, Instant)> {
        self.events.recv().await
    }

    /// Gives up all jobs here, so that they go on elsewhere after the tokens that they have; false if they are to stay. What they had
    /// said before is still to come, and then [`Running::next`] gives `None`.
    pub(crate) async fn withdraw(&mut self) -> bool {
        let (withdrawn, told) = oneshot::channel();
        self.worker.tell(Command::Withdraw { keys: self.keys.clone(), withdrawn });
        told.await.unwrap_or(false)
    }

    /// Gives one job up.
    pub fn cancel(&mut self, job: usize) {
        if let Some(key) = self.keys.get(job) {
            self.worker.tell(Command::Cancel(vec![*key]));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Jobs that are over are passed over.
        self.worker.tell(Command::Cancel(std::mem::take(&mut self.keys)));
    }
}

impl Worker {
    /// Starts a thread that loads a model and then runs it until the handle is dropped. `gone` is called when its memory
    /// is free again, or when it could not be loaded.
    ///
    /// # Errors
    /// The reason why it was not loaded.
    pub async fn start(
        catalog: Arc<dyn Catalog>,
        name: String,
        gone: Box<dyn FnOnce() + Send>,
    ) -> Result<Arc<Self>, ApiError> {
        let (ready, loaded) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("model {name}"));
        let told = name.clone();
        thread
            .spawn(move || {
                match catalog.load(&name) {
                    Ok(model) => drive::run(name, model, ready),
                    Err(sentence) => drop(ready.send(Err(sentence))),
                }
                gone();
            })
            .map_err(|error| ApiError::internal(format!("no thread can be started: {error}")))?;
        match loaded.await {
            Ok(Ok(worker)) => Ok(worker),
            Ok(Err(sentence)) => Err(ApiError::internal(sentence)),
            Err(_) => Err(ApiError::internal(format!("{told} could not be loaded; the server's log says more"))),
        }
    }

    /// Hands jobs over, all or none.
    ///
    /// # Errors
    /// A full queue, a job that cannot be carried out, or a model that has failed.
    pub async fn submit(self: &Arc<Self>, jobs: Vec<Job>) -> Result<Running, ApiError> {
        let (outlet, events) = mpsc::unbounded_channel();
        let (taken, keys) = oneshot::channel();
        let count = jobs.len();
        self.tell(Command::Submit { jobs, events: outlet, taken });
        match keys.await {
            Ok(Ok(keys)) => Ok(Running { worker: Arc::clone(self), keys, events }),
            Ok(Err(refusal)) => Err(refused(&refusal, count)),
            Err(_) => Err(ApiError::internal(format!("{} has stopped; the server's log says more", self.text.name))),
        }
    }

    /// Looks at a text, in its turn.
    ///
    /// # Errors
    /// A model that has stopped; inside, why the text is not looked at.
    pub async fn inspect(&self, client: u64, asked: Asked, deadline: Duration) -> Result<Outcome, ApiError> {
        let (done, outcome) = oneshot::channel();
        self.tell(Command::Inspect { client, asked: Box::new(asked), deadline, done });
        let stopped = |_| ApiError::internal(format!("{} has stopped; the server's log says more", self.text.name));
        outcome.await.map_err(stopped)
    }

    /// Statistics of its scheduler, as of its last step.
    pub fn statistics(&self) -> Statistics {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the scheduler's clock at a moment.
    pub fn time(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.epoch)
    }

    fn tell(&self, command: Command) {
        // A thread that is gone answers by closing its channels.
        drop(self.commands.send(command));
    }

    fn new(model: Loaded) -> (Arc<Self>, drive::Engine) {
        let (commands, inbox) = channel();
        let statistics = Arc::new(Mutex::new(Statistics::default()));
        let epoch = Instant::now();
        let engine = drive::Engine { engine: model.engine, inbox, statistics: Arc::clone(&statistics), epoch };
        let worker = Self {
            digest: model.digest,
            text: model.text,
            fingerprint: model.fingerprint,
            pooling: model.pooling,
            vocabulary: model.vocabulary,
            visible: model.visible,
            operations: model.operations,
            products: model.products,
            gauge: model.gauge,
            measured: Mutex::new(None),
            commands,
            statistics,
            epoch,
        };
        (Arc::new(worker), engine)
    }
}

fn refused(refusal: &Refusal, count: usize) -> ApiError {
    let sentence = refusal.to_string();
    match refusal {
        // It would be refused however often it came again.
        Refusal::QueueFull { most, .. } if count > *most => ApiError::invalid(format!(
            "this request needs {count} places in the queue, which has {most} (--max-queue); ask for fewer at a time"
        )),
        Refusal::QueueFull { .. } => {
            ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("queue_full")
        }
        Refusal::Invalid(RequestError::PromptTooLong { .. } | RequestError::TooLong { .. }) => {
            ApiError::invalid(sentence).code("context_length_exceeded")
        }
        _ => ApiError::invalid(sentence),
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.text.name)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({} jobs of {})", self.keys.len(), self.worker.text.name)
    }
}
