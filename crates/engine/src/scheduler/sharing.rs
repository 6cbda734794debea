//! Prompts that begin alike and are computed at the same time: one computes each page, the others wait for it.

use super::member::Member;
use super::memory::Node;
use super::{Event, ForwardMany, Scheduler, What};
use std::collections::HashMap;

impl<M: ForwardMany> Scheduler<M> {
    /// Lets each prompt go on after what others have computed of it since the last step.
    pub(super) fn share(&mut self, events: &mut Vec<Event>) {
        let Self { running, memory, statistics, .. } = self;
        for member in running.iter_mut().filter(|member| member.is_prefilling()) {
            let (before, prompt) = (member.cached, member.answering.prompt().len());
            let most = member.reusable();
            let held = memory.follow(&mut member.table, member.answering.tokens(), most);
            if held <= before {
                continue;
            }
            member.cached = held;
            // What an interruption has cost was counted when it was computed first.
            let reused = held.min(prompt).saturating_sub(before.max(member.furthest));
            member.furthest = member.furthest.max(held);
            member.reported = member.reported.max(held.min(prompt));
            if reused > 0 {
                statistics.prompt_tokens_reused += reused as u64;
                events.push(Event { key: member.key, what: What::Shared { reused }, rows: 0..0 });
            }
        }
    }

    /// Which of the running jobs are about to compute a page that another one computes in the same pass. The one that is
    /// nearest to the end of its prompt goes first, as in a pass without a shared page.
    pub(super) fn followers(&self) -> Vec<bool> {
        let mut first: HashMap<(Node, &[u32]), usize> = HashMap::new();
        let next = |index: usize| -> Option<(Node, &[u32])> {
            let member: &Member = self.running.get(index).filter(|member| member.is_prefilling())?;
            self.memory.next_text(&member.table, member.answering.tokens(), member.reusable())
        };
        let mut waits = vec![false; self.running.len()];
        for (index, member) in self.running.iter().enumerate() {
            let Some(page) = next(index) else { continue };
            let leader = first.entry(page).or_insert(index);
            if *leader == index {
                continue;
            }
            let is_shorter = self.running.get(*leader).is_some_and(|leader| member.pending() < leader.pending());
            let follower = if is_shorter { std::mem::replace(leader, index) } else { index };
            if let Some(waits) = waits.get_mut(follower) {
                *waits = true;
            }
        }
        waits
    }
}
