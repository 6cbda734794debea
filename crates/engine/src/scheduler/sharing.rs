//! Prompts that begin alike and are computed at the same time: one computes each page, the others wait for it.

use super::memory::{Domain, Node};
use super::scheduled::ScheduledSequence;
use super::{Event, ForwardMany, Scheduler, Update};
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
            // What an interruption has cost was counted when it was computed first.
            let reused = held.min(prompt).saturating_sub(before.max(scheduled.furthest));
            scheduled.furthest = scheduled.furthest.max(held);
            scheduled.reported = scheduled.reported.max(held.min(prompt));
            if reused > 0 {
                statistics.prompt_tokens_reused += reused as u64;
                updates.push(Update { key: scheduled.key, event: Event::Shared { reused }, rows: 0..0 });
            }
        }
    }

    /// Which of the running jobs are about to compute a page that another one computes in the same pass. The one that is
    /// nearest to the end of its prompt goes first, as in a pass without a shared page.
    pub(super) fn followers(&self) -> Vec<bool> {
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
}
