//! One forward pass for all, and what follows from its rows.
//!
//! A step of the scheduler has decided who runs (`Share`: a job, and how many of its waiting tokens). Here it happens:
//!
//! ```text
//! slots    = states to write to, and snapshots to keep, for every job          take_slots
//! batch    = tokens of all jobs one after the other, guesses behind their own  compute
//! forward(batch)                    every weight is read once, for all jobs
//! for each job:
//!     count its tokens as cached; is its prompt through?                       count
//!     rows that are read (log-likelihoods, vectors) go to their reader         read
//! choose a token for every answer; guesses that agree are taken too            choose
//! pages and states of what was dropped go back                                 settle, finish
//! ```
//!
//! Three things keep answers what they are alone. A row depends on its own text only, so whoever else is in the batch never
//! matters. A guess is computed as if it were text, and kept only where the choice is the same. And a job that loses its
//! place (no page, no slot, a mask that came late) computes again what it lost, to the same bits.
//!
//! If the pass fails as a whole, nobody is at fault yet: its jobs become suspects and run alone, and the one that fails
//! alone ends with the reason. If it says that the states are lost (a part of the model was placed again on another machine, or on
//! another device), all jobs go back to the queue, as if they had been interrupted, and nothing is left of what was kept; the same
//! if logits cannot be had for that reason.

use super::memory::Wanted;
use super::plan::Share;
use super::scheduled::ScheduledSequence;
use super::{Event, ForwardMany, Key, Scheduler, Update};
use crate::speculation::Speculation;
use crate::trace::Piece;
use hefu_numerics::device::{Batch, Span};
use std::collections::BTreeSet;
use std::ops::Range;

/// So many passes in a row may find the states lost before it is asked which job is to blame.
pub(super) const MOST_LOSSES: usize = 3;

/// Size of a job's span of a pass.
#[derive(Debug, Clone)]
struct Size {
    /// Tokens, guesses included.
    tokens: usize,
    /// Those of them whose rows are computed, by whoever reads or follows them or for a trace.
    kept: Range<usize>,
    /// Those of them that are read.
    read: Range<usize>,
    /// Those of them whose digests are taken.
    traced: Range<usize>,
}

impl Size {
    /// `follows`: whether what the model makes of every position is wanted.
    fn new(one: &ScheduledSequence, tokens: usize, follows: bool) -> Self {
        let (read, traced, guesses) = (one.wanted(tokens), one.traced(tokens), one.guesses.computed().len());
        let read = read.start..read.end + guesses;
        let traced = if traced.is_empty() { 0..0 } else { traced.start..traced.end + guesses };
        let both =
            if traced.is_empty() { read.clone() } else { traced.start.min(read.start)..traced.end.max(read.end) };
        let kept = if follows && one.reader.is_answer() { 0..both.end } else { both };
        Self { tokens: tokens + guesses, kept, read, traced }
    }
}

/// A part of a pass that was computed.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) index: usize,
    pub(super) key: Key,
    /// The position of its first token.
    pub(super) position: usize,
    /// Its rows among those of the pass, wanted or not.
    pub(super) kept: Range<usize>,
    /// Those that are wanted.
    rows: Range<usize>,
    /// The rows by which tokens are chosen, the last of `rows`; empty in the middle of a prompt.
    pub(super) choosing: Range<usize>,
    pub(super) is_answer: bool,
}

/// A job that is over, and its last event.
pub(super) type Over = (Key, Event);

impl<M: ForwardMany> Scheduler<M> {
    /// Carries a plan out.
    pub(super) fn compute(&mut self, plan: &[Share], updates: &mut Vec<Update>) {
        self.take_slots(plan);
        let asked = self.ask_masks(plan);
        let groups = self.model.groups();
        let follows = self.speculation.as_ref().is_some_and(Speculation::follows_hidden);
        let (mut tokens, mut sizes) = (Vec::new(), Vec::with_capacity(plan.len()));
        let mut scheduled = Vec::with_capacity(plan.len());
        for share in plan {
            let Some(one) = self.running.get(share.index) else { continue };
            tokens.extend(one.sequence.waiting(one.cached).iter().take(share.tokens));
            tokens.extend(one.guesses.computed());
            sizes.push(Size::new(one, share.tokens, follows));
            scheduled.push(one);
        }
        // Pages of all groups have the same numbers.
        let tables: Vec<Vec<&[u32]>> = scheduled.iter().map(|one| vec![one.table.pages(); groups]).collect();
        let mut from = 0;
        let spans = scheduled.iter().zip(&tables).zip(&sizes).map(|((one, tables), size)| {
            let rows = from..from + size.tokens;
            from = rows.end;
            let wanted = size.kept.clone();
            Span { rows, position: one.cached, wanted, tables, slots: one.table.slots(), second: one.reader.second() }
        });
        let spans: Vec<Span<'_>> = spans.collect();
        let result = self.model.forward(&Batch { tokens: &tokens, spans: &spans, inputs: &[] });
        self.take_masks(asked);
        match result {
            Ok(()) => self.advance(plan, &sizes, updates),
            Err(error) => self.fail(plan, &error, updates),
        }
    }

    /// Takes slots for the recurrent states of a pass, those to go back to first; guesses without one are dropped.
    fn take_slots(&mut self, plan: &[Share]) {
        if !self.memory.has_states() {
            return;
        }
        for share in plan {
            let Some(scheduled) = self.running.get_mut(share.index) else { continue };
            let wanted = Wanted {
                position: scheduled.cached,
                tokens: share.tokens,
                guesses: scheduled.guesses.computed().len(),
                // Its mask may come late.
                may_step_back: scheduled.pending() == share.tokens && scheduled.sequence.has_constraint(),
                retains: false,
            };
            let guesses = self.memory.prepare(&mut scheduled.table, wanted);
            scheduled.guesses.compute(guesses);
        }
        for share in plan {
            let Some(scheduled) = self.running.get_mut(share.index) else { continue };
            let prompt = scheduled.sequence.prompt().len();
            self.memory.prepare_snapshots(&mut scheduled.table, share.tokens, prompt);
        }
    }

    /// A pass as a whole failed, and nothing was computed.
    fn fail(&mut self, plan: &[Share], error: &M::Error, updates: &mut Vec<Update>) {
        let failed = plan.iter().filter_map(|share| self.running.get(share.index));
        let keys: Vec<Key> = failed.map(|scheduled| scheduled.key).collect();
        let guessed = self.running.iter().any(|scheduled| !scheduled.guesses.computed().is_empty());
        for scheduled in &mut self.running {
            scheduled.guesses.drop_all();
            self.memory.abandon(&mut scheduled.table);
        }
        let is_lost = M::has_lost_states(error);
        self.losses = if is_lost { self.losses + 1 } else { 0 };
        if is_lost && self.losses <= MOST_LOSSES {
            return self.start_over();
        }
        // No answer ends for a guess that was none of its tokens.
        if let ([key], false) = (&keys[..], guessed) {
            let key = *key;
            self.end(key, Event::Failed(M::failure(error)), updates);
        } else {
            self.suspects = keys.into();
        }
        if is_lost {
            self.start_over();
        }
    }

    /// The spans are computed: counts them, takes what their rows are for, chooses.
    fn advance(&mut self, plan: &[Share], sizes: &[Size], updates: &mut Vec<Update>) {
        let mut over: Vec<Over> = Vec::new();
        self.trace(plan, sizes, &mut over);
        let (mut first, mut all) = (0, Vec::with_capacity(plan.len()));
        for (share, size) in plan.iter().zip(sizes) {
            let kept = first..first + size.kept.len();
            first = kept.end;
            let read = kept.start + size.read.start - size.kept.start;
            all.extend(self.count(*share, kept, read..read + size.read.len(), updates));
        }
        self.statistics.steps += 1;
        self.statistics.step_jobs = plan.len();
        self.statistics.step_tokens = sizes.iter().map(|size| size.tokens).sum();

        for done in all.iter().filter(|done| !done.is_answer) {
            updates.extend(self.running.get_mut(done.index).and_then(ScheduledSequence::tell_trace));
            match self.read(done.index, done.rows.clone(), !done.choosing.is_empty()) {
                Ok(events) => {
                    for event in events {
                        match event {
                            Event::Finished(_) => over.push((done.key, event)),
                            _ => updates.push(Update { key: done.key, event, rows: done.rows.clone() }),
                        }
                    }
                }
                Err(failure) => over.push((done.key, Event::Failed(failure))),
            }
        }
        let choosing = all.iter().filter(|done| done.is_answer && !done.choosing.is_empty());
        let mut answers: Vec<Done> = choosing.cloned().collect();
        answers.retain(|done| !self.take_forced(done, updates, &mut over));
        let has_chosen = self.choose(&answers, updates, &mut over);
        all.iter().for_each(|done| self.follow_hidden(done));
        let mut lost: Vec<Key> = Vec::new();
        for done in &all {
            let Some(scheduled) = self.running.get_mut(done.index) else { continue };
            updates.extend(scheduled.tell_trace());
            scheduled.guesses.drop_all();
            scheduled.furthest = scheduled.furthest.max(scheduled.cached);
            self.memory.settle(&mut scheduled.table, scheduled.sequence.tokens(), scheduled.cached);
            self.memory.finish(&mut scheduled.table);
            if !self.memory.choose_states(&mut scheduled.table, scheduled.cached) {
                lost.push(done.key);
            }
        }
        let mut ended = BTreeSet::new();
        over.retain(|(key, _)| ended.insert(*key));
        over.into_iter().for_each(|(key, event)| self.end(key, event, updates));
        // Without the states of its last position a job goes back to a snapshot.
        for key in lost {
            if let Some(index) = self.running.iter().position(|scheduled| scheduled.key == key) {
                self.interrupt(index);
            }
        }
        self.losses = if has_chosen { 0 } else { self.losses + 1 };
        if !has_chosen {
            self.start_over();
        }
    }

    /// Takes the digests of what layers hand on at positions that were computed for the first time.
    fn trace(&mut self, plan: &[Share], sizes: &[Size], over: &mut Vec<Over>) {
        let (mut row, mut wanted) = (0, 0);
        for (share, size) in plan.iter().zip(sizes) {
            let Size { traced, tokens, .. } = size;
            let rows = row + traced.start..row + traced.end;
            let from = wanted + traced.start.saturating_sub(size.kept.start);
            (row, wanted) = (row + tokens, wanted + size.kept.len());
            let Some(scheduled) = self.running.get_mut(share.index).filter(|_| !traced.is_empty()) else { continue };
            match self.model.trace(rows, from..from + traced.len()) {
                Ok(trace) => scheduled.untold = Some(Piece { position: scheduled.cached + traced.start, trace }),
                Err(error) => over.push((scheduled.key, Event::Failed(M::failure(&error)))),
            }
        }
    }

    /// Counts a part that was computed.
    fn count(
        &mut self,
        share: Share,
        kept: Range<usize>,
        mut rows: Range<usize>,
        updates: &mut Vec<Update>,
    ) -> Option<Done> {
        let scheduled = self.running.get_mut(share.index)?;
        let (from, total) = (scheduled.cached, scheduled.sequence.prompt().len());
        let guesses = scheduled.guesses.computed().len();
        let mut tokens = share.tokens;
        self.statistics.drafted_tokens += guesses as u64;
        let is_late = scheduled.pending() == tokens && scheduled.sequence.is_away();
        if is_late {
            // Without a mask there is no choice: its last token is computed again once the mask is there.
            scheduled.guesses.drop_all();
            tokens = tokens.saturating_sub(1);
            rows.end = rows.end.saturating_sub(guesses + 1).max(rows.start);
        }
        scheduled.cached += tokens;
        let done = scheduled.cached.min(total);
        let again = scheduled.cached.min(scheduled.furthest).saturating_sub(from);
        self.statistics.tokens_recomputed += again as u64;
        self.statistics.prompt_tokens_computed += done.saturating_sub(from + again) as u64;
        self.queue.charge(scheduled.client, share.tokens);
        if done > scheduled.reported {
            scheduled.reported = done;
            let event = Event::Prefill { done, total };
            updates.push(Update { key: scheduled.key, event, rows: rows.clone() });
        }
        let choices = if scheduled.pending() == 0 { 1 + scheduled.guesses.computed().len() } else { 0 };
        let is_answer = scheduled.reader.is_answer();
        // A text that is only read may end without a row.
        let choosing = match is_answer {
            true => rows.end.saturating_sub(choices)..rows.end,
            false => rows.end..rows.end + choices,
        };
        Some(Done { index: share.index, key: scheduled.key, position: from, kept, rows, choosing, is_answer })
    }

    /// A job is over.
    fn end(&mut self, key: Key, event: Event, updates: &mut Vec<Update>) {
        self.stop(key);
        self.statistics.finished += 1;
        updates.push(Update { key, event, rows: 0..0 });
    }
}
