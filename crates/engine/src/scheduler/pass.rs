//! One forward pass for all, and what follows from its rows.

use super::memory::Wanted;
use super::plan::Share;
use super::{Event, Failure, ForwardMany, Key, Scheduler, Update};
use crate::speculation::Speculation;
use hefu_numerics::device::{Batch, Span};
use std::ops::Range;

/// How large a job's span of a pass was.
#[derive(Debug, Clone)]
struct Size {
    /// Tokens, guesses included.
    tokens: usize,
    /// Those of them whose rows are computed.
    kept: Range<usize>,
    /// How many of these come before those that are wanted.
    unwanted: usize,
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
        let keeps_all = self.speculation.as_ref().is_some_and(Speculation::follows_hidden);
        let (mut tokens, mut sizes) = (Vec::new(), Vec::with_capacity(plan.len()));
        let mut scheduled = Vec::with_capacity(plan.len());
        for share in plan {
            let Some(one) = self.running.get(share.index) else { continue };
            let (from, guesses) = (tokens.len(), one.guesses.computed());
            tokens.extend(one.sequence.waiting(one.cached).iter().take(share.tokens));
            tokens.extend(guesses);
            let wanted = one.wanted(share.tokens);
            let first = if keeps_all && one.reader.is_answer() { 0 } else { wanted.start };
            let kept = first..wanted.end + guesses.len();
            sizes.push(Size { tokens: tokens.len() - from, kept, unwanted: wanted.start - first });
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
        // No answer ends for a guess that was none of its tokens.
        if let ([key], false) = (&keys[..], guessed) {
            let key = *key;
            self.end(key, Event::Failed(Failure::Model(error.to_string())), updates);
        } else {
            self.suspects = keys.into();
        }
    }

    /// The spans are computed: counts them, takes what their rows are for, chooses.
    fn advance(&mut self, plan: &[Share], sizes: &[Size], updates: &mut Vec<Update>) {
        let (mut first, mut all) = (0, Vec::with_capacity(plan.len()));
        for (share, size) in plan.iter().zip(sizes) {
            let kept = first..first + size.kept.len();
            first = kept.end;
            all.extend(self.count(*share, kept, size.unwanted, updates));
        }
        self.statistics.steps += 1;
        self.statistics.step_jobs = plan.len();
        self.statistics.step_tokens = sizes.iter().map(|size| size.tokens).sum();

        let mut over: Vec<Over> = Vec::new();
        for done in all.iter().filter(|done| !done.is_answer) {
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
        self.choose(&answers, updates, &mut over);
        all.iter().for_each(|done| self.follow_hidden(done));
        let mut lost: Vec<Key> = Vec::new();
        for done in &all {
            let Some(scheduled) = self.running.get_mut(done.index) else { continue };
            scheduled.guesses.drop_all();
            scheduled.furthest = scheduled.furthest.max(scheduled.cached);
            self.memory.settle(&mut scheduled.table, scheduled.sequence.tokens(), scheduled.cached);
            self.memory.finish(&mut scheduled.table);
            if !self.memory.choose_states(&mut scheduled.table, scheduled.cached) {
                lost.push(done.key);
            }
        }
        over.into_iter().for_each(|(key, event)| self.end(key, event, updates));
        // Without the states of its last position a job goes back to a snapshot.
        for key in lost {
            if let Some(index) = self.running.iter().position(|scheduled| scheduled.key == key) {
                self.interrupt(index);
            }
        }
    }

    /// Counts a part that was computed.
    fn count(&mut self, share: Share, kept: Range<usize>, unwanted: usize, updates: &mut Vec<Update>) -> Option<Done> {
        let mut rows = kept.start + unwanted..kept.end;
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
