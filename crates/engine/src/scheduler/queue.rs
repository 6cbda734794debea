//! Who waits, who comes next, and what each client has had.
//!
//! Clients share the model by the tokens computed for them: of those who wait, the one who has had least comes next
//! (start-time fair queueing: P. Goyal et al., IEEE/ACM Trans. Networking 5, 1997; for token streams: Y. Sheng et al.,
//! "Fairness in serving large language models", OSDI 2024). A step of priority is a head start of [`QUANTUM`] tokens.
//! Within a client, higher priority goes first, and waiting raises it.

use super::member::Member;
use super::{Key, MAX_PRIORITY};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tokens that one step of priority is worth, and by which a client may be ahead of one who waits.
pub(super) const QUANTUM: i64 = 1024;
/// Tokens of its answer that a job makes before it may be interrupted for another client's.
const TURN: usize = 64;

/// Jobs that wait, and the accounts of all clients that have jobs.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Key, Member>,
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

    /// Takes a new job.
    pub(super) fn enter(&mut self, member: Member) {
        let client = self.clients.entry(member.client).or_default();
        client.tokens = client.tokens.max(self.least);
        client.jobs += 1;
        self.waiting.insert(member.key, member);
    }

    /// Takes back a job that was interrupted.
    pub(super) fn put_back(&mut self, member: Member) {
        self.waiting.insert(member.key, member);
    }

    /// The job that comes next.
    pub(super) fn next(&self, now: std::time::Duration) -> Option<&Member> {
        // Of each client the first by priority, of those the one whose client has had least.
        let mut first: BTreeMap<u64, ((i64, Reverse<Key>), &Member)> = BTreeMap::new();
        for member in self.waiting.values() {
            let place = (member.aged(now), Reverse(member.key));
            let best = first.entry(member.client).or_insert((place, member));
            if place > best.0 {
                *best = (place, member);
            }
        }
        let members = first.into_values().map(|(_, member)| member);
        members.min_by_key(|member| (self.score(member.client, member.priority.into()), member.key))
    }

    /// Takes a job out, to run or because it is over.
    pub(super) fn remove(&mut self, key: Key) -> Option<Member> {
        self.waiting.remove(&key)
    }

    /// Takes the jobs out of which this is true.
    pub(super) fn remove_if(&mut self, condition: impl Fn(&Member) -> bool) -> Vec<Member> {
        let keys: Vec<Key> =
            self.waiting.values().filter(|member| condition(member)).map(|member| member.key).collect();
        keys.iter().filter_map(|key| self.waiting.remove(key)).collect()
    }

    /// Whether a job that runs is to be interrupted for one that waits: for its priority, or because its client is a
    /// quantum ahead and it has had a turn.
    pub(super) fn gives_way(&self, running: &Member, waiting: &Member) -> bool {
        let is_ahead = || {
            let score = |member: &Member, rank| self.score(member.client, rank);
            score(running, running.rank) >= score(waiting, waiting.priority.into()).saturating_add(QUANTUM)
        };
        running.rank < waiting.priority.into() || (running.turn >= TURN && is_ahead())
    }

    /// What a client has had, less its head start.
    fn score(&self, client: u64, priority: i64) -> i64 {
        let tokens = self.clients.get(&client).map_or(0, |client| client.tokens);
        let most = i64::from(MAX_PRIORITY) * 1000;
        tokens.saturating_sub(priority.clamp(-most, most).saturating_mul(QUANTUM))
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
    pub(super) fn check(&self, running: &[Member]) {
        for (number, client) in &self.clients {
            let jobs = self.waiting.values().chain(running).filter(|member| member.client == *number).count();
            assert_eq!(client.jobs, jobs, "jobs of client {number}");
        }
        let known = |member: &Member| self.clients.contains_key(&member.client);
        assert!(self.waiting.values().chain(running).all(known), "a job without client");
    }
}
