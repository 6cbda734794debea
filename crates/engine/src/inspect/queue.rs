//! Texts that several clients want to look at: one after the other, each client in its turn, a few positions at a time between the
//! steps of the scheduler, so that answers go on.

use super::findings::Findings;
use super::inspection::{Asked, Inspection};
use super::reader::ROWS;
use super::refusal::Refusal;
use hefu_numerics::device::Model;
use std::collections::HashMap;
use std::time::Duration;

/// Most that wait, of all clients together.
pub const MAX_WAITING: usize = 64;
/// Most that wait of one client.
pub const MAX_OF_CLIENT: usize = 8;
/// Positions at a time while answers are being made.
const ROWS_BESIDE_OTHERS: usize = 16;
/// Positions at a time where each is explained.
const ROWS_EXPLAINED: usize = 2;

/// By which one is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Outcome of an inspection.
pub type Outcome = Result<Findings, Refusal>;

/// One that waits.
struct Waiting {
    ticket: Ticket,
    client: u64,
    deadline: Option<Duration>,
    asked: Asked,
}

/// Inspections that wait for a model, and the one that is under way.
pub struct Inspections {
    model: Model,
    waiting: Vec<Waiting>,
    open: Option<(Ticket, Option<Duration>, Box<Inspection>)>,
    /// Last turn of each client, counted in turns.
    turns: HashMap<u64, u64>,
    taken: u64,
}

impl Inspections {
    /// Of a model; nothing waits.
    pub fn new(model: &Model) -> Self {
        Self { model: model.clone(), waiting: Vec::new(), open: None, turns: HashMap::new(), taken: 0 }
    }

    /// Takes one, to be over by a deadline.
    ///
    /// # Errors
    /// [`Refusal::Full`].
    pub fn submit(&mut self, client: u64, asked: Asked, deadline: Option<Duration>) -> Result<Ticket, Refusal> {
        let own = self.waiting.iter().filter(|waiting| waiting.client == client).count();
        if own >= MAX_OF_CLIENT {
            return Err(Refusal::Full { waiting: own });
        }
        if self.waiting.len() >= MAX_WAITING {
            return Err(Refusal::Full { waiting: self.waiting.len() });
        }
        self.taken += 1;
        let ticket = Ticket(self.taken);
        self.waiting.push(Waiting { ticket, client, deadline, asked });
        Ok(ticket)
    }

    /// Gives one up.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        self.open.take_if(|(open, ..)| *open == ticket);
    }

    /// True if there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none()
    }

    /// Goes on by a few positions, by fewer where others wait for the model; what is over, if it is.
    pub fn step(&mut self, now: Duration, others_wait: bool) -> Option<(Ticket, Outcome)> {
        let is_late = |deadline: Option<Duration>| deadline.is_some_and(|deadline| deadline <= now);
        if let Some(late) = self.waiting.iter().position(|waiting| is_late(waiting.deadline)) {
            return Some((self.waiting.remove(late).ticket, Err(Refusal::Overdue)));
        }
        let (ticket, deadline, mut inspection) = match self.open.take() {
            Some(open) => open,
            None => {
                let Waiting { ticket, deadline, asked, .. } = self.next()?;
                match Inspection::new(&self.model, asked) {
                    Ok(inspection) => (ticket, deadline, Box::new(inspection)),
                    Err(refusal) => return Some((ticket, Err(refusal))),
                }
            }
        };
        if is_late(deadline) {
            return Some((ticket, Err(Refusal::Overdue)));
        }
        let rows = match (others_wait, inspection.explains_next()) {
            (false, false) => ROWS,
            (true, false) | (false, true) => ROWS_BESIDE_OTHERS,
            (true, true) => ROWS_EXPLAINED,
        };
        match inspection.step(rows) {
            Ok(true) => {
                self.open = Some((ticket, deadline, inspection));
                None
            }
            Ok(false) => Some((ticket, Ok(inspection.into_findings()))),
            Err(refusal) => Some((ticket, Err(refusal))),
        }
    }

    /// The first of the client whose last turn is longest ago.
    fn next(&mut self) -> Option<Waiting> {
        let turn = |client: &u64| self.turns.get(client).copied().unwrap_or(0);
        let first = self.waiting.iter().enumerate().min_by_key(|(at, waiting)| (turn(&waiting.client), *at));
        let next = self.waiting.remove(first?.0);
        if self.waiting.is_empty() {
            self.turns.clear();
        }
        let last = self.turns.values().max().copied().unwrap_or(0);
        self.turns.insert(next.client, last + 1);
        Some(next)
    }
}

impl std::fmt::Debug for Inspections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inspections({} wait)", self.waiting.len())
    }
}
