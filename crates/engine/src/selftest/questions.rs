//! Questions of the selftest.

use crate::request::Request;
use crate::sampling::{Dry, Parameters};
use std::collections::BTreeSet;

/// Number and length of questions.
#[derive(Debug, Clone, Copy)]
pub struct Questions {
    /// Number of questions.
    pub count: usize,
    /// Most tokens of a prompt, at least 16.
    pub longest: usize,
    /// Most tokens of an answer, at least 4.
    pub answer: usize,
    /// Number of first questions that compare the logits of every position of the prompt; others compare those of its
    /// last. Such a question is computed from its beginning, whatever the cache holds.
    pub whole: usize,
}

/// Questions for a model with so many tokens. Half of the prompts begin alike, for more than a page where they are long
/// enough; they repeat themselves in part, so that guesses are right and wrong; and their settings are greedy, sampled,
/// and sampled with what looks at the history.
pub fn questions(asked: Questions, vocabulary: usize) -> Vec<Request> {
    (0..asked.count).map(|number| question(asked, number, vocabulary.max(1))).collect()
}

fn question(asked: Questions, number: usize, vocabulary: usize) -> Request {
    let longest = asked.longest.max(16);
    let shares = number % 2 == 1;
    let length = if shares { longest - number * 5 % (longest / 4) } else { 1 + number * 29 % longest };
    let shared = if shares { longest * 3 / 4 } else { 0 };
    let token = |at: usize| {
        let own = if at < shared { 0 } else { number };
        (own * 7 + at % (3 + own % 5) * 31 + at / 40) % vocabulary
    };
    Request {
        prompt: (0..length).map(|at| u32::try_from(token(at)).unwrap_or_default()).collect(),
        parameters: settings(number),
        end_tokens: BTreeSet::new(),
        max_tokens: Some(4 + number * 3 % (asked.answer.max(4) - 3)),
        prefill_chunk: 1,
        all_logits: number < asked.whole,
    }
}

fn settings(number: usize) -> Parameters {
    let sampled = Parameters { temperature: 1.0, seed: 17 * number as u64, ..Parameters::default() };
    match number % 4 {
        0 => Parameters::greedy(),
        1 => sampled,
        2 => Parameters { repetition_penalty: 1.3, presence_penalty: 0.5, repeat_last_n: -1, ..sampled },
        _ => Parameters { dry: Dry { multiplier: 2.0, ..Dry::default() }, ..sampled },
    }
}
