//! Guesses for the answers of a pass: proposed for each, computed for those where they pay.

use super::pass::Done;
use super::{ForwardMany, ROWS_AT_ONCE, Scheduler};
use crate::speculation::{Ask, Drafter, Evidence, Offer, Speculation};

impl<M: ForwardMany> Scheduler<M> {
    /// Proposes guesses for the jobs that choose their next token after a pass with these spans (one number of tokens for
    /// each running job). A pass with a prompt in it has no arithmetic to spare.
    pub(super) fn guess(&mut self, wanted: &[usize]) {
        let Self { speculation: Some(Speculation { drafter, policy }), running, capacity, .. } = self else { return };
        let tokens: usize = wanted.iter().sum();
        let is_mixed = running.iter().zip(wanted).any(|(scheduled, tokens)| *tokens > 0 && scheduled.is_prefilling());
        policy.passed((!is_mixed).then_some(tokens), false);
        if is_mixed {
            return;
        }
        let is_free = matches!(drafter, Drafter::Lookup(_));
        let (mut who, mut offers, mut answers): (Vec<usize>, Vec<Offer>, usize) = (Vec::new(), Vec::new(), 0);
        for (index, (scheduled, tokens)) in running.iter_mut().zip(wanted).enumerate() {
            if *tokens == 0 || *tokens != scheduled.pending() || !scheduled.reader.is_answer() {
                continue;
            }
            answers += 1;
            let room = scheduled.sequence.room(*capacity).min(policy.most());
            let guesses = &mut scheduled.guesses;
            guesses.drop_all();
            let mut found = room;
            guesses.evidence = Evidence::default();
            if let Drafter::Lookup(earlier) = drafter
                && room > 0
            {
                policy.look_up(guesses, scheduled.sequence.tokens(), room, (earlier, scheduled.domain));
                guesses.proposed.truncate(scheduled.sequence.permitted(&guesses.proposed));
                found = guesses.proposed.len();
            }
            if found > 0 {
                offers.push(policy.offer(guesses, guesses.evidence, found));
                who.push(index);
            }
        }
        if who.is_empty() {
            return;
        }
        let counts = policy.choose(tokens, answers, &offers, !is_free);
        if !is_free {
            self.draft(&who, &counts);
        }
        let mut guessed = 0;
        for (index, count) in who.into_iter().zip(counts) {
            if let Some(scheduled) = self.running.get_mut(index) {
                scheduled.guesses.compute(count);
                guessed += scheduled.guesses.computed().len();
            }
        }
        if let Some(speculation) = &mut self.speculation {
            speculation.policy.passed(Some(tokens + guessed), !is_free && guessed > 0);
        }
    }

    /// Has the draft model, or the model's own block, guess for these jobs.
    fn draft(&mut self, who: &[usize], counts: &[usize]) {
        let Self { speculation: Some(Speculation { drafter, .. }), running, .. } = self else { return };
        let mut proposals: Vec<Vec<u32>> = vec![Vec::new(); who.len()];
        let wanted = who.iter().zip(counts).zip(&mut proposals).filter(|((_, count), _)| **count > 0);
        let mut asks: Vec<Ask<'_>> = wanted
            .filter_map(|((index, count), guesses)| {
                let scheduled = running.get(*index)?;
                Some(Ask {
                    key: scheduled.key,
                    domain: scheduled.domain,
                    tokens: scheduled.sequence.tokens(),
                    parameters: scheduled.sequence.parameters(),
                    most: *count,
                    guesses,
                })
            })
            .collect();
        match drafter {
            Drafter::Lookup(_) => {}
            Drafter::Model(model) => model.draft(&mut asks),
            Drafter::Mtp(block) => block.draft(&mut asks),
        }
        let known = self.model.vocabulary();
        for (index, mut guesses) in who.iter().zip(proposals) {
            let Some(scheduled) = self.running.get_mut(*index) else { continue };
            // A guess that the model could not take is no guess, nor is what follows it.
            let end = guesses.iter().position(|&id| id as usize >= known).unwrap_or(guesses.len());
            guesses.truncate(end);
            guesses.truncate(scheduled.sequence.permitted(&guesses));
            scheduled.guesses.proposed = guesses;
        }
    }

    /// Shows what the pass made of an answer's positions to the model's own block, if that guesses.
    pub(super) fn follow_hidden(&mut self, done: &Done) {
        let Self { speculation: Some(Speculation { drafter: Drafter::Mtp(block), .. }), model, running, .. } = self
        else {
            return;
        };
        let Some(scheduled) = running.get(done.index).filter(|_| done.is_answer) else { return };
        // The token after a position must be known.
        let known = scheduled.cached.min(scheduled.sequence.tokens().len().saturating_sub(1));
        let end = done.kept.end.min(done.kept.start + known.saturating_sub(done.position));
        let mut position = done.position;
        for first in (done.kept.start..end).step_by(ROWS_AT_ONCE) {
            let rows = first..end.min(first + ROWS_AT_ONCE);
            let count = rows.len();
            // Without hidden states there are only no guesses.
            let Ok(hidden) = model.hidden(rows) else { return };
            let who = (scheduled.key, scheduled.domain);
            block.take_in(who, scheduled.sequence.tokens(), position, (hidden, hidden.len() / count));
            position += count;
        }
    }

    /// Tells the seconds that the last step took, by which speculation judges whether it pays.
    pub fn record_time(&mut self, seconds: f64) {
        if let Some(speculation) = &mut self.speculation {
            speculation.policy.record_time(seconds);
        }
    }
}
