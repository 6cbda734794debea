//! The choice of many jobs' tokens at once, spread over the model's threads: with a vocabulary of 150,000 tokens each is
//! worth more than a millisecond.

use crate::generation::{Answering, Finish, Unchosen};
use crate::sampling::{Choice, Scratch};
use hefu_numerics::ops::Team;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One job's rows of logits.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) answering: &'a mut Answering,
    /// Tokens that were computed after the last, one row each; what follows them depends on whether they are chosen.
    pub(super) guesses: &'a [u32],
    /// `[1 + guesses][vocabulary]`, or fewer rows.
    pub(super) rows: &'a [f32],
    pub(super) vocabulary: usize,
    pub(super) capacity: usize,
    pub(super) chosen: Chosen,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Tokens in order, each with the row by which it was chosen; `None` for one that was forced.
    pub(super) tokens: Vec<(Choice, Option<usize>)>,
    /// How many of the guesses were right.
    pub(super) right: usize,
    pub(super) finish: Option<Finish>,
    pub(super) fault: Option<Unchosen>,
}

/// Memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Workplaces(Vec<Mutex<Scratch>>);

impl Workplaces {
    /// Carries all tasks out. Which thread has which makes no difference: a choice depends on its job alone.
    pub(super) fn choose(&mut self, tasks: &mut [Task<'_>], team: &dyn Team) {
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
        let before = self.answering.tokens().len();
        for (index, row) in self.rows.chunks_exact(self.vocabulary.max(1)).enumerate() {
            // A row whose token was forced by the one before has been decided already.
            if self.answering.tokens().len() == before + index && !self.choose(index, row, scratch) {
                return;
            }
            if self.guesses.get(index) != self.answering.tokens().get(before + index) {
                return;
            }
            self.chosen.right = index + 1;
        }
    }

    /// Chooses by one row, and takes what is forced after it; false if nothing follows.
    fn choose(&mut self, index: usize, row: &[f32], scratch: &mut Scratch) -> bool {
        let first = self.answering.choose(row, scratch).transpose();
        self.chosen.take(self.answering, first, Some(index), self.capacity);
        self.chosen.finish.is_none() && self.chosen.fault.is_none()
    }
}

impl Chosen {
    /// A token that is forced, and those that are forced after it.
    pub(super) fn forced(answering: &mut Answering, first: Result<Choice, Unchosen>, capacity: usize) -> Self {
        let mut chosen = Self::default();
        chosen.take(answering, Some(first), None, capacity);
        chosen
    }

    /// Takes a token, and what is forced after it.
    fn take(
        &mut self,
        answering: &mut Answering,
        first: Option<Result<Choice, Unchosen>>,
        mut row: Option<usize>,
        capacity: usize,
    ) {
        let mut next = first;
        while let Some(choice) = next {
            match choice {
                Ok(choice) => self.tokens.push((choice, row.take())),
                Err(fault) => return self.fault = Some(fault),
            }
            next = if answering.finish(capacity).is_none() { answering.forced() } else { None };
        }
        self.finish = answering.finish(capacity);
    }
}
