//! Jobs that wait, their order, and what each client has had.
//!
//! Clients share the model by the tokens computed for them: of those who wait, the one who has had least comes next
//! (start-time fair queueing: P. Goyal et al., IEEE/ACM Trans. Networking 5, 1997; for token streams: Y. Sheng et al.,
//! "Fairness in serving large language models", OSDI 2024). Within a client, higher priority goes first, and waiting raises
//! it; between clients it means nothing.

use super::Key;
use super::scheduled::ScheduledSequence;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tokens by which a client may be ahead of one who waits.
const QUANTUM: i64 = 1024;
/// Tokens of its answer that a job makes before it may be interrupted for another client's.
const TURN: usize = 64;
/// Jobs of a client that may wait however many of others do, if the queue has so many places at all.
const OWN_PLACES: usize = 8;

/// Jobs that wait, and the accounts of all clients that have jobs.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Key, ScheduledSequence>,
    clients: BTreeMap<u64, Client>,
    /// Tokens of the client with jobs who has had least: where new clients begin.
    least: i64,
}

#[derive(Debug, Default)]
struct Client {
    /// Tokens computed for it.
    tokens: i64,
    /// Its jobs, waiting and running.
    jobs: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if a queue of so many places has none for a client: the common ones are taken, and its own too.
    pub(super) fn is_full_for(&self, client: u64, places: usize) -> bool {
        let own = || self.waiting.values().filter(|scheduled| scheduled.client == client).count();
        self.len() >= places && own() >= OWN_PLACES.min(places)
    }

    /// True if a client has jobs, waiting or running, or is ahead of those who have.
    pub(super) fn is_known(&self, client: u64) -> bool {
        self.clients.contains_key(&client)
    }

    /// A job that waits, to look at.
    pub(super) fn get(&self, key: Key) -> Option<&ScheduledSequence> {
        self.waiting.get(&key)
    }

    /// A job that waits.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut ScheduledSequence> {
        self.waiting.get_mut(&key)
    }

    /// Takes a new job.
    pub(super) fn enter(&mut self, scheduled: ScheduledSequence) {
        let client = self.clients.entry(scheduled.client).or_default();
        client.tokens = client.tokens.max(self.least);
        client.jobs += 1;
        self.waiting.insert(scheduled.key, scheduled);
    }

    /// Takes back a job that was interrupted.
    pub(super) fn put_back(&mut self, scheduled: ScheduledSequence) {
        self.waiting.insert(scheduled.key, scheduled);
    }

    /// The job that comes next.
    pub(super) fn next(&self, now: std::time::Duration) -> Option<&ScheduledSequence> {
        // Of each client the first by priority, of those the one whose client has had least.
        let mut first: BTreeMap<u64, ((i64, Reverse<Key>), &ScheduledSequence)> = BTreeMap::new();
        for scheduled in self.waiting.values() {
            let place = (scheduled.aged(now), Reverse(scheduled.key));
            let best = first.entry(scheduled.client).or_insert((place, scheduled));
            if place > best.0 {
                *best = (place, scheduled);
            }
        }
        let all = first.into_values().map(|(_, scheduled)| scheduled);
        all.min_by_key(|scheduled| (self.tokens(scheduled.client), scheduled.key))
    }

    /// Takes a job out, to run or because it is over.
    pub(super) fn remove(&mut self, key: Key) -> Option<ScheduledSequence> {
        self.waiting.remove(&key)
    }

    /// Takes the jobs out of which this is true.
    pub(super) fn remove_if(&mut self, condition: impl Fn(&ScheduledSequence) -> bool) -> Vec<ScheduledSequence> {
        let keys: Vec<Key> =
            self.waiting.values().filter(|scheduled| condition(scheduled)).map(|scheduled| scheduled.key).collect();
        keys.iter().filter_map(|key| self.waiting.remove(key)).collect()
    }

    /// The last of the running jobs, of which there may be `places`, that is to be interrupted for one that waits. Of the
    /// same client, one of lower priority is. Of another, one that has had a turn is, if its client is a quantum ahead, or
    /// has more than its share of the places and who waits has less.
    pub(super) fn gives_way(
        &self,
        running: &[ScheduledSequence],
        waiting: &ScheduledSequence,
        places: usize,
    ) -> Option<usize> {
        let mut held: BTreeMap<u64, usize> = BTreeMap::new();
        running.iter().for_each(|scheduled| *held.entry(scheduled.client).or_default() += 1);
        let held = |client: u64| held.get(&client).copied().unwrap_or(0);
        let busy = self.clients.values().filter(|client| client.jobs > 0).count();
        let share = (places / busy.max(1)).max(1);
        let waits = self.tokens(waiting.client).saturating_add(QUANTUM);
        running.iter().rposition(|scheduled| {
            if scheduled.client == waiting.client {
                return scheduled.rank < waiting.priority.into();
            }
            let is_ahead = self.tokens(scheduled.client) >= waits;
            let has_more = held(scheduled.client) > share && held(waiting.client) < share;
            scheduled.turn >= TURN && (is_ahead || has_more)
        })
    }

    /// Tokens that a client has had.
    fn tokens(&self, client: u64) -> i64 {
        self.clients.get(&client).map_or(0, |client| client.tokens)
    }

    /// Tokens were computed for a client.
    pub(super) fn charge(&mut self, client: u64, tokens: usize) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.tokens = client.tokens.saturating_add(i64::try_from(tokens).unwrap_or(i64::MAX));
        }
    }

    /// A job of this client is over.
    pub(super) fn leave(&mut self, client: u64) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.jobs = client.jobs.saturating_sub(1);
        }
        self.settle();
    }

    /// Finds out who has had least, and forgets clients without jobs who are not ahead of that.
    pub(super) fn settle(&mut self) {
        let busy = self.clients.values().filter(|client| client.jobs > 0);
        let least = busy.map(|client| client.tokens).min();
        self.least = least.unwrap_or(self.least).max(self.least);
        let least = least.unwrap_or(i64::MAX);
        self.clients.retain(|_, client| client.jobs > 0 || client.tokens > least);
    }

    #[cfg(test)]
    pub(super) fn check(&self, running: &[ScheduledSequence]) {
        for (number, client) in &self.clients {
            let jobs = self.waiting.values().chain(running).filter(|scheduled| scheduled.client == *number).count();
            assert_eq!(client.jobs, jobs, "jobs of client {number}");
        }
        let known = |scheduled: &ScheduledSequence| self.clients.contains_key(&scheduled.client);
        assert!(self.waiting.values().chain(running).all(known), "a job without client");
    }
}
