//! Masks of grammars, computed beside the forward passes: a thread for each client that has constrained jobs, so that one
//! client's slow grammar delays nobody's answer but its own.

use super::plan::Share;
use super::{ForwardMany, Key, Scheduler};
use crate::constraint::ConstraintState;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A pass waits so long for masks that are not ready when its logits are; the jobs that have none by then sit it out.
const GRACE: Duration = Duration::from_millis(5);
/// A step that has nothing to do but wait for masks waits so long, so that whoever drives it can hear of new jobs.
const PAUSE: Duration = Duration::from_millis(20);

/// Work for one job's next choices.
struct Work {
    key: Key,
    state: Box<ConstraintState>,
    guesses: Vec<u32>,
}

type Done = (Key, Box<ConstraintState>);

/// The threads, and what they have done.
#[derive(Debug)]
pub(super) struct MaskWorkers {
    threads: BTreeMap<u64, Sender<Work>>,
    outlet: Sender<Done>,
    inlet: Receiver<Done>,
    /// States that are away.
    away: usize,
    /// Where set, no thread works: a mask is there after as many looks for it as these numbers say.
    #[cfg(test)]
    delays: Option<Delays>,
}

/// Delays of masks, and the states that wait for their time.
#[cfg(test)]
#[derive(Debug)]
struct Delays {
    next: fn(&mut u64) -> usize,
    state: u64,
    waiting: Vec<(usize, Done)>,
}

impl MaskWorkers {
    pub(super) fn new() -> Self {
        let (outlet, inlet) = channel();
        Self {
            threads: BTreeMap::new(),
            outlet,
            inlet,
            away: 0,
            #[cfg(test)]
            delays: None,
        }
    }

    /// Masks come after so many looks as `next` draws from a state, without threads.
    #[cfg(test)]
    pub(super) fn delayed(next: fn(&mut u64) -> usize, state: u64) -> Self {
        Self { delays: Some(Delays { next, state, waiting: Vec::new() }), ..Self::new() }
    }

    pub(super) fn is_any_away(&self) -> bool {
        self.away > 0
    }

    /// Lets the thread of a client compute; here, where the system has none to give.
    fn start(&mut self, client: u64, work: Work) {
        self.away += 1;
        #[cfg(test)]
        if let Some(delays) = &mut self.delays {
            let after = (delays.next)(&mut delays.state);
            return delays.waiting.push((after, computed(work)));
        }
        let work = match self.threads.get(&client) {
            Some(thread) => match thread.send(work) {
                Ok(()) => return,
                Err(unsent) => unsent.0,
            },
            None => work,
        };
        let (sender, inbox) = channel::<Work>();
        let outlet = self.outlet.clone();
        let body = move || inbox.into_iter().try_for_each(|work| outlet.send(computed(work))).unwrap_or_default();
        match std::thread::Builder::new().name("hefu-masks".into()).spawn(body) {
            Ok(_) => {
                // The thread is there until the sender is dropped.
                drop(sender.send(work));
                self.threads.insert(client, sender);
            }
            Err(_) => drop(self.outlet.send(computed(work))),
        }
    }

    /// The next state that is back, after at most this long.
    fn next(&mut self, wait: Duration) -> Option<Done> {
        #[cfg(test)]
        if let Some(delays) = &mut self.delays {
            let ready = delays.waiting.iter().position(|(after, _)| *after == 0);
            if ready.is_none() {
                delays.waiting.iter_mut().for_each(|(after, _)| *after -= 1);
            }
            self.away -= usize::from(ready.is_some());
            return ready.map(|index| delays.waiting.remove(index).1);
        }
        let done = if wait.is_zero() { self.inlet.try_recv().ok() } else { self.inlet.recv_timeout(wait).ok() };
        self.away -= usize::from(done.is_some());
        done
    }
}

/// A panic in a grammar ends its own answer alone.
fn computed(Work { key, mut state, guesses }: Work) -> Done {
    if catch_unwind(AssertUnwindSafe(|| state.prepare(&guesses))).is_err() {
        state.give_up();
    }
    (key, state)
}

impl<M: ForwardMany> Scheduler<M> {
    /// Has masks computed for the jobs that choose after this pass. Which those are.
    pub(super) fn ask_masks(&mut self, plan: &[Share]) -> BTreeSet<Key> {
        let mut asked = BTreeSet::new();
        for share in plan {
            let Some(scheduled) = self.running.get_mut(share.index) else { continue };
            if scheduled.pending() != share.tokens {
                continue;
            }
            if let Some(state) = scheduled.sequence.lend_constraint(scheduled.guesses.computed().len()) {
                asked.insert(scheduled.key);
                let work = Work { key: scheduled.key, state, guesses: scheduled.guesses.computed().to_vec() };
                self.masks.start(scheduled.client, work);
            }
        }
        asked
    }

    /// Takes back what is computed, and waits a little for what a pass is about to need.
    pub(super) fn take_masks(&mut self, mut needed: BTreeSet<Key>) {
        let mut until = None;
        loop {
            let wait = match needed.is_empty() {
                true => Duration::ZERO,
                false => until.get_or_insert_with(|| Instant::now() + GRACE).saturating_duration_since(Instant::now()),
            };
            let Some((key, state)) = self.masks.next(wait) else { return };
            needed.remove(&key);
            self.put_back(key, state);
        }
    }

    /// Waits for a mask, where nothing else is to be done.
    pub(super) fn await_masks(&mut self) {
        if self.masks.is_any_away()
            && let Some((key, state)) = self.masks.next(PAUSE)
        {
            self.put_back(key, state);
        }
    }

    /// Ends the threads of clients that have no jobs.
    pub(super) fn end_mask_threads(&mut self) {
        let Self { masks, queue, .. } = self;
        masks.threads.retain(|client, _| queue.is_known(*client));
    }

    /// Gives a job its constraint back; one that is over has no use for it.
    fn put_back(&mut self, key: Key, state: Box<ConstraintState>) {
        let running = self.running.iter_mut().find(|scheduled| scheduled.key == key);
        if let Some(scheduled) = running.or_else(|| self.queue.get_mut(key)) {
            scheduled.sequence.return_constraint(state);
        }
    }
}
