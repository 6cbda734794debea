//! Models in memory: loaded when they are first asked for, unloaded by least use when memory is needed or when
//! nobody has asked for a while. A request waits for its model and never fails because another one is in the way.
//!
//! ```text
//! Absent ─▶ Loading ─▶ Ready ─▶ Closing ─▶ Absent
//!    └───────◀── failed ┘   (closing: takes no new request, waits for its last, then gives its memory back)
//! ```

use crate::catalog::{Catalog, ModelCard};
use crate::error::{ApiError, Kind};
use crate::worker::Worker;
use hefu_answer::KeepAlive;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Interval of looking for models that nobody has asked for in a while.
const SWEEP: Duration = Duration::from_millis(500);

/// The models and their states.
pub struct Registry {
    catalog: Arc<dyn Catalog>,
    budget: Option<u64>,
    keep_alive: KeepAlive,
    /// True if a name that no model has means the first one.
    any_name: bool,
    slots: Mutex<Vec<Slot>>,
    changed: Notify,
}

struct Slot {
    card: ModelCard,
    state: State,
    /// Requests that use the model now.
    users: usize,
    last_used: Instant,
    /// Until when each client wants the model to stay; `None` is for ever. It may go of its own once all of them are over.
    wishes: HashMap<u64, Option<Instant>>,
    /// Number of attempts to load it.
    attempts: u64,
    /// Last failed attempt, and its error.
    failed: Option<(u64, ApiError)>,
}

enum State {
    Absent,
    Loading,
    Ready(Arc<Worker>),
    /// The worker is held until the last request has gone.
    Closing(Option<Arc<Worker>>),
}

/// A model that stays in memory as long as this is held.
pub struct Lease {
    registry: Arc<Registry>,
    slot: usize,
    /// Client whose wish decides how long the model stays.
    client: u64,
    keep_alive: KeepAlive,
    /// The model.
    pub worker: Arc<Worker>,
    /// Time that this request waited for it.
    pub waited: Duration,
}

/// Public state of a model.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The model.
    pub card: ModelCard,
    /// Its handle, if it is in memory.
    pub worker: Option<Arc<Worker>>,
    /// Stay if nobody asks for it; `None` is until the memory is needed.
    pub expires_in: Option<Duration>,
}

impl Registry {
    /// No model is loaded yet.
    pub fn new(catalog: Arc<dyn Catalog>, budget: Option<u64>, keep_alive: KeepAlive, any_name: bool) -> Arc<Self> {
        let slot = |card| Slot {
            card,
            state: State::Absent,
            users: 0,
            last_used: Instant::now(),
            wishes: HashMap::new(),
            attempts: 0,
            failed: None,
        };
        let slots = catalog.models().into_iter().map(slot).collect();
        Arc::new(Self { catalog, budget, keep_alive, any_name, slots: Mutex::new(slots), changed: Notify::new() })
    }

    /// Source of models.
    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog)
    }

    /// Every model, the default one first.
    pub fn standings(&self) -> Vec<Standing> {
        let now = Instant::now();
        let standing = |slot: &Slot| Standing {
            card: slot.card.clone(),
            worker: match &slot.state {
                State::Ready(worker) => Some(Arc::clone(worker)),
                _ => None,
            },
            expires_in: slot.expires().map(|at| at.saturating_duration_since(now)),
        };
        self.lock().iter().map(standing).collect()
    }

    /// True if nothing but `own` requests uses a model, and none comes or goes.
    pub(crate) fn is_quiet(&self, own: usize) -> bool {
        let slots = self.lock();
        let is_settled = |slot: &Slot| matches!(slot.state, State::Absent | State::Ready(_));
        slots.iter().all(is_settled) && slots.iter().map(|slot| slot.users).sum::<usize>() <= own
    }

    /// Description of a model.
    ///
    /// # Errors
    /// [`Kind::NotFound`], with the names that there are.
    pub fn card(&self, name: Option<&str>) -> Result<ModelCard, ApiError> {
        let slots = self.lock();
        let at = self.find(&slots, name)?;
        slots.get(at).map(|slot| slot.card.clone()).ok_or_else(|| no_such_model(&slots, name.unwrap_or_default()))
    }

    /// A model, once it is in memory. How long it stays afterwards is this client's wish alone: it lets nobody else's
    /// model go.
    ///
    /// # Errors
    /// A name that no model has, a model larger than the budget, or what kept it from being loaded.
    pub async fn lease(
        self: &Arc<Self>,
        name: Option<&str>,
        client: u64,
        keep_alive: Option<KeepAlive>,
    ) -> Result<Lease, ApiError> {
        let started = Instant::now();
        let at = self.find(&self.lock(), name)?;
        let mut awaited = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listening from here on, so that no change between the look and the wait is missed.
            changed.as_mut().enable();
            if let Some(worker) = self.look(at, &mut awaited)? {
                let keep_alive = keep_alive.unwrap_or(self.keep_alive);
                let (registry, waited) = (Arc::clone(self), started.elapsed());
                return Ok(Lease { registry, slot: at, client, keep_alive, worker, waited });
            }
            changed.await;
        }
    }

    /// Unloads models whose time is over, for ever.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let now = Instant::now();
            let mut slots = self.lock();
            for slot in slots.iter_mut() {
                slot.close_if_over(now);
            }
        }
    }

    /// The model, if it is there; else sets going what brings it nearer. `awaited` is the attempt to load that the
    /// caller waits for, and whose failure it takes as its own.
    fn look(self: &Arc<Self>, at: usize, awaited: &mut Option<u64>) -> Result<Option<Arc<Worker>>, ApiError> {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(at) else { return Ok(None) };
        match &slot.state {
            State::Ready(worker) => {
                let worker = Arc::clone(worker);
                slot.users += 1;
                return Ok(Some(worker));
            }
            State::Loading | State::Closing(_) => {
                awaited.get_or_insert(slot.attempts);
                return Ok(None);
            }
            State::Absent => {}
        }
        if let (Some(attempt), Some((failed, error))) = (*awaited, &slot.failed)
            && *failed >= attempt
            && attempt > 0
        {
            return Err(error.clone());
        }
        let needed = slot.card.memory_bytes;
        if let Some(budget) = self.budget.filter(|budget| needed > *budget) {
            let name = &slot.card.name;
            return Err(ApiError::internal(format!(
                "{name} needs {needed} bytes of memory, but all models together may take {budget}; the server needs a \
                 larger --memory-budget or a smaller --context"
            )));
        }
        if self.make_room(&mut slots, needed)
            && let Some(slot) = slots.get_mut(at)
        {
            slot.attempts += 1;
            slot.state = State::Loading;
            *awaited = Some(slot.attempts);
            self.load(at, slot.card.name.clone());
        }
        Ok(None)
    }

    /// True if there is memory for a model; if not, the least used one that can go is told to.
    fn make_room(&self, slots: &mut [Slot], needed: u64) -> bool {
        let Some(budget) = self.budget else { return true };
        let held = |slot: &&Slot| !matches!(slot.state, State::Absent);
        let taken: u64 = slots.iter().filter(held).map(|slot| slot.card.memory_bytes).sum();
        let leaving: u64 = slots
            .iter()
            .filter(|slot| matches!(slot.state, State::Closing(_)))
            .map(|slot| slot.card.memory_bytes)
            .sum();
        if taken.saturating_add(needed) <= budget {
            return true;
        }
        if taken.saturating_sub(leaving).saturating_add(needed) > budget {
            // Idle ones first; then, so that the request is not kept waiting for ever, one that is in use.
            let ready = slots.iter_mut().filter(|slot| matches!(slot.state, State::Ready(_)));
            if let Some(slot) = ready.min_by_key(|slot| (slot.users > 0, slot.last_used)) {
                slot.close();
            }
        }
        false
    }

    fn load(self: &Arc<Self>, at: usize, name: String) {
        let registry = Arc::clone(self);
        tokio::spawn(async move {
            let started = Instant::now();
            let after = Arc::clone(&registry);
            let gone = Box::new(move || after.set_absent(at));
            tracing::info!(model = name, "loading");
            let outcome = Worker::start(Arc::clone(&registry.catalog), name.clone(), gone).await;
            let mut slots = registry.lock();
            if let Some(slot) = slots.get_mut(at) {
                match outcome {
                    Ok(worker) => {
                        slot.card.digest = slot.card.digest.take().or_else(|| worker.digest.clone());
                        tracing::info!(model = name, seconds = started.elapsed().as_secs_f64(), "loaded");
                        slot.last_used = Instant::now();
                        slot.state = State::Ready(worker);
                    }
                    Err(error) => {
                        tracing::error!(model = name, "not loaded: {error}");
                        slot.failed = Some((slot.attempts, error));
                        slot.state = State::Absent;
                    }
                }
            }
            drop(slots);
            registry.changed.notify_waiters();
        });
    }

    /// Called by the thread of a model when its memory is free.
    fn set_absent(&self, at: usize) {
        if let Some(slot) = self.lock().get_mut(at) {
            // A thread that could not load leaves that to `load`, which has the reason.
            if !matches!(slot.state, State::Loading) {
                slot.state = State::Absent;
                slot.wishes.clear();
                tracing::info!(model = slot.card.name, "unloaded");
            }
        }
        self.changed.notify_waiters();
    }

    /// Model that a request means: by one of its names, or the first. A name that ends in `:latest` means the same
    /// without it.
    fn find(&self, slots: &[Slot], name: Option<&str>) -> Result<usize, ApiError> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(0) };
        let has = |card: &ModelCard, name: &str| card.name == name || card.aliases.iter().any(|alias| alias == name);
        let position = |name: &str| slots.iter().position(|slot| has(&slot.card, name));
        let found = position(name).or_else(|| name.strip_suffix(":latest").and_then(position));
        found.or(self.any_name.then_some(0)).ok_or_else(|| no_such_model(slots, name))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Time when the last of the clients lets the model go; `None` is never, or that nobody has used it yet.
    fn expires(&self) -> Option<Instant> {
        // Nothing is less than any moment, so that for ever must be looked for first.
        if self.wishes.values().any(Option::is_none) { None } else { self.wishes.values().copied().flatten().max() }
    }

    /// Lets go of the model if nobody uses it or wants it to stay.
    fn close_if_over(&mut self, now: Instant) {
        if self.users == 0 && self.expires().is_some_and(|at| at <= now) {
            self.close();
        }
    }

    /// Takes no new request; lets go of the model once there is none.
    fn close(&mut self) {
        if let State::Ready(worker) = &self.state {
            let worker = Arc::clone(worker);
            self.state = State::Closing((self.users > 0).then_some(worker));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(slot) = self.registry.lock().get_mut(self.slot) {
            slot.users = slot.users.saturating_sub(1);
            slot.last_used = now;
            let until = match self.keep_alive {
                KeepAlive::Forever => None,
                // Longer than the clock goes is for ever.
                KeepAlive::For(time) => now.checked_add(time),
            };
            slot.wishes.insert(self.client, until);
            match &mut slot.state {
                State::Closing(worker) if slot.users == 0 => *worker = None,
                _ => slot.close_if_over(now),
            }
        }
        self.registry.changed.notify_waiters();
    }
}

fn no_such_model(slots: &[Slot], name: &str) -> ApiError {
    let names = slots.iter().flat_map(|slot| std::iter::once(&slot.card.name).chain(&slot.card.aliases));
    let names: Vec<&str> = names.map(String::as_str).collect();
    let sentence = format!("there is no model \"{name}\" here; the models are {}", names.join(", "));
    let error = ApiError::new(Kind::NotFound, sentence).code("model_not_found");
    ApiError { param: Some("model".to_owned()), ..error }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({} models)", self.lock().len())
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.worker.text.name)
    }
}
