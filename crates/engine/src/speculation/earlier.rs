//! Guesses from answers that ended: who asks again for much of the same is answered in much of the same words.

use super::lookup::{Lookup, Passage};
use crate::scheduler::memory::Domain;
use std::collections::BTreeMap;

/// Tokens of answers that are kept for one domain: twice so many, the newer half filling while the older is there.
const KEPT_TOKENS: usize = 16_384;
/// Domains whose answers are kept, so that all of them together stay below some 100 MiB.
const KEPT_DOMAINS: usize = 64;
/// Tokens before an answer that are kept with it, by which its first ones are found.
const LEAD: usize = 8;
/// Between two answers: no token.
const BREAK: u32 = u32::MAX;

/// Answers by the domain that may see them. What one client was answered never makes another one's answer faster, by
/// which its text could be told.
#[derive(Debug, Default)]
pub(crate) struct EarlierAnswers {
    domains: BTreeMap<Domain, Answers>,
    /// Answers so far, by which the domain that was quiet for longest is known.
    clock: u64,
}

/// The answers of one domain.
#[derive(Debug, Default)]
struct Answers {
    newer: Indexed,
    older: Indexed,
    last: u64,
}

/// Answers one after another, each with a break after it.
#[derive(Debug, Default)]
struct Indexed {
    tokens: Vec<u32>,
    lookup: Lookup,
}

impl EarlierAnswers {
    /// Keeps the answer of a text that ended, from the token `start` on.
    pub(crate) fn keep(&mut self, domain: Domain, text: &[u32], start: usize) {
        if start >= text.len() {
            return;
        }
        let from = start.saturating_sub(LEAD).max(text.len().saturating_sub(KEPT_TOKENS - 1));
        if !self.domains.contains_key(&domain) && self.domains.len() >= KEPT_DOMAINS {
            let quiet = self.domains.iter().min_by_key(|(_, answers)| answers.last).map(|(domain, _)| *domain);
            quiet.and_then(|domain| self.domains.remove(&domain));
        }
        self.clock += 1;
        let answers = self.domains.entry(domain).or_default();
        answers.last = self.clock;
        answers.keep(text.get(from..).unwrap_or_default());
    }

    /// Appends at most `most` guesses at what follows `text`, and says how long the passage is that they follow.
    pub(crate) fn draft(&self, domain: Domain, text: &[u32], most: usize, guesses: &mut Vec<u32>) -> Option<Passage> {
        let answers = self.domains.get(&domain)?;
        let found = [&answers.newer, &answers.older].map(|some| Some((some.lookup.find(text, &some.tokens)?, some)));
        // Of passages of one length the newer one counts.
        let (passage, kept) = found.into_iter().flatten().min_by_key(|(passage, _)| passage.kind)?;
        let after = kept.tokens.get(passage.end..).unwrap_or_default();
        guesses.extend(after.iter().take_while(|token| **token != BREAK).take(most));
        Some(passage)
    }
}

impl Answers {
    fn keep(&mut self, text: &[u32]) {
        if self.newer.tokens.len() + text.len() + 1 > KEPT_TOKENS {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.tokens.extend(text);
        self.newer.tokens.push(BREAK);
        self.newer.lookup.follow(&self.newer.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(earlier: &EarlierAnswers, client: u64, text: &[u32], most: usize) -> Vec<u32> {
        let mut guesses = Vec::new();
        earlier.draft(Domain::Client(client), text, most, &mut guesses);
        guesses
    }

    #[test]
    fn an_answer_goes_on_as_an_earlier_one_of_the_same_client() {
        let mut earlier = EarlierAnswers::default();
        earlier.keep(Domain::Client(1), &[1, 2, 3, 4, 5, 6], 2);
        earlier.keep(Domain::Client(1), &[9, 9, 4, 5, 7], 2);
        // The longest passage counts, then the latest; nothing is guessed over the end of an answer.
        assert_eq!(guess(&earlier, 1, &[8, 3, 4, 5], 9), [6]);
        assert_eq!(guess(&earlier, 1, &[8, 8, 4, 5], 9), [7]);
        assert_eq!(guess(&earlier, 1, &[1, 2], 3), [3, 4, 5]);
        assert_eq!(guess(&earlier, 1, &[5, 6], 3), [0; 0]);
        assert_eq!(guess(&earlier, 2, &[1, 2], 3), [0; 0]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut earlier = EarlierAnswers::default();
        let long: Vec<u32> = (0..3 * KEPT_TOKENS as u32).collect();
        earlier.keep(Domain::Client(0), &long, 0);
        assert_eq!(guess(&earlier, 0, &long[..long.len() - 2], 9), long[long.len() - 2..]);
        for client in 0..2 * KEPT_DOMAINS as u64 {
            for _ in 0..5 {
                earlier.keep(Domain::Client(client), &long[..KEPT_TOKENS / 3], 1);
            }
        }
        assert_eq!(earlier.domains.len(), KEPT_DOMAINS);
        assert!(earlier.domains.keys().all(|domain| *domain >= Domain::Client(KEPT_DOMAINS as u64)));
        let all = |answers: &Answers| answers.newer.tokens.len() + answers.older.tokens.len();
        assert!(earlier.domains.values().all(|answers| all(answers) <= 2 * KEPT_TOKENS));
        earlier.keep(Domain::Client(0), &[1], 1);
        assert_eq!(earlier.domains.len(), KEPT_DOMAINS);
    }
}
