//! Service that every dialect calls: from an [`Ask`] to an [`Answer`].

use crate::answer::Answer;
use crate::answering::{Patience, Source, Task, Terms, failed};
use crate::api::responses::kept;
use crate::catalog::Catalog;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::limits::{Limits, PIECES_AHEAD, check_counted};
use crate::metrics::Metrics;
use crate::moving::Moves;
use crate::record::{Labels, Recorder};
use crate::registry::{Lease, Registry};
use crate::shares::Shares;
use crate::watch::Watcher;
use hefu_answer::{Ask, prepare, prepare_text, prompt_ids};
use hefu_class::Who;
use hefu_engine::Request;
use hefu_engine::scheduler::{Event, Job, Kind as JobKind, ReuseDomain};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc;

/// Seconds after which a client may try again where the work of this server moves to another one.
const RETRY_AFTER: u64 = 5;

/// Everything that requests share.
pub struct Service {
    /// The models.
    pub registry: Arc<Registry>,
    /// Limits.
    pub limits: Limits,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Recorder of every answer.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Labels that mark answers as generated.
    pub labels: Option<Arc<dyn Labels>>,
    /// Watcher of every answer.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// Bounds how many texts are worked on at the same time: each may take a thread with a large stack.
    pub(crate) desks: Arc<Shares>,
    /// Responses to go on from.
    pub(crate) responses: kept::ResponseStore,
    /// KiB of memory for large requests.
    pub(crate) memory: Shares,
    /// Orders to have everything go on at another server.
    pub(crate) moves: Moves,
    /// Held by whoever measures.
    pub(crate) measuring: tokio::sync::Mutex<()>,
    is_stopping: AtomicBool,
    /// Every answer under way holds a copy of the sender; the receiver ends when there is none.
    under_way: Mutex<Option<mpsc::Sender<()>>>,
    all_done: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// The caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// By which the scheduler tells clients apart; 0 without an API key.
    pub client: u64,
    /// The group of keys that share what the cache holds; without one, a client shares it with itself alone.
    pub group: Option<u64>,
    /// The name of the API key; empty without one.
    pub name: String,
    /// The request's id in the log.
    pub request: String,
    /// The header `traceparent`, by which whoever asks follows the request through several programs.
    pub trace_parent: Option<String>,
    /// True if records are to state the prompt's hash alone.
    pub hides_prompt: bool,
    /// Member of the class that is served; `None` for anybody else.
    pub member: Option<Who>,
    /// True if the key is an operator's.
    pub is_operator: bool,
}

/// From where a request comes: the address at the other end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Caller {
    /// Domain whose cached beginnings of prompts its own may go on from.
    pub(crate) fn domain(&self) -> ReuseDomain {
        self.group.map_or(ReuseDomain::Client, ReuseDomain::Group)
    }
}

/// Where the choices of an answer stand in the response that they go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of the response.
    pub id: String,
    /// Number of the first one among its choices.
    pub first: usize,
}

impl Service {
    /// A service on the models of a catalog, none of which is loaded yet.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        limits: Limits,
        recorder: Option<Arc<dyn Recorder>>,
        labels: Option<Arc<dyn Labels>>,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> Arc<Self> {
        let registry = Registry::new(catalog, limits.memory_bytes, limits.keep_alive, limits.any_model_name);
        let (under_way, all_done) = mpsc::channel(1);
        let request_kib = limits.request_bytes >> 10;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            registry,
            limits,
            metrics: Arc::new(Metrics::new()),
            recorder,
            labels,
            watcher,
            responses: kept::ResponseStore::default(),
            desks: Arc::new(Shares::new(4 * threads)),
            memory: Shares::new(request_kib),
            moves: Moves::default(),
            measuring: tokio::sync::Mutex::new(()),
            is_stopping: AtomicBool::new(false),
            under_way: Mutex::new(Some(under_way)),
            all_done: tokio::sync::Mutex::new(all_done),
        })
    }

    /// Takes a request; the answer comes in pieces.
    ///
    /// # Errors
    /// Whatever is wrong with the request, a full queue, or a model that cannot be had.
    pub async fn answer(self: &Arc<Self>, caller: &Caller, ask: Ask) -> Result<Answer, ApiError> {
        self.answer_in(caller, ask, Place { id: new_id()?, first: 0 }).await
    }

    /// Takes one of several prompts that are answered in one response.
    ///
    /// # Errors
    /// As [`Service::answer`].
    pub async fn answer_in(self: &Arc<Self>, caller: &Caller, ask: Ask, place: Place) -> Result<Answer, ApiError> {
        let arrived = Instant::now();
        self.check(&ask)?;
        self.can_record().await.map_err(|sentence| ApiError::not_recorded(&sentence))?;
        let Place { id, first } = place;
        let (priority, user) = (ask.priority, ask.user.clone());
        let lease = self.lease(caller.client, &ask).await?;
        let prepare = move |lease: &Lease, limits: &Limits, given_up: &AtomicBool| {
            let prepared = prepare(&ask, &lease.worker.text, &limits.of_requests())?;
            let constraints = prepared.constraints(&lease.worker.text, given_up)?;
            Ok((prepared, constraints))
        };
        let (lease, (prepared, constraints)) = self.text_work(caller.client, lease, prepare).await?;
        let labels = self.labels_of(&id)?;
        let deadline = Some(lease.worker.time(arrived) + self.limits.request_time);
        let terms = Terms { client: caller.client, domain: caller.domain(), priority, deadline };
        let jobs = constraints.into_iter().enumerate();
        let jobs = jobs.map(|(choice, constraint)| terms.job(&prepared, choice, constraint, Vec::new()));
        let running = lease.worker.submit(jobs.collect()).await?;
        let (outlet, pieces) = mpsc::channel(PIECES_AHEAD);
        let answer = Answer {
            id: id.clone(),
            created: ids::unix_seconds(),
            model: lease.worker.text.name.clone(),
            fingerprint: lease.worker.fingerprint.clone(),
            prompt_tokens: prepared.request.prompt.len(),
            seed: prepared.request.parameters.seed,
            choices: prepared.count,
            labels,
            pieces,
        };
        let task = Task {
            id,
            first,
            source: Source::new(running, answer.choices),
            prepared,
            lease,
            outlet,
            stall: self.limits.stall_time,
            patience: Patience::new(self.limits.stall_time),
            limit: self.limits.request_time,
            arrived,
            terms,
            client: caller.name.clone(),
            user,
            request_id: caller.request.clone(),
            trace_parent: caller.trace_parent.clone(),
            watcher: self.watcher.clone(),
            hides_prompt: caller.hides_prompt,
            recorder: self.recorder.clone(),
            labels: self.labels.clone(),
            metrics: Arc::clone(&self.metrics),
            desks: Arc::clone(&self.desks),
            orders: self.moves.listen(),
        };
        self.begin(task);
        Ok(answer)
    }

    /// The fields that label an answer as generated.
    fn labels_of(&self, id: &str) -> Result<Map<String, Value>, ApiError> {
        let labels = self.labels.as_ref().map(|labels| labels.label(id, None)).transpose();
        Ok(labels.map_err(|sentence| ApiError::new(Kind::Unavailable, sentence))?.unwrap_or_default())
    }

    /// Carries an answer to its end, whoever waits for it.
    fn begin(&self, task: Task) {
        self.accompany(task.run());
    }

    /// Has something go on to its end, which the server waits for before it stops.
    pub(crate) fn accompany(&self, work: impl Future<Output = ()> + Send + 'static) {
        let under_way = self.under_way();
        tokio::spawn(async move {
            work.await;
            drop(under_way);
        });
    }

    /// What is held by all that the server waits for before it stops; `None` once it does not wait for more.
    pub(crate) fn under_way(&self) -> Option<mpsc::Sender<()>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much of such is under way.
    pub(crate) fn count_under_way(&self) -> usize {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |own| own.strong_count() - 1)
    }

    /// The tokens that a request's prompt has.
    ///
    /// # Errors
    /// Whatever is wrong with the prompt, or a model that cannot be had.
    pub async fn prompt_ids(self: &Arc<Self>, client: u64, ask: Ask) -> Result<Vec<u32>, ApiError> {
        let lease = self.lease(client, &ask).await?;
        let (_, ids) = self
            .text_work(client, lease, move |lease, _, _| prompt_ids(&ask, &lease.worker.text, check_counted))
            .await?;
        Ok(ids)
    }

    /// One vector for each input, and the number of tokens in all. Where texts `may_be_cut`, what is too long for the model is
    /// left out.
    ///
    /// # Errors
    /// Whatever is wrong with an input, a full queue, or a model that cannot be had.
    pub async fn embed(
        self: &Arc<Self>,
        caller: &Caller,
        asks: Vec<Ask>,
        may_be_cut: bool,
    ) -> Result<(String, Vec<Vec<f32>>, usize), ApiError> {
        let arrived = Instant::now();
        let first =
            asks.first().ok_or_else(|| ApiError::parameter("input", "input is empty; give at least one text"))?;
        self.check(first)?;
        let lease = self.lease(caller.client, first).await?;
        let work = move |lease: &Lease, limits: &Limits, _: &AtomicBool| -> Result<Vec<Request>, ApiError> {
            let limits = limits.of_requests();
            asks.iter().map(|ask| Ok(prepare_text(ask, &lease.worker.text, &limits, may_be_cut)?)).collect()
        };
        let (lease, requests) = self.text_work(caller.client, lease, work).await?;
        let (count, tokens) = (requests.len(), requests.iter().map(|request| request.prompt.len()).sum());
        let pooling = lease.worker.pooling;
        let jobs = requests.into_iter().map(|request| Job {
            client: caller.client,
            domain: caller.domain(),
            deadline: Some(lease.worker.time(arrived) + self.limits.request_time),
            ..Job::new(request).with_kind(JobKind::Embedding(pooling))
        });
        let mut vectors = vec![Vec::new(); count];
        let mut running = lease.worker.submit(jobs.collect()).await?;
        let mut open = vectors.len();
        while open > 0 {
            match running.next().await {
                Some((index, Event::Embedding(vector), _)) => {
                    if let Some(place) = vectors.get_mut(index) {
                        *place = vector;
                    }
                }
                Some((_, Event::Finished(_), _)) => open -= 1,
                Some((_, Event::Failed(failure), _)) => return Err(failed(&failure)),
                Some(_) => {}
                None => return Err(ApiError::internal("the model stopped; the server's log says more")),
            }
        }
        if vectors.iter().any(Vec::is_empty) {
            return Err(ApiError::new(Kind::Overdue, "the vectors took longer than the server allows"));
        }
        Ok((lease.worker.text.name.clone(), vectors, tokens))
    }

    /// A model, once it is in memory, for as long as the lease is held.
    ///
    /// # Errors
    /// A name that no model has, or a model that cannot be loaded in time.
    pub async fn lease(self: &Arc<Self>, client: u64, ask: &Ask) -> Result<Lease, ApiError> {
        let lease = self.registry.lease(ask.model.as_deref(), client, ask.keep_alive);
        let waited = tokio::time::timeout(self.limits.request_time, lease).await;
        waited
            .map_err(|_| ApiError::new(Kind::Overdue, "the model could not be loaded in the time that a request has"))?
    }

    /// Checks that the record of an answer could be kept now.
    ///
    /// # Errors
    /// One sentence that says why not.
    pub async fn can_record(&self) -> Result<(), String> {
        let Some(recorder) = self.recorder.clone() else { return Ok(()) };
        let ready = tokio::task::spawn_blocking(move || recorder.ready()).await;
        ready.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// No new answers are begun from now on.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Waits until every answer is at its end and recorded; no new one may be begun any more.
    pub async fn finished(&self) {
        drop(self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Nothing is ever sent: this waits for the last sender to go.
        let mut all_done = self.all_done.lock().await;
        while all_done.recv().await.is_some() {}
    }

    /// True if no new answers are begun.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Why no new request is taken, if none is.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        if self.is_stopping() {
            return Some(ApiError::new(Kind::Unavailable, "the server is stopping; ask another or try again later"));
        }
        self.moves.order().map(|_| {
            let sentence = "the server hands its work over to another one; ask that one or try again later";
            ApiError::new(Kind::Moving { retry_after: RETRY_AFTER }, sentence).code("draining")
        })
    }

    pub(crate) fn check(&self, ask: &Ask) -> Result<(), ApiError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        if ask.count > self.limits.choices {
            let (asked, most) = (ask.count, self.limits.choices);
            return Err(ApiError::parameter("n", format!("n is {asked}, but must be at most {most}")));
        }
        Ok(())
    }
}

/// A name for a request or an answer.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn new_id() -> Result<String, ApiError> {
    ids::uuid().map_err(|error| ApiError::new(Kind::Unavailable, format!("no random numbers can be had: {error}")))
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({:?})", self.registry)
    }
}
