//! The thread that computes.

use super::{Command, Outlet, Worker};
use crate::catalog::{Loaded, Steps};
use hefu_engine::inspect::{Asked, Inspections, Outcome, Ticket};
use hefu_engine::scheduler::{Event, Job, Key, Refusal, Statistics, Update};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The thread's side of a [`Worker`].
pub(super) struct Engine {
    pub(super) engine: Box<dyn crate::catalog::Engine>,
    pub(super) inbox: Receiver<Command>,
    pub(super) statistics: Arc<Mutex<Statistics>>,
    pub(super) epoch: Instant,
}

/// Runs a model until its handle is dropped.
pub(super) fn run(name: String, model: Loaded, ready: oneshot::Sender<Result<Arc<Worker>, String>>) {
    let (worker, engine) = Worker::new(model);
    let Engine { engine, inbox, statistics, epoch } = engine;
    // Handed over only once the scheduler stands, so that a model without memory for its work is a model not loaded.
    let mut start = Some((worker, ready));
    let mut body = |steps: &mut dyn Steps, inspections: &mut Inspections| {
        if let Some((worker, ready)) = start.take() {
            drop(ready.send(Ok(worker)));
        }
        let (routes, looking) = (HashMap::new(), HashMap::new());
        Drive { steps, routes, inspections, looking, statistics: &statistics, epoch }.until_dropped(&inbox);
    };
    let outcome = engine.run(&mut body);
    match (outcome, start) {
        (Err(sentence), Some((_, ready))) => drop(ready.send(Err(sentence))),
        (Err(sentence), None) => tracing::error!(model = name, "the model has stopped: {sentence}"),
        (Ok(()), _) => {}
    }
}

struct Drive<'a> {
    steps: &'a mut dyn Steps,
    routes: HashMap<Key, Route>,
    inspections: &'a mut Inspections,
    /// Receivers of their outcomes.
    looking: HashMap<Ticket, oneshot::Sender<Outcome>>,
    statistics: &'a Mutex<Statistics>,
    epoch: Instant,
}

/// Where what comes of a job goes.
struct Route {
    /// Number of the job in its request.
    job: usize,
    outlet: Outlet,
}

impl Drive<'_> {
    fn until_dropped(mut self, inbox: &Receiver<Command>) {
        loop {
            if self.steps.is_idle() && self.inspections.is_idle() {
                let Ok(command) = inbox.recv() else { return };
                self.obey(command);
            }
            loop {
                match inbox.try_recv() {
                    Ok(command) => self.obey(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            if !self.steps.is_idle() {
                let from = Instant::now();
                let updates = self.steps.step(from.saturating_duration_since(self.epoch));
                let to = Instant::now();
                self.steps.record_time(to.saturating_duration_since(from).as_secs_f64());
                updates.into_iter().for_each(|update| self.tell(update, from, to));
            }
            self.look();
            *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) = self.steps.statistics();
        }
    }

    /// Goes on with the texts that are looked at, which have a turn after every step. Those that nobody waits for are given up.
    fn look(&mut self) {
        let gone: Vec<Ticket> = self.looking.iter().filter(|(_, done)| done.is_closed()).map(|(one, _)| *one).collect();
        for ticket in gone {
            self.looking.remove(&ticket);
            self.inspections.cancel(ticket);
        }
        if self.inspections.is_idle() {
            return;
        }
        let others_wait = !self.steps.is_idle();
        if let Some((ticket, outcome)) = self.inspections.step(self.epoch.elapsed(), others_wait)
            && let Some(done) = self.looking.remove(&ticket)
        {
            drop(done.send(outcome));
        }
    }

    fn inspect(&mut self, client: u64, asked: Asked, deadline: Duration, done: oneshot::Sender<Outcome>) {
        match self.inspections.submit(client, asked, Some(deadline)) {
            Ok(ticket) => drop(self.looking.insert(ticket, done)),
            Err(refusal) => drop(done.send(Err(refusal))),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Cancel(keys) => keys.into_iter().for_each(|key| self.cancel(key)),
            Command::Withdraw { keys, withdrawn } => drop(withdrawn.send(self.withdraw(keys))),
            Command::Inspect { client, asked, deadline, done } => self.inspect(client, *asked, deadline, done),
            Command::Submit { jobs, events, taken } => {
                let keys = self.submit(jobs, &events);
                // Whoever asked may have gone meanwhile.
                if let Err(Ok(keys)) = taken.send(keys) {
                    keys.into_iter().for_each(|key| self.cancel(key));
                }
            }
        }
    }

    fn submit(&mut self, jobs: Vec<Job>, events: &Outlet) -> Result<Vec<Key>, Refusal> {
        let mut keys = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.into_iter().enumerate() {
            match self.steps.submit(job, self.epoch.elapsed()) {
                Ok(key) => {
                    keys.push(key);
                    let route = Route { job: index, outlet: events.clone() };
                    self.routes.insert(key, route);
                }
                Err(refusal) => {
                    keys.into_iter().for_each(|key| self.cancel(key));
                    return Err(refusal);
                }
            }
        }
        Ok(keys)
    }

    /// Gives jobs up that go on elsewhere. Those whose digests are taken stay: a trace is of one computation.
    fn withdraw(&mut self, keys: Vec<Key>) -> bool {
        if self.steps.traces() {
            return false;
        }
        for key in keys {
            // Its tokens were told already. What is no answer or is over has nothing to go on.
            if self.routes.remove(&key).is_some() && self.steps.withdraw(key).is_none() {
                self.steps.cancel(key);
            }
        }
        true
    }

    fn cancel(&mut self, key: Key) {
        if self.routes.remove(&key).is_some() {
            self.steps.cancel(key);
        }
    }

    /// Hands on what came of a step that lasted from one moment to another.
    fn tell(&mut self, update: Update, from: Instant, to: Instant) {
        let Some(route) = self.routes.get(&update.key) else { return };
        let at = match update.event {
            // The step took part of the prompt from its beginning, though it is known only now.
            Event::Started { .. } | Event::Shared { .. } | Event::Prefill { .. } => from,
            _ => to,
        };
        let is_last = matches!(update.event, Event::Finished(_) | Event::Failed(_));
        let is_heard = route.outlet.send((route.job, update.event, at)).is_ok();
        if is_last {
            self.routes.remove(&update.key);
        } else if !is_heard {
            self.cancel(update.key);
        }
    }
}
