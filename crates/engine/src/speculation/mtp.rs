//! Guesses of a model's own block that predicts further tokens (multi-token prediction), for many sequences at once.
//!
//! A row of the block belongs to a position of the text: it reads the token of the next position and what the model made of
//! the position itself, its hidden state, and guesses at the token after the next. What the model makes of all positions is
//! taken in as it is computed, so that the block knows the whole text; for guesses after the first, its own hidden states
//! take the place of the model's.

use super::Ask;
use crate::sampling::{History, Scratch, sample};
use crate::scheduler::memory::{Domain, Memory, Table};
use crate::scheduler::{ForwardMany, Key};
use hefu_numerics::device::{Batch, Span};
use std::collections::BTreeMap;
use std::ops::Range;

/// Rows that wait at most, before the block reads them without being asked for guesses.
const WAITING: usize = 64;
/// Rows of one pass that is only to catch up.
const CATCH_UP: usize = 512;
/// Missing hidden states that are taken for zero; where more are missing, the block begins after them.
const MOST_MISSING: usize = 64;

/// The block and what it has read.
#[derive(Debug)]
pub(crate) struct MtpDrafter<M> {
    model: M,
    memory: Memory,
    texts: BTreeMap<Key, Text>,
    scratch: Scratch,
}

/// State of one sequence.
#[derive(Debug)]
struct Text {
    /// Its tokens, and guesses while they are made.
    history: History,
    table: Table,
    /// The position that its first row belongs to.
    first: usize,
    /// Rows in the cache.
    cached: usize,
    /// Hidden states of the positions after those in the cache, `[rows][width]`.
    waiting: Vec<f32>,
    /// The block's own hidden state of the row for the last guess.
    own: Vec<f32>,
    /// Numbers of a hidden state.
    width: usize,
}

impl Text {
    /// The first position whose hidden state is not there yet.
    fn end(&self) -> usize {
        self.first + self.cached + self.waiting.len() / self.width.max(1)
    }

    /// The tokens by which other texts find the rows again; none if the first are missing.
    fn shared(&self) -> &[u32] {
        if self.first == 0 { self.history.tokens().get(1..).unwrap_or_default() } else { &[] }
    }

    /// Has all tokens up to now, and no guesses.
    fn follow(&mut self, tokens: &[u32]) {
        let common = self.history.tokens().iter().zip(tokens).take_while(|(a, b)| a == b).count();
        self.history.truncate(common);
        tokens.iter().skip(common).for_each(|&id| self.history.push(id));
    }
}

/// One sequence's part of a pass of the block.
struct Part {
    key: Key,
    /// Rows of the pass.
    rows: Range<usize>,
    /// Rows before them in the cache.
    position: usize,
}

impl<M: ForwardMany> MtpDrafter<M> {
    pub(crate) fn new(model: M) -> Self {
        let memory = Memory::new(model.pages(), model.page(), None, true);
        Self { model, memory, texts: BTreeMap::new(), scratch: Scratch::default() }
    }

    /// Takes in what the model made of some positions of a sequence, from `position` on: `rows` of `width` numbers.
    /// `tokens` are all of its tokens, at least one more than positions.
    pub(crate) fn take_in(
        &mut self,
        (key, domain): (Key, Domain),
        tokens: &[u32],
        position: usize,
        (rows, width): (&[f32], usize),
    ) {
        if self.texts.get(&key).is_some_and(|text| position > text.end() || text.width != width) {
            self.forget(key);
        }
        if !self.texts.contains_key(&key) {
            let text = self.begin(domain, tokens, position, width);
            self.texts.insert(key, text);
        }
        let Some(text) = self.texts.get_mut(&key) else { return };
        let known = text.end().saturating_sub(position).saturating_mul(width);
        text.waiting.extend_from_slice(rows.get(known..).unwrap_or_default());
        text.follow(tokens);
        if text.waiting.len() > WAITING.saturating_mul(width) {
            self.catch_up(key);
        }
    }

    /// Text of which the model computes the positions from `position` on, with what is known of it.
    fn begin(&mut self, domain: Domain, tokens: &[u32], position: usize, width: usize) -> Text {
        let (history, own) = (History::new(tokens), Vec::new());
        let Self { model, memory, .. } = self;
        let shared = tokens.get(1..).unwrap_or_default();
        let (table, cached) = memory.open(domain, shared, position, |from, to| model.copy_page(from, to));
        let missing = position.saturating_sub(cached);
        if missing <= MOST_MISSING {
            return Text { history, table, first: 0, cached, waiting: vec![0.0; missing * width], own, width };
        }
        memory.close(table, &[], 0);
        let (table, _) = memory.open(domain, &[], 0, |from, to| model.copy_page(from, to));
        Text { history, table, first: position, cached: 0, waiting: Vec::new(), own, width }
    }

    /// A sequence is over, or interrupted. What was read of it is kept for texts that begin alike.
    pub(crate) fn forget(&mut self, key: Key) {
        self.catch_up(key);
        if let Some(text) = self.texts.remove(&key) {
            let cached = text.cached;
            let shared = text.shared().to_vec();
            self.memory.close(text.table, &shared, cached);
        }
    }

    /// Has the block read all that waits for one sequence.
    fn catch_up(&mut self, key: Key) {
        while let Some(text) = self.texts.get(&key) {
            let rows = (text.waiting.len() / text.width.max(1)).min(CATCH_UP);
            if rows == 0 || !self.read(&[(key, rows)]) {
                return;
            }
        }
    }

    /// Guesses for each of these whose text the block knows up to its last token but one.
    pub(crate) fn draft(&mut self, asks: &mut [Ask<'_>]) {
        let known = self.model.vocabulary();
        let mut chosen: Vec<usize> = Vec::new();
        for (index, ask) in asks.iter().enumerate() {
            let Some(text) = self.texts.get_mut(&ask.key) else { continue };
            let is_whole = text.end() + 1 == ask.tokens.len() && !text.waiting.is_empty();
            if ask.most > 0 && is_whole && ask.parameters.validate_tokens(known).is_ok() {
                text.follow(ask.tokens);
                chosen.push(index);
            }
        }
        let wanted: Vec<(Key, usize)> = chosen
            .iter()
            .filter_map(|&index| {
                let key = asks.get(index)?.key;
                let text = self.texts.get(&key)?;
                Some((key, text.waiting.len() / text.width.max(1)))
            })
            .collect();
        if wanted.is_empty() || !self.read(&wanted) {
            return;
        }
        for round in 1.. {
            chosen = self.choose(asks, &chosen);
            chosen.retain(|&index| asks.get(index).is_some_and(|ask| ask.most > round));
            if chosen.is_empty() || !self.go_on(asks, &mut chosen) {
                return;
            }
        }
    }

    /// Has the block read so many of the rows that wait for each of these; false if nothing was read. The hidden states of
    /// the last row of each stay where it can be asked for them.
    fn read(&mut self, wanted: &[(Key, usize)]) -> bool {
        let (mut parts, mut tokens, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for &(key, rows) in wanted {
            let Some(text) = self.texts.get_mut(&key) else { continue };
            if !self.memory.grow(&mut text.table, text.cached + rows) {
                // Without room the block begins anew later.
                self.drop_text(key);
                continue;
            }
            let from = tokens.len();
            let next = text.first + text.cached + 1;
            tokens.extend(text.history.tokens().iter().skip(next).take(rows));
            inputs.extend(text.waiting.drain(..rows * text.width));
            parts.push(Part { key, rows: from..from + rows, position: text.cached });
        }
        if parts.len() < wanted.len() || !self.forward(&parts, &tokens, &inputs) {
            wanted.iter().for_each(|(key, _)| self.drop_text(*key));
            return false;
        }
        for Part { key, rows, .. } in parts {
            let Some(text) = self.texts.get_mut(&key) else { continue };
            text.cached += rows.len();
            let shared = if text.first == 0 { text.history.tokens().get(1..).unwrap_or_default() } else { &[] };
            let cached = if text.first == 0 { text.cached } else { 0 };
            self.memory.settle(&mut text.table, shared, cached);
        }
        true
    }

    fn forward(&mut self, parts: &[Part], tokens: &[u32], inputs: &[f32]) -> bool {
        let groups = self.model.groups();
        let texts: Vec<(&Part, Vec<&[u32]>)> = parts
            .iter()
            .filter_map(|part| Some((part, vec![self.texts.get(&part.key)?.table.pages(); groups])))
            .collect();
        let spans = texts.iter().map(|(part, tables)| {
            let last = part.rows.len().saturating_sub(1)..part.rows.len();
            Span { rows: part.rows.clone(), position: part.position, wanted: last, tables, slots: None, second: None }
        });
        let spans: Vec<Span<'_>> = spans.collect();
        self.model.forward(&Batch { tokens, spans: &spans, inputs: &[inputs] }).is_ok()
    }

    /// Chooses the next guess of each of these by the last pass, in which they were in this order; those that have one.
    fn choose(&mut self, asks: &mut [Ask<'_>], chosen: &[usize]) -> Vec<usize> {
        let mut guessed = Vec::new();
        for (row, &index) in chosen.iter().enumerate() {
            let Some(ask) = asks.get_mut(index) else { continue };
            let (Some(text), Ok(logits)) = (self.texts.get_mut(&ask.key), self.model.logits(row..row + 1)) else {
                continue;
            };
            let position = text.history.tokens().len() as u64;
            let choice = sample(logits.values, &text.history, ask.parameters, position, &mut self.scratch);
            let (Ok(choice), Ok(hidden)) = (choice, self.model.hidden(row..row + 1)) else { continue };
            text.history.push(choice.id);
            text.own.clear();
            text.own.extend_from_slice(hidden);
            ask.guesses.push(choice.id);
            guessed.push(index);
        }
        guessed
    }

    /// One more row for each of these, after the guess that was made last; what is written is written again once it is known
    /// which guesses were right. Those for which there is no room have no further guess.
    fn go_on(&mut self, asks: &[Ask<'_>], chosen: &mut Vec<usize>) -> bool {
        let (mut parts, mut tokens, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        chosen.retain(|&index| {
            let Some(ask) = asks.get(index) else { return false };
            let Some(text) = self.texts.get_mut(&ask.key) else { return false };
            let position = text.cached + ask.guesses.len() - 1;
            let is_room = text.history.tokens().len() < self.model.capacity();
            let Some(&last) = text.history.tokens().last() else { return false };
            if !is_room || !self.memory.grow(&mut text.table, position + 1) {
                return false;
            }
            tokens.push(last);
            inputs.append(&mut text.own);
            parts.push(Part { key: ask.key, rows: tokens.len() - 1..tokens.len(), position });
            true
        });
        !parts.is_empty() && self.forward(&parts, &tokens, &inputs)
    }

    /// Forgets a text without keeping anything of it.
    fn drop_text(&mut self, key: Key) {
        if let Some(text) = self.texts.remove(&key) {
            self.memory.close(text.table, &[], 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::request::Request;
    use crate::scheduler::{Event, Job, Limits, Scheduler};
    use crate::sim::fake::{Fake, request};
    use crate::speculation::{Speculation, SpeculationPolicy};
    use std::time::Duration;

    /// Answers to these prompts, two at a time, and the guesses that were computed and right.
    fn answers(prompts: &[Vec<u32>], prefix_reuse: bool, guesses: Option<usize>) -> (Vec<Vec<u32>>, u64, u64) {
        let limits = Limits { step_tokens: 9, running: 2, prefix_reuse, ..Limits::default() };
        let mut scheduler = Scheduler::new(Fake::new(200, 4, 400).sound(), limits);
        if let Some(most) = guesses {
            let block = Fake::new(200, 4, 400).block(u32::MAX);
            scheduler = scheduler.with_speculation(Speculation::mtp(block, SpeculationPolicy::always(most)));
        }
        let mut keys = Vec::new();
        for prompt in prompts {
            let asked = Request { max_tokens: Some(40), prefill_chunk: 7, ..request(prompt) };
            keys.push(scheduler.submit(Job::new(asked), Duration::ZERO).unwrap());
        }
        let mut answers = vec![Vec::new(); prompts.len()];
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                let number = keys.iter().position(|key| *key == update.key).unwrap();
                if let Event::Token(choice) = update.event {
                    answers[number].push(choice.id);
                }
            }
        }
        let statistics = scheduler.statistics();
        (answers, statistics.drafted_tokens, statistics.accepted_tokens)
    }

    #[test]
    fn a_block_that_is_shown_the_right_rows_is_right() {
        let long: Vec<u32> = (0..90).map(|at| at * 7 % 10).collect();
        let prompts = vec![vec![1, 2, 3], long.clone(), vec![4], [&long[..60], &[1, 1, 2]].concat(), vec![5, 6]];
        let (expected, ..) = answers(&prompts, false, None);
        for most in [1, 4] {
            let (found, drafted, accepted) = answers(&prompts, false, Some(most));
            assert_eq!(found, expected);
            // At the end of an answer there may be guesses too many.
            assert!(drafted > 50 && drafted - accepted <= 5 * most as u64, "{accepted} of {drafted}");
        }
    }

    #[test]
    fn what_was_read_of_a_text_serves_one_that_begins_alike() {
        let long: Vec<u32> = (0..90).map(|at| at * 7 % 10).collect();
        let prompts: Vec<Vec<u32>> = (1..6).map(|end| [&long[..], &[end, end + 1]].concat()).collect();
        let (expected, ..) = answers(&prompts, false, None);
        let (found, drafted, accepted) = answers(&prompts, true, Some(3));
        assert_eq!(found, expected);
        // A row is missing where a text goes on from the cache; the block guesses all the same.
        assert!(drafted > 50 && accepted > 0, "{accepted} of {drafted}");
    }
}
