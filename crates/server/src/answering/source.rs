//! Where what an answer is made of comes from: the model here, or another server.

use crate::moving::{Away, Order, Orders};
use crate::worker::Running;
use hefu_answer::Prepared;
use hefu_engine::constraint::Constraint;
use hefu_engine::scheduler::{Event, Job, ReuseDomain};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a job has from whoever asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) client: u64,
    pub(crate) domain: ReuseDomain,
    pub(crate) priority: i32,
    pub(crate) deadline: Option<Duration>,
}

impl Terms {
    /// The group of keys that share what the cache holds.
    pub(super) fn group(&self) -> Option<u64> {
        match self.domain {
            ReuseDomain::Client => None,
            ReuseDomain::Group(group) => Some(group),
        }
    }

    /// The job of one choice, after tokens that it has already.
    pub(crate) fn job(
        &self,
        prepared: &Prepared,
        choice: usize,
        constraint: Option<Box<dyn Constraint>>,
        answered: Vec<u32>,
    ) -> Job {
        let Self { client, domain, priority, deadline } = *self;
        Job { client, domain, priority, deadline, constraint, answered, ..Job::new(prepared.request_of(choice)) }
    }
}

/// What happened to an answer.
pub(super) enum Happened {
    /// Something came of a choice.
    Event(usize, Event, Instant),
    /// It is to go on at another server.
    Called(Arc<Order>),
    /// All that it has said here was heard, and it can go on at another server.
    Left(Arc<Order>),
    /// The other server does not go on with it, and why.
    Lost(Arc<Order>, String),
    /// The model is gone.
    Stopped,
}

/// Where an answer is computed.
pub(crate) struct Source {
    /// Its jobs here; some are over, or were withdrawn and have not said everything yet.
    running: Option<Running>,
    /// Which choice each of the jobs is.
    choices: Vec<usize>,
    /// What is computed at another server.
    away: Option<Away>,
    /// The order that it follows.
    order: Option<Arc<Order>>,
    /// How often it came to another place.
    moves: usize,
    /// At which of the places tokens from the cache were counted.
    counted: Option<usize>,
}

impl Source {
    /// All choices, in order, here.
    pub(crate) fn new(running: Running, choices: usize) -> Self {
        let choices = (0..choices).collect();
        Self { running: Some(running), choices, away: None, order: None, moves: 0, counted: None }
    }

    /// What happens next. Nothing is lost where this is dropped before it is done.
    pub(super) async fn next(&mut self, orders: &mut Orders) -> Happened {
        if let (Some(away), Some(order)) = (&mut self.away, &self.order) {
            return match away.next().await {
                Some((choice, Ok(event), at)) => Happened::Event(choice, event, at),
                Some((_, Err(sentence), _)) => Happened::Lost(Arc::clone(order), sentence),
                None => Happened::Lost(Arc::clone(order), "its connections ended".to_owned()),
            };
        }
        let Some(running) = &mut self.running else { return Happened::Stopped };
        let happened = match &self.order {
            Some(_) => running.next().await,
            None => tokio::select! {
                biased;
                order = called(orders) => return Happened::Called(order),
                happened = running.next() => happened,
            },
        };
        match (happened, &self.order) {
            (Some((job, event, at)), _) => {
                Happened::Event(self.choices.get(job).copied().unwrap_or(usize::MAX), event, at)
            }
            (None, Some(order)) => Happened::Left(Arc::clone(order)),
            (None, None) => Happened::Stopped,
        }
    }

    /// Gives the jobs here up, which go on after what they have said; false if they stay.
    pub(super) async fn leave(&mut self, order: Arc<Order>) -> bool {
        let Some(running) = &mut self.running else { return false };
        let leaves = running.withdraw().await;
        self.order = leaves.then_some(order);
        leaves
    }

    /// Goes on at another server.
    pub(super) fn go(&mut self, away: Away) {
        self.running = None;
        self.away = Some(away);
        self.moves += 1;
    }

    /// Gives up what another server computes.
    pub(super) fn give_up(&mut self) {
        (self.running, self.away, self.order) = (None, None, None);
    }

    /// Goes on here with jobs of these choices.
    pub(super) fn stay(&mut self, running: Running, choices: Vec<usize>) {
        self.give_up();
        (self.running, self.choices) = (Some(running), choices);
        self.moves += 1;
    }

    /// Gives one choice up.
    pub(super) fn cancel(&mut self, choice: usize) {
        if let Some(away) = &self.away {
            away.cancel(choice);
        }
        if let (Some(running), Some(job)) = (&mut self.running, self.choices.iter().position(|one| *one == choice)) {
            running.cancel(job);
        }
    }

    /// Whether tokens of the prompt that come out of the cache count: those of the first place that says so.
    pub(super) fn counts_cached(&mut self) -> bool {
        *self.counted.get_or_insert(self.moves) == self.moves
    }
}

/// Waits for an order to move.
async fn called(orders: &mut Orders) -> Arc<Order> {
    loop {
        if orders.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(order) = orders.borrow_and_update().clone() {
            return order;
        }
    }
}
