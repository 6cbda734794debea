//! Jobs that run, and what each computes in the next pass.

use super::budget::{self, Need};
use super::scheduled::ScheduledSequence;
use super::{Event, ForwardMany, Key, Scheduler, Update};
use crate::request::FinishReason;
use crate::speculation::{Drafter, Speculation};
use hefu_numerics::program::Order;
use std::collections::BTreeMap;
use std::time::Duration;

/// One job's part of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Its place among those that run.
    pub(super) index: usize,
    /// Number of its tokens that are computed, guesses not counted.
    pub(super) tokens: usize,
}

impl<M: ForwardMany> Scheduler<M> {
    /// Ends the jobs whose deadline has passed.
    pub(super) fn expire(&mut self, now: Duration, updates: &mut Vec<Update>) {
        let is_late = |scheduled: &ScheduledSequence| scheduled.deadline.is_some_and(|deadline| deadline <= now);
        let mut late: Vec<Key> =
            self.running.iter().filter(|scheduled| is_late(scheduled)).map(|scheduled| scheduled.key).collect();
        late.iter().for_each(|key| self.stop(*key));
        for scheduled in self.queue.remove_if(is_late) {
            self.queue.leave(scheduled.client);
            late.push(scheduled.key);
        }
        self.statistics.expired += late.len() as u64;
        let update = |key| Update { key, event: Event::Finished(FinishReason::Deadline), rows: 0..0 };
        updates.extend(late.into_iter().map(update));
    }

    /// Lets jobs out of the queue as long as there are places and memory. The one that comes next is waited for, so
    /// that small ones do not pass a large one for ever.
    pub(super) fn admit(&mut self, now: Duration, updates: &mut Vec<Update>) {
        while let Some(key) = self.queue.next(now).map(|scheduled| scheduled.key) {
            if !self.make_room(now) {
                return;
            }
            let Some(mut scheduled) = self.queue.remove(key) else { return };
            scheduled.rank = scheduled.aged(now);
            scheduled.turn = 0;
            self.admitted += 1;
            scheduled.seniority = self.admitted;
            let Self { memory, model, .. } = self;
            let copy = |from, to| model.copy_page(from, to);
            let (tokens, most) = (scheduled.sequence.tokens(), scheduled.reusable());
            (scheduled.table, scheduled.cached) = memory.open(scheduled.domain, tokens, most, copy);
            scheduled.reported = scheduled.reported.max(scheduled.cached.min(scheduled.sequence.prompt().len()));
            if !scheduled.is_started {
                scheduled.is_started = true;
                scheduled.furthest = scheduled.cached;
                self.statistics.prompt_tokens_reused += scheduled.cached as u64;
                let event = Event::Started { reused: scheduled.cached };
                updates.push(Update { key, event, rows: 0..0 });
            }
            self.running.push(scheduled);
            protect(&mut self.running);
        }
    }

    /// Plans the next pass: takes pages for it, from less protected jobs where there are no others.
    pub(super) fn plan(&mut self) -> Vec<Share> {
        let need = |scheduled: &ScheduledSequence| Need {
            // Without its mask, nothing could be chosen by the row of its last token.
            pending: scheduled.pending() - usize::from(scheduled.sequence.is_away()),
            is_prefilling: scheduled.is_prefilling(),
            chunk: scheduled.reader.chunk(scheduled.cached, scheduled.sequence.prefill_chunk()),
        };
        self.is_isolating = false;
        let mut needs: Vec<Need> = self.running.iter().map(need).collect();
        if !self.suspects.is_empty() {
            let mut wanted = self.divide(&needs);
            self.is_isolating = self.isolate(&mut wanted);
            if self.is_isolating {
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
        let wanted = self.divide(needs);
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

    /// The tokens of a pass.
    fn divide(&self, needs: &[Need]) -> Vec<usize> {
        match self.model.abilities().order {
            Order::Causal => budget::divide(needs, self.limits.step_tokens),
            Order::Whole => budget::whole(needs, self.limits.step_tokens),
        }
    }

    fn take_pages(&mut self, wanted: Vec<usize>) -> Vec<Share> {
        if !self.is_isolating {
            self.guess(&wanted);
        }
        let mut plan = Vec::with_capacity(wanted.len());
        for (index, tokens) in wanted.into_iter().enumerate().filter(|(_, tokens)| *tokens > 0) {
            while let Some(scheduled) = self.running.get_mut(index) {
                let positions = scheduled.cached + tokens;
                // Nobody gives way to guesses.
                if !self.memory.grow(&mut scheduled.table, positions + scheduled.guesses.computed().len()) {
                    scheduled.guesses.drop_all();
                }
                if self.memory.grow(&mut scheduled.table, positions) {
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
            if let Some(suspect) = self.running.iter().position(|scheduled| scheduled.key == key) {
                let others = wanted.iter_mut().enumerate().filter(|(index, _)| *index != suspect);
                others.for_each(|(_, tokens)| *tokens = 0);
                return true;
            }
        }
        false
    }

    /// True if the job that comes next can run now; jobs that must give way to it are interrupted.
    fn make_room(&mut self, now: Duration) -> bool {
        loop {
            let Some(next) = self.queue.next(now) else { return false };
            if self.running.len() < self.limits.running.max(1) && self.fits(next) {
                return true;
            }
            match self.queue.gives_way(&self.running, next, self.limits.running.max(1)) {
                Some(index) => self.interrupt(index),
                None => return false,
            }
        }
    }

    /// True if there are pages for all that is known of a job, beside what those that run need next.
    fn fits(&self, next: &ScheduledSequence) -> bool {
        let next_end = |scheduled: &ScheduledSequence| (scheduled.sequence.tokens().len() + 1).min(self.capacity);
        let needed = |scheduled: &ScheduledSequence| self.memory.needed(next_end(scheduled));
        let promised =
            |scheduled: &ScheduledSequence| needed(scheduled).saturating_sub(scheduled.table.pages().len()) + 1;
        let others: usize = self.running.iter().map(promised).sum();
        let shared = self.memory.shared(next.domain, next.sequence.tokens(), next.reusable());
        let has_pages = needed(next).saturating_sub(shared) + others <= self.memory.available();
        has_pages && self.memory.has_free_slot()
    }

    /// Puts a job back into the queue. Its tokens are kept, and what the cache holds of them until the room is needed;
    /// the rest is computed again, to the same bits.
    pub(super) fn interrupt(&mut self, index: usize) {
        if index >= self.running.len() {
            return;
        }
        let mut scheduled = self.running.remove(index);
        self.memory.close(std::mem::take(&mut scheduled.table), scheduled.sequence.tokens(), scheduled.cached);
        scheduled.cached = 0;
        scheduled.guesses.drop_all();
        self.forget_draft(scheduled.key);
        self.statistics.preemptions += 1;
        self.queue.put_back(scheduled);
    }

    /// Nothing is in the pages and slots any more: all that runs goes back to the queue, and its tokens are computed again, to
    /// the same bits.
    pub(super) fn start_over(&mut self) {
        while !self.running.is_empty() {
            self.interrupt(self.running.len() - 1);
        }
        self.memory = Self::empty_memory(&self.model, &self.limits);
        self.statistics.losses += 1;
    }

    /// Takes a job that runs out of everything.
    pub(super) fn stop(&mut self, key: Key) {
        if let Some(index) = self.running.iter().position(|scheduled| scheduled.key == key) {
            let scheduled = self.running.remove(index);
            if let Some(Speculation { drafter: Drafter::Lookup(earlier), .. }) = &mut self.speculation
                && scheduled.reader.is_answer()
            {
                earlier.keep(scheduled.domain, scheduled.sequence.tokens(), scheduled.sequence.prompt().len());
            }
            self.memory.close(scheduled.table, scheduled.sequence.tokens(), scheduled.cached);
            self.queue.leave(scheduled.client);
            self.forget_draft(key);
        }
    }

    fn forget_draft(&mut self, key: Key) {
        match self.speculation.as_mut().map(|speculation| &mut speculation.drafter) {
            Some(Drafter::Model(model)) => model.forget(key),
            Some(Drafter::Mtp(block)) => block.forget(key),
            Some(Drafter::Lookup(_)) | None => {}
        }
    }
}

/// Puts running jobs in the order of protection: those that run for longest first, whoever's they are; but the places of
/// one client's jobs among them go by its own priorities.
pub(super) fn protect(running: &mut [ScheduledSequence]) {
    running.sort_by_key(|scheduled| scheduled.seniority);
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, scheduled) in running.iter().enumerate() {
        places.entry(scheduled.client).or_default().push(place);
    }
    for own in places.values().filter(|own| own.len() > 1) {
        // A selection sort, by swaps: what is exchanged belongs to the same client.
        for (at, &place) in own.iter().enumerate() {
            let rest = own.get(at..).unwrap_or_default();
            let best = rest.iter().min_by_key(|index| running.get(**index).map(ScheduledSequence::order));
            if let Some(&best) = best {
                running.swap(place, best);
            }
        }
    }
}
