//! Rows of logits, and the choices that are made again by them on several threads.

use super::replay::Decision;
use super::{Candidate, Difference};
use crate::sampling::{self, History, Parameters, Scratch, sample_allowed};
use hefu_numerics::team::Team;
use std::sync::Mutex;

/// Consecutive rows, with the token that each is said to have chosen.
pub(super) struct Group<'a> {
    /// `[rows][vocabulary]`.
    pub(super) logits: &'a [f32],
    /// One token per row.
    pub(super) output: &'a [u32],
    /// Origin of each of them.
    pub(super) decisions: &'a [Decision],
    /// The tokens before the first of them.
    pub(super) history: &'a History,
}

/// The first difference that a thread found, with the row that it is at.
type Found = Option<(usize, Result<Difference, sampling::Error>)>;

impl Group<'_> {
    /// The first row that chooses another token than the claimed one, and what it would have been. Its index in the
    /// answer is left to the caller.
    ///
    /// # Errors
    /// Logits from which no token can be chosen, in a row before any difference.
    pub(super) fn first_difference(
        &self,
        parameters: &Parameters,
        team: &dyn Team,
    ) -> Result<Option<(usize, Difference)>, sampling::Error> {
        let rows = self.output.len();
        let threads = team.threads().clamp(1, rows.max(1));
        let found: Mutex<Found> = Mutex::new(None);
        team.run(&|thread| {
            // Each thread takes rows side by side, so that it copies the history once and lets it grow.
            let (from, to) = (rows * thread.min(threads) / threads, rows * (thread + 1).min(threads) / threads);
            if let Some(first) = self.examine(from, to, parameters) {
                let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if found.as_ref().is_none_or(|(row, _)| first.0 < *row) {
                    *found = Some(first);
                }
            }
        });
        match found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            None => Ok(None),
            Some((row, Ok(difference))) => Ok(Some((row, difference))),
            Some((_, Err(error))) => Err(error),
        }
    }

    /// The first difference or error among the rows `from..to`.
    fn examine(
        &self,
        from: usize,
        to: usize,
        parameters: &Parameters,
    ) -> Option<(usize, Result<Difference, sampling::Error>)> {
        if from >= to {
            return None;
        }
        let mut history = self.history.clone();
        self.output.iter().take(from).for_each(|&id| history.push(id));
        let mut scratch = Scratch::default();
        let vocabulary = self.logits.len() / self.output.len();
        let rows = self.logits.chunks_exact(vocabulary.max(1)).zip(self.output).zip(self.decisions).enumerate();
        for (row, ((logits, &claimed), decision)) in rows.skip(from).take(to - from) {
            let position = history.tokens().len();
            let candidate = |id: u32| Candidate { id, logit: logits.get(id as usize).copied() };
            let difference = |chosen| Difference {
                index: 0,
                position,
                claimed: candidate(claimed),
                chosen: Some(chosen),
                forced: false,
            };
            match decision {
                Decision::Forced(id) if *id == claimed => {}
                Decision::Forced(id) => {
                    return Some((row, Ok(Difference { forced: true, ..difference(candidate(*id)) })));
                }
                Decision::Over => {
                    return Some((
                        row,
                        Ok(Difference { chosen: None, forced: true, ..difference(candidate(claimed)) }),
                    ));
                }
                Decision::Chosen(mask) => {
                    let choice =
                        sample_allowed(logits, &history, parameters, mask.as_ref(), position as u64, &mut scratch);
                    match choice {
                        Ok(choice) if choice.id == claimed => {}
                        Ok(choice) => return Some((row, Ok(difference(candidate(choice.id))))),
                        Err(error) => return Some((row, Err(error))),
                    }
                }
            }
            history.push(claimed);
        }
        None
    }
}
