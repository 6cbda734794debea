//! Prompts that begin alike and are computed at the same time: one computes each page, the others wait for it.

use super::memory::{Domain, Node};
use super::scheduled::ScheduledSequence;
use super::{Event, ForwardMany, Scheduler, Update};
use std::cmp::Reverse;
use std::collections::HashMap;

impl<M: ForwardMany> Scheduler<M> {
    /// Lets each prompt go on after what others have computed of it since the last step.
    pub(super) fn share(&mut self, updates: &mut Vec<Update>) {
        let Self { running, memory, statistics, .. } = self;
        for scheduled in running.iter_mut().filter(|scheduled| scheduled.is_prefilling()) {
            let (before, prompt) = (scheduled.cached, scheduled.sequence.prompt().len());
            let most = scheduled.reusable();
            let held = memory.follow(&mut scheduled.table, scheduled.sequence.tokens(), most);
            if held <= before {
                continue;
            }
            scheduled.cached = held;
            // Tokens computed again after an interruption were counted the first time.
            let reused = held.min(prompt).saturating_sub(before.max(scheduled.furthest));
            scheduled.furthest = scheduled.furthest.max(held);
            scheduled.reported = scheduled.reported.max(held.min(prompt));
            if reused > 0 {
                statistics.prompt_tokens_reused += reused as u64;
                updates.push(Update { key: scheduled.key, event: Event::Shared { reused }, rows: 0..0 });
            }
        }
    }

    /// Running jobs that are about to compute a page that another one computes in the same pass. The one that is
    /// nearest to the end of its prompt goes first, as in a pass without a shared page.
    pub(super) fn followers(&mut self) -> Vec<bool> {
        if self.memory.has_states() {
            return self.followers_of_states();
        }
        let mut first: HashMap<(Domain, Node, &[u32]), usize> = HashMap::new();
        let next = |index: usize| -> Option<(Domain, Node, &[u32])> {
            let scheduled: &ScheduledSequence =
                self.running.get(index).filter(|scheduled| scheduled.is_prefilling())?;
            let (tokens, most) = (scheduled.sequence.tokens(), scheduled.reusable());
            let (node, text) = self.memory.next_text(&scheduled.table, tokens, most)?;
            Some((scheduled.domain, node, text))
        };
        let mut waits = vec![false; self.running.len()];
        for (index, scheduled) in self.running.iter().enumerate() {
            let Some(page) = next(index) else { continue };
            let leader = first.entry(page).or_insert(index);
            if *leader == index {
                continue;
            }
            let is_shorter = self.running.get(*leader).is_some_and(|leader| scheduled.pending() < leader.pending());
            let follower = if is_shorter { std::mem::replace(leader, index) } else { index };
            if let Some(waits) = waits.get_mut(follower) {
                *waits = true;
            }
        }
        waits
    }

    /// The same for a model with recurrent states: those who are behind one that is about to compute the beginning that
    /// they share wait for a snapshot at its end. Whoever is ahead waits for nobody behind.
    fn followers_of_states(&mut self) -> Vec<bool> {
        let mut waits = vec![false; self.running.len()];
        if !self.limits.prefix_reuse {
            return waits;
        }
        let prefills = self.running.iter().enumerate().filter(|(_, scheduled)| scheduled.is_prefilling());
        let mut order: Vec<usize> = prefills.map(|(index, _)| index).collect();
        order.sort_by_key(|index| self.running.get(*index).map(|one| (Reverse(one.cached), one.pending(), *index)));
        let mut leaders: Vec<usize> = Vec::new();
        for index in order {
            let found = leaders.iter().find_map(|leader| Some((*leader, self.shared_end(*leader, index)?)));
            let Some((leader, end)) = found else {
                leaders.push(index);
                continue;
            };
            if let Some(waits) = waits.get_mut(index) {
                *waits = true;
            }
            if let Some(leader) = self.running.get_mut(leader) {
                leader.table.fork_at(end);
            }
        }
        waits
    }

    /// The last boundary of pages in the beginning that two jobs share, if the first has still to come by it.
    fn shared_end(&self, leader: usize, follower: usize) -> Option<usize> {
        let (leader, follower) = (self.running.get(leader)?, self.running.get(follower)?);
        let (ahead, own) = (leader.sequence.tokens(), follower.sequence.tokens());
        let own = own.get(..follower.reusable()).unwrap_or(own);
        let common = ahead.iter().zip(own).take_while(|(a, b)| a == b).count();
        let end = common / self.memory.page() * self.memory.page();
        (leader.domain == follower.domain && end > leader.cached).then_some(end)
    }
}
