//! One forward pass for all, and what follows from its rows.

use super::choose::{Chosen, Task};
use super::event::Failure;
use super::member::Member;
use super::plan::Share;
use super::{Event, ForwardMany, Key, Part, Scheduler, What};
use crate::generation::{Finish, Guide, Unchosen, beside};
use std::borrow::Cow;
use std::ops::Range;

/// Logits of so many positions are computed at once: a vocabulary may have a mebibyte of them for each.
pub const ROWS_AT_ONCE: usize = 64;

/// How large a job's part of a pass was.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Tokens, guesses included.
    tokens: usize,
    rows: usize,
}

/// A part of a pass that was computed.
#[derive(Debug, Clone)]
struct Done {
    index: usize,
    key: Key,
    /// Its rows among those of the pass.
    rows: Range<usize>,
    /// The rows by which tokens are chosen, the last of `rows`; empty in the middle of a prompt.
    choosing: Range<usize>,
    is_vector: bool,
}

impl<M: ForwardMany> Scheduler<M> {
    /// Carries a plan out.
    pub(super) fn compute(&mut self, plan: &[Share], events: &mut Vec<Event>) {
        let mut guides = self.lend_guides(plan);
        let members = plan.iter().filter_map(|share| Some((self.running.get(share.index)?, share.tokens)));
        let texts: Vec<(&Member, Cow<'_, [u32]>, Size)> = members
            .map(|(member, count)| {
                let tokens = text(member, count);
                let size = Size { tokens: tokens.len(), rows: member.rows(count) + member.guesses.len() };
                (member, tokens, size)
            })
            .collect();
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(texts.len());
        for (member, tokens, size) in &texts {
            parts.push(Part { tokens, position: member.cached, pages: member.table.pages(), rows: size.rows });
        }
        let model = &mut self.model;
        let result = beside(guides.iter_mut().map(|(_, guide)| guide).collect(), || model.forward(&parts));
        let sizes: Vec<Size> = texts.iter().map(|(_, _, size)| *size).collect();
        for (index, guide) in guides {
            if let Some(member) = self.running.get_mut(index) {
                *member.answering.guide() = Some(guide);
            }
        }
        match result {
            Ok(()) => self.advance(plan, &sizes, events),
            Err(error) => self.fail(plan, &error, events),
        }
    }

    /// The constraints of the jobs that choose after this pass.
    fn lend_guides(&mut self, plan: &[Share]) -> Vec<(usize, Guide)> {
        let mut guides = Vec::new();
        for share in plan {
            let member = self.running.get_mut(share.index).filter(|member| member.pending() == share.tokens);
            if let Some(guide) = member.and_then(|member| member.answering.guide().take()) {
                guides.push((share.index, guide));
            }
        }
        guides
    }

    /// A pass as a whole failed, and nothing was computed.
    fn fail(&mut self, plan: &[Share], error: &M::Error, events: &mut Vec<Event>) {
        let keys: Vec<Key> =
            plan.iter().filter_map(|share| self.running.get(share.index)).map(|member| member.key).collect();
        if let [key] = keys[..] {
            self.end(key, What::Failed(Failure::Model(error.to_string())), events);
        } else {
            self.suspects = keys.into();
        }
    }

    /// The parts are computed: counts them, takes what their rows are for, chooses.
    fn advance(&mut self, plan: &[Share], sizes: &[Size], events: &mut Vec<Event>) {
        let (mut first, mut all) = (0, Vec::with_capacity(plan.len()));
        for (share, size) in plan.iter().zip(sizes) {
            let rows = first..first + size.rows;
            first = rows.end;
            all.extend(self.count(*share, *size, rows, events));
        }
        self.statistics.steps += 1;
        self.statistics.step_jobs = all.len();
        self.statistics.step_tokens = sizes.iter().map(|size| size.tokens).sum();

        let mut over = Vec::new();
        for done in all.iter().filter(|done| done.is_vector && !done.rows.is_empty()) {
            self.pool(done, events, &mut over);
        }
        let mut answers: Vec<Done> =
            all.iter().filter(|done| !done.is_vector && !done.choosing.is_empty()).cloned().collect();
        answers.retain(|done| !self.take_forced(done, events, &mut over));
        self.choose(&answers, events, &mut over);
        for done in &all {
            let Some(member) = self.running.get_mut(done.index) else { continue };
            member.guesses.clear();
            member.furthest = member.furthest.max(member.cached);
            self.memory.settle(&mut member.table, member.answering.tokens(), member.cached);
        }
        over.into_iter().for_each(|(key, what)| self.end(key, what, events));
    }

    /// Counts a part that was computed.
    fn count(&mut self, share: Share, size: Size, rows: Range<usize>, events: &mut Vec<Event>) -> Option<Done> {
        let member = self.running.get_mut(share.index)?;
        let (from, total) = (member.cached, member.answering.prompt().len());
        member.cached += share.tokens;
        let done = member.cached.min(total);
        let again = member.cached.min(member.furthest).saturating_sub(from);
        self.statistics.tokens_recomputed += again as u64;
        self.statistics.prompt_tokens_computed += done.saturating_sub(from + again) as u64;
        self.queue.charge(member.client, size.tokens);
        if done > member.reported {
            member.reported = done;
            events.push(Event { key: member.key, what: What::Prefill { done, total }, rows: rows.clone() });
        }
        let choices = if member.pending() == 0 { 1 + member.guesses.len() } else { 0 };
        let choosing = rows.end.saturating_sub(choices)..rows.end;
        Some(Done { index: share.index, key: member.key, rows, choosing, is_vector: member.pool.is_some() })
    }

    /// Takes the tokens that a constraint forces before any was chosen; whether there are some. Their logits do not
    /// matter.
    fn take_forced(&mut self, done: &Done, events: &mut Vec<Event>, over: &mut Vec<(Key, What)>) -> bool {
        let capacity = self.capacity;
        let Some(member) = self.running.get_mut(done.index) else { return false };
        let Some(first) = member.answering.forced() else { return false };
        let chosen = Chosen::forced(&mut member.answering, first, capacity);
        self.report(done, chosen, events, over);
        true
    }

    /// Chooses the next tokens of these jobs; rows ascend.
    fn choose(&mut self, answers: &[Done], events: &mut Vec<Event>, over: &mut Vec<(Key, What)>) {
        // Rows that lie beside each other are computed together.
        let mut runs: Vec<(Vec<Done>, Range<usize>)> = Vec::new();
        for done in answers {
            match runs.last_mut() {
                Some((run, rows))
                    if rows.end == done.choosing.start && done.choosing.end - rows.start <= ROWS_AT_ONCE =>
                {
                    rows.end = done.choosing.end;
                    run.push(done.clone());
                }
                _ => runs.push((vec![done.clone()], done.choosing.clone())),
            }
        }
        for (run, rows) in runs {
            if self.choose_by(&run, rows, events, over).is_ok() {
                continue;
            }
            // One row's fault is no other's, nor that of a row that no choice may ever be made by.
            for done in run {
                let first = done.choosing.start;
                if let Err(error) = self.choose_by(std::slice::from_ref(&done), first..first + 1, events, over) {
                    over.push((done.key, What::Failed(Failure::Model(error))));
                }
            }
        }
    }

    /// Chooses by these rows, which are those of the jobs one after another; the error is the model's.
    fn choose_by(
        &mut self,
        run: &[Done],
        rows: Range<usize>,
        events: &mut Vec<Event>,
        over: &mut Vec<(Key, What)>,
    ) -> Result<(), String> {
        let (vocabulary, capacity) = (self.model.vocabulary(), self.capacity);
        let logits = self.model.logits(rows.clone()).map_err(|error| error.to_string())?;
        let mut tasks = Vec::with_capacity(run.len());
        let mut waiting = run.iter().peekable();
        for (index, member) in self.running.iter_mut().enumerate() {
            let Some(done) = waiting.next_if(|done| done.index == index) else { continue };
            let (from, to) = (done.choosing.start - rows.start, done.choosing.end.min(rows.end) - rows.start);
            tasks.push(Task {
                answering: &mut member.answering,
                guesses: &member.guesses,
                rows: logits.values.get(from * vocabulary..to * vocabulary).unwrap_or_default(),
                vocabulary,
                capacity,
                chosen: Chosen::default(),
            });
        }
        self.workplaces.choose(&mut tasks, logits.team);
        let chosen: Vec<Chosen> = tasks.into_iter().map(|task| task.chosen).collect();
        run.iter().zip(chosen).for_each(|(done, chosen)| self.report(done, chosen, events, over));
        Ok(())
    }

    /// Tells what was chosen.
    fn report(&mut self, done: &Done, chosen: Chosen, events: &mut Vec<Event>, over: &mut Vec<(Key, What)>) {
        let Some(member) = self.running.get_mut(done.index) else { return };
        member.cached += chosen.right;
        member.turn += chosen.tokens.len();
        self.statistics.answer_tokens += chosen.tokens.len() as u64;
        for (choice, row) in chosen.tokens {
            let rows = row.map_or(0..0, |row| done.choosing.start + row..done.choosing.start + row + 1);
            events.push(Event { key: done.key, what: What::Token(choice), rows });
        }
        match (chosen.fault, chosen.finish) {
            (Some(Unchosen::Sampling(error)), _) => over.push((done.key, What::Failed(error.into()))),
            (Some(Unchosen::Constraint(error)), _) => over.push((done.key, What::Failed(error.into()))),
            (None, Some(finish)) => over.push((done.key, What::Finished(finish))),
            (None, None) => {}
        }
    }

    /// Adds the hidden states of a part to its job's vector.
    fn pool(&mut self, done: &Done, events: &mut Vec<Event>, over: &mut Vec<(Key, What)>) {
        let Some(member) = self.running.get_mut(done.index) else { return };
        let Some(pool) = &mut member.pool else { return };
        match self.model.hidden(done.rows.clone()) {
            Ok(hidden) => pool.add(hidden, done.rows.len()),
            Err(error) => return over.push((done.key, What::Failed(Failure::Model(error.to_string())))),
        }
        if !done.choosing.is_empty() {
            events.push(Event { key: done.key, what: What::Embedding(pool.vector()), rows: done.rows.clone() });
            over.push((done.key, What::Finished(Finish::Complete)));
        }
    }

    /// A job is over.
    fn end(&mut self, key: Key, what: What, events: &mut Vec<Event>) {
        self.stop(key);
        self.statistics.finished += 1;
        events.push(Event { key, what, rows: 0..0 });
    }
}

/// The next tokens of a job, and its guesses after them.
fn text(member: &Member, count: usize) -> Cow<'_, [u32]> {
    let waiting = member.answering.waiting(member.cached);
    let tokens = waiting.get(..count).unwrap_or(waiting);
    match &member.guesses[..] {
        [] => tokens.into(),
        guesses => [tokens, guesses].concat().into(),
    }
}
