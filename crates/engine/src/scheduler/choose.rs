//! The choice of many jobs' tokens at once, spread over the model's threads: with a vocabulary of 150,000 tokens each is
//! worth more than a millisecond.

use super::pass::{Done, MOST_LOSSES, Over};
use super::{Event, ForwardMany, Key, Scheduler, Update};
use crate::request::FinishReason;
use crate::sampling::{Choice, Scratch};
use crate::sequence::{Sequence, Unchosen};
use hefu_numerics::team::Team;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Logits of so many positions are computed at once: a vocabulary may have a mebibyte of them for each.
pub const ROWS_AT_ONCE: usize = 64;

/// One job's rows of logits.
#[derive(Debug)]
struct Task<'a> {
    sequence: &'a mut Sequence,
    /// Tokens that were computed after the last, one row each; what follows them depends on whether they are chosen.
    guesses: &'a [u32],
    /// `[1 + guesses][vocabulary]`, or fewer rows.
    rows: &'a [f32],
    vocabulary: usize,
    capacity: usize,
    choices: Choices,
}

/// Outcome of one job's rows.
#[derive(Debug)]
struct Choices {
    key: Key,
    /// The number of the first row.
    first: usize,
    /// Its tokens in order, each with the row by which it was chosen; one that was forced has none.
    updates: Vec<Update>,
    /// Number of accepted guesses.
    right: usize,
    finish: Option<FinishReason>,
    fault: Option<Unchosen>,
}

/// Memory for choices, one part for each thread.
#[derive(Debug, Default)]
pub(super) struct SamplerScratch(Vec<Mutex<Scratch>>);

impl SamplerScratch {
    /// Carries all tasks out. Which thread has which makes no difference: a choice depends on its job alone.
    fn choose(&mut self, tasks: &mut [Task<'_>], team: &dyn Team) {
        self.0.resize_with(self.0.len().max(team.threads()).max(1), Mutex::default);
        if let [task] = tasks {
            if let Some(scratch) = self.0.first_mut() {
                task.run(scratch.get_mut().unwrap_or_else(PoisonError::into_inner));
            }
            return;
        }
        let next = AtomicUsize::new(0);
        let tasks: Vec<Mutex<&mut Task<'_>>> = tasks.iter_mut().map(Mutex::new).collect();
        let places = &self.0;
        team.run(&|thread| {
            let Some(scratch) = places.get(thread) else { return };
            let mut scratch = scratch.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                task.lock().unwrap_or_else(PoisonError::into_inner).run(&mut scratch);
            }
        });
    }
}

impl Task<'_> {
    fn run(&mut self, scratch: &mut Scratch) {
        let before = self.sequence.tokens().len();
        for (index, row) in self.rows.chunks_exact(self.vocabulary.max(1)).enumerate() {
            // A row whose token was forced by the one before has been decided already.
            if self.sequence.tokens().len() == before + index && !self.choose(index, row, scratch) {
                return;
            }
            if self.guesses.get(index) != self.sequence.tokens().get(before + index) {
                return;
            }
            self.choices.right = index + 1;
        }
    }

    /// Chooses by one row, and takes what is forced after it; false if nothing follows.
    fn choose(&mut self, index: usize, row: &[f32], scratch: &mut Scratch) -> bool {
        let first = self.sequence.choose(row, scratch).transpose();
        self.choices.take(self.sequence, first, Some(index), self.capacity);
        self.choices.finish.is_none() && self.choices.fault.is_none()
    }
}

impl Choices {
    fn new(done: &Done) -> Self {
        let (key, first) = (done.key, done.choosing.start);
        Self { key, first, updates: Vec::new(), right: 0, finish: None, fault: None }
    }

    /// Takes a token, and what is forced after it.
    fn take(
        &mut self,
        sequence: &mut Sequence,
        first: Option<Result<Choice, Unchosen>>,
        mut row: Option<usize>,
        capacity: usize,
    ) {
        let mut next = first;
        while let Some(choice) = next {
            match choice {
                Ok(choice) => {
                    let rows = row.take().map_or(0..0, |row| self.first + row..self.first + row + 1);
                    self.updates.push(Update { key: self.key, event: Event::Token(choice), rows });
                }
                Err(fault) => return self.fault = Some(fault),
            }
            next = if sequence.finish(capacity).is_none() { sequence.forced() } else { None };
        }
        self.finish = sequence.finish(capacity);
    }
}

impl<M: ForwardMany> Scheduler<M> {
    /// Takes what needs no logits: the end of an answer without a token, and tokens that a constraint forces before any
    /// was chosen. Whether there was such a thing.
    pub(super) fn take_forced(&mut self, done: &Done, updates: &mut Vec<Update>, over: &mut Vec<Over>) -> bool {
        let capacity = self.capacity;
        let Some(scheduled) = self.running.get_mut(done.index) else { return false };
        let mut choices = Choices { finish: scheduled.sequence.finish(capacity), ..Choices::new(done) };
        if choices.finish.is_none() {
            let Some(first) = scheduled.sequence.forced() else { return false };
            choices.take(&mut scheduled.sequence, Some(first), None, capacity);
        }
        self.report(done, choices, updates, over);
        true
    }

    /// Chooses the next tokens of these jobs; rows ascend. False if logits could not be had because all states are lost: then
    /// nothing was chosen by them, and nobody is at fault yet.
    pub(super) fn choose(&mut self, answers: &[Done], updates: &mut Vec<Update>, over: &mut Vec<Over>) -> bool {
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
            match self.choose_by(&run, rows, updates, over) {
                Ok(()) => continue,
                Err(error) if M::has_lost_states(&error) && self.losses < MOST_LOSSES => return false,
                Err(_) => {}
            }
            // One row's fault is no other's, nor that of a row that no choice may ever be made by.
            for done in run {
                let first = done.choosing.start;
                if let Err(error) = self.choose_by(std::slice::from_ref(&done), first..first + 1, updates, over) {
                    over.push((done.key, Event::Failed(M::failure(&error))));
                }
            }
        }
        true
    }

    /// Chooses by these rows, which are those of the jobs one after another; the error is the model's.
    fn choose_by(
        &mut self,
        run: &[Done],
        rows: Range<usize>,
        updates: &mut Vec<Update>,
        over: &mut Vec<Over>,
    ) -> Result<(), M::Error> {
        let (vocabulary, capacity) = (self.model.vocabulary(), self.capacity);
        let logits = self.model.logits(rows.clone())?;
        let mut tasks = Vec::with_capacity(run.len());
        let mut waiting = run.iter().peekable();
        for (index, scheduled) in self.running.iter_mut().enumerate() {
            let Some(done) = waiting.next_if(|done| done.index == index) else { continue };
            let (from, to) = (done.choosing.start - rows.start, done.choosing.end.min(rows.end) - rows.start);
            tasks.push(Task {
                sequence: &mut scheduled.sequence,
                guesses: scheduled.guesses.computed(),
                rows: logits.values.get(from * vocabulary..to * vocabulary).unwrap_or_default(),
                vocabulary,
                capacity,
                choices: Choices::new(done),
            });
        }
        self.scratch.choose(&mut tasks, logits.team);
        let all: Vec<Choices> = tasks.into_iter().map(|task| task.choices).collect();
        run.iter().zip(all).for_each(|(done, choices)| self.report(done, choices, updates, over));
        Ok(())
    }

    /// Tells what was chosen.
    fn report(&mut self, done: &Done, mut choices: Choices, updates: &mut Vec<Update>, over: &mut Vec<Over>) {
        let Some(scheduled) = self.running.get_mut(done.index) else { return };
        // Where the row after a right guess could not be had, that position is computed again for it.
        let (tokens, count) = (scheduled.sequence.tokens(), choices.updates.len());
        scheduled.cached = (scheduled.cached + choices.right).min(tokens.len().saturating_sub(1));
        scheduled.turn += count;
        self.queue.charge(scheduled.client, choices.right);
        self.statistics.answer_tokens += count as u64;
        self.statistics.accepted_tokens += choices.right as u64;
        if let Some(speculation) = &mut self.speculation {
            let ids = tokens.iter().skip(tokens.len() - count).copied();
            speculation.policy.learn(&mut scheduled.guesses, ids);
        }
        updates.extend(scheduled.tell_trace());
        updates.append(&mut choices.updates);
        match (choices.fault, choices.finish) {
            (Some(fault), _) => over.push((done.key, Event::Failed(fault.into()))),
            (None, Some(finish)) => over.push((done.key, Event::Finished(finish))),
            (None, None) => {}
        }
    }
}
