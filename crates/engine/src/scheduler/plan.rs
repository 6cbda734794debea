//! Who runs, and what each job computes in the next pass.

use super::budget::{Need, divide};
use super::member::Member;
use super::{Event, ForwardMany, Key, Scheduler, What};
use crate::generation::Finish;
use std::time::Duration;

/// One job's part of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Its place among those that run.
    pub(super) index: usize,
    /// How many of its tokens are computed, its guesses not counted.
    pub(super) tokens: usize,
}

impl<M: ForwardMany> Scheduler<M> {
    /// Ends the jobs whose deadline has passed.
    pub(super) fn expire(&mut self, now: Duration, events: &mut Vec<Event>) {
        let is_late = |member: &Member| member.deadline.is_some_and(|deadline| deadline <= now);
        let mut late: Vec<Key> =
            self.running.iter().filter(|member| is_late(member)).map(|member| member.key).collect();
        late.iter().for_each(|key| self.stop(*key));
        for member in self.queue.remove_if(is_late) {
            self.queue.leave(member.client);
            late.push(member.key);
        }
        self.statistics.expired += late.len() as u64;
        let event = |key| Event { key, what: What::Finished(Finish::Deadline), rows: 0..0 };
        events.extend(late.into_iter().map(event));
    }

    /// Lets jobs out of the queue as long as there are places and memory. The one that comes next is waited for, so
    /// that small ones do not pass a large one for ever.
    pub(super) fn admit(&mut self, now: Duration, events: &mut Vec<Event>) {
        while let Some(key) = self.queue.next(now).map(|member| member.key) {
            if !self.make_room(now) {
                return;
            }
            let Some(mut member) = self.queue.remove(key) else { return };
            member.rank = member.aged(now);
            member.turn = 0;
            let Self { memory, model, .. } = self;
            let copy = |from, to| model.copy_page(from, to);
            (member.table, member.cached) = memory.open(member.answering.tokens(), member.reusable(), copy);
            member.reported = member.reported.max(member.cached.min(member.answering.prompt().len()));
            if !member.is_started {
                member.is_started = true;
                member.furthest = member.cached;
                self.statistics.prompt_tokens_reused += member.cached as u64;
                let what = What::Started { reused: member.cached };
                events.push(Event { key, what, rows: 0..0 });
            }
            let place = self.running.partition_point(|other| other.order() < member.order());
            self.running.insert(place, member);
        }
    }

    /// What is computed next: pages are taken for it, from less protected jobs where there are no others.
    pub(super) fn plan(&mut self) -> Vec<Share> {
        let need = |member: &Member| Need {
            pending: member.pending(),
            is_prefilling: member.is_prefilling(),
            chunk: member.answering.prefill_chunk(),
        };
        let mut needs: Vec<Need> = self.running.iter().map(need).collect();
        if !self.suspects.is_empty() {
            let mut wanted = divide(&needs, self.limits.step_tokens);
            if self.isolate(&mut wanted) {
                return self.take_pages(wanted);
            }
        }
        let followers = self.followers();
        let all = needs.clone();
        let waiting = needs.iter_mut().zip(&followers).filter(|(_, waits)| **waits);
        waiting.for_each(|(need, _)| need.pending = 0);
        let plan = self.plan_for(&needs);
        // Where those that are followed have no pages, the others must go on for some to come back.
        if plan.is_empty() && followers.contains(&true) {
            let all = all.get(..self.running.len()).unwrap_or(&all);
            return self.plan_for(all);
        }
        plan
    }

    fn plan_for(&mut self, needs: &[Need]) -> Vec<Share> {
        let wanted = divide(needs, self.limits.step_tokens);
        if self.limits.prompts_first && needs.iter().any(|need| need.is_prefilling) {
            let alone = |(tokens, need): (&usize, &Need)| if need.is_prefilling { *tokens } else { 0 };
            let prompts = self.take_pages(wanted.iter().zip(needs).map(alone).collect());
            // Where there are no pages for prompts, answers must go on for some to come back.
            if !prompts.is_empty() {
                return prompts;
            }
        }
        self.take_pages(wanted)
    }

    fn take_pages(&mut self, wanted: Vec<usize>) -> Vec<Share> {
        let mut plan = Vec::with_capacity(wanted.len());
        for (index, tokens) in wanted.into_iter().enumerate().filter(|(_, tokens)| *tokens > 0) {
            while let Some(member) = self.running.get_mut(index) {
                let positions = member.cached + tokens + member.guesses.len();
                if self.memory.grow(&mut member.table, positions) {
                    plan.push(Share { index, tokens });
                    break;
                }
                // Jobs lie in the order of protection; the last one waits where it is for pages to come back.
                if index + 1 == self.running.len() {
                    break;
                }
                self.interrupt(self.running.len() - 1);
            }
        }
        plan
    }

    /// After a pass that failed, each of its jobs is tried by itself, so that it is known whose fault it was. Whether one is.
    fn isolate(&mut self, wanted: &mut [usize]) -> bool {
        while let Some(key) = self.suspects.pop_front() {
            if let Some(suspect) = self.running.iter().position(|member| member.key == key) {
                let others = wanted.iter_mut().enumerate().filter(|(index, _)| *index != suspect);
                others.for_each(|(_, tokens)| *tokens = 0);
                return true;
            }
        }
        false
    }

    /// Whether the job that comes next can run now; jobs that must give way to it are interrupted.
    fn make_room(&mut self, now: Duration) -> bool {
        loop {
            let Some(next) = self.queue.next(now) else { return false };
            if self.running.len() < self.limits.running.max(1) && self.fits(next) {
                return true;
            }
            match self.running.iter().rposition(|member| self.queue.gives_way(member, next)) {
                Some(index) => self.interrupt(index),
                None => return false,
            }
        }
    }

    /// Whether there are pages for all that is known of a job, beside what those that run need next.
    fn fits(&self, next: &Member) -> bool {
        let needed = |member: &Member| self.memory.needed(member.answering.tokens().len() + 1);
        let promised = |member: &Member| needed(member).saturating_sub(member.table.pages().len()) + 1;
        let others: usize = self.running.iter().map(promised).sum();
        let shared = self.memory.shared(next.answering.tokens(), next.reusable());
        needed(next).saturating_sub(shared) + others <= self.memory.available()
    }

    /// Puts a job back into the queue. Its tokens are kept, and what the cache holds of them until the room is needed;
    /// the rest is computed again, to the same bits.
    fn interrupt(&mut self, index: usize) {
        if index >= self.running.len() {
            return;
        }
        let mut member = self.running.remove(index);
        self.memory.close(std::mem::take(&mut member.table), member.answering.tokens(), member.cached);
        member.cached = 0;
        member.guesses.clear();
        self.statistics.preemptions += 1;
        self.queue.put_back(member);
    }

    /// Takes a job that runs out of everything.
    pub(super) fn stop(&mut self, key: Key) {
        if let Some(index) = self.running.iter().position(|member| member.key == key) {
            let member = self.running.remove(index);
            self.memory.close(member.table, member.answering.tokens(), member.cached);
            self.queue.leave(member.client);
        }
    }
}
