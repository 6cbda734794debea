//! Guesses on their way through a generation: proposed, computed together, compared with what is chosen.

use super::Answering;
use crate::forward::{Forward, Session};
use crate::speculation::{Context, Drafter, Evidence, Gauge};

/// The guesses of one generation.
#[derive(Debug)]
pub(super) struct Guessing<'s> {
    drafter: &'s mut (dyn Drafter + 's),
    gauge: &'s mut Gauge,
    evidence: Evidence,
    /// What the next choices are compared with, in order; computed by the model if the session holds them too.
    guesses: std::collections::VecDeque<u32>,
    /// Logits of the rows that were computed together, `[rows][vocabulary]`; empty if it was a single one.
    logits: Vec<f32>,
    vocabulary: usize,
    /// The row that the last choice was made by.
    row: usize,
    /// Guesses that the last step computed; `None` if it computed nothing.
    computed: Option<usize>,
}

impl<'s> Guessing<'s> {
    pub(super) fn new(drafter: &'s mut (dyn Drafter + 's), gauge: &'s mut Gauge) -> Self {
        Self {
            drafter,
            gauge,
            evidence: Evidence::default(),
            guesses: std::collections::VecDeque::new(),
            logits: Vec::new(),
            vocabulary: 0,
            row: 0,
            computed: None,
        }
    }

    /// The row of logits of the last choice, if it is one of several that were computed together.
    pub(super) fn chosen_by(&self) -> Option<&[f32]> {
        self.logits.chunks_exact(self.vocabulary.max(1)).nth(self.row)
    }

    /// Goes on to the row after a guess that was right; false if something must be computed first.
    pub(super) fn next_row<M: Forward>(&mut self, session: &mut Session<M>) -> bool {
        self.computed = None;
        self.row += 1;
        let is_there = self.chosen_by().is_some();
        if is_there {
            // Not before: without guesses, the last token of an answer is not computed.
            session.accept_guess();
        }
        is_there
    }

    /// Goes on over a token that was not chosen but forced.
    pub(super) fn pass_over<M: Forward>(&mut self, session: &mut Session<M>, forced: u32) {
        self.next_row(session);
        self.compare(session, forced);
    }

    /// Computes the tokens that wait, and with them the guesses that are expected to pay.
    pub(super) fn compute<M: Forward>(
        &mut self,
        session: &mut Session<M>,
        answering: &Answering,
    ) -> Result<(), M::Error> {
        self.logits.clear();
        self.row = 0;
        let waiting = answering.waiting(session.cached().len());
        if waiting.is_empty() {
            return Ok(());
        }
        self.vocabulary = session.model().vocabulary();
        let count = self.propose(answering, session.model().capacity());
        self.computed = Some(count);
        if count == 0 {
            return session.extend(waiting, 1);
        }
        let guesses: Vec<u32> = self.guesses.iter().copied().take(count).collect();
        session.extend_guessing(waiting, &guesses)?;
        self.gauge.count_drafted(count);
        // A fault in a row that no choice may ever be made by must not end the answer: it is then as without guesses.
        match session.logits(0..count + 1) {
            Ok(logits) => self.logits.extend_from_slice(logits),
            Err(_) => {
                self.logits.extend_from_slice(session.logits(0..1)?);
                self.guesses.clear();
                session.drop_guesses();
            }
        }
        Ok(())
    }

    /// Fills `guesses` and returns how many of them are worth computing; the others cost nothing and only teach.
    fn propose(&mut self, answering: &Answering, capacity: usize) -> usize {
        self.guesses.clear();
        let room = answering.room(capacity).min(self.gauge.most());
        let context = Context { tokens: answering.tokens(), parameters: answering.parameters() };
        let most = if self.drafter.is_free() { room } else { self.gauge.worthwhile(Evidence::default(), room) };
        if most == 0 {
            return 0;
        }
        let mut guesses = Vec::with_capacity(most);
        self.evidence = self.drafter.draft(&context, most, &mut guesses);
        guesses.truncate(most);
        // A guess that the model could not take is no guess, nor is what follows it.
        let known = guesses.iter().take_while(|&&id| (id as usize) < self.vocabulary);
        self.guesses.extend(known);
        let found = self.guesses.len();
        if self.drafter.is_free() { self.gauge.worthwhile(self.evidence, found) } else { found }
    }

    /// Compares the next guess with what was chosen, and drops the guesses that came to nothing.
    pub(super) fn compare<M: Forward>(&mut self, session: &mut Session<M>, chosen: u32) {
        let Some(guess) = self.guesses.pop_front() else {
            return;
        };
        let is_right = guess == chosen;
        self.gauge.learn(self.evidence, is_right);
        if is_right && session.guesses().first() == Some(&chosen) {
            self.gauge.count_accepted();
            return;
        }
        session.drop_guesses();
        self.guesses.clear();
        // The rows after this one belong to tokens that were not chosen.
        self.logits.truncate((self.row + 1) * self.vocabulary);
    }

    /// What the last step cost.
    pub(super) fn took(&mut self, seconds: f64) {
        if let Some(guesses) = self.computed.take() {
            self.gauge.took(guesses, seconds);
        }
    }
}
