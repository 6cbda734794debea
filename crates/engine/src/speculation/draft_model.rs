//! Guesses of a smaller model with the same vocabulary, for many sequences at once.

use crate::sampling::{History, Parameters, Scratch, sample};
use crate::scheduler::memory::{Domain, Memory, Table, Wanted};
use crate::scheduler::{ForwardMany, Key};
use hefu_numerics::device::{Batch, Span};
use std::collections::BTreeMap;

/// Tokens of one forward pass while the draft model catches up with texts.
const CATCH_UP: usize = 512;

/// A smaller model that follows answers. It chooses its guesses by the settings and the random numbers of each answer
/// itself, so that the nearer its logits are to those of the large model, the more of its choices are the same.
#[derive(Debug)]
pub(crate) struct DraftModel<M> {
    model: M,
    memory: Memory,
    texts: BTreeMap<Key, Text>,
    scratch: Scratch,
}

/// State of one sequence.
#[derive(Debug)]
struct Text {
    history: History,
    table: Table,
    /// Tokens in the cache.
    cached: usize,
}

/// One sequence for which guesses are wanted.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) key: Key,
    /// Domain whose cached beginnings may be used.
    pub(crate) domain: Domain,
    /// Prompt and answer so far.
    pub(crate) tokens: &'a [u32],
    /// Settings by which the answer's tokens are chosen.
    pub(crate) parameters: &'a Parameters,
    /// Most guesses.
    pub(crate) most: usize,
    /// The guesses; none is a valid answer, also to every fault.
    pub(crate) guesses: &'a mut Vec<u32>,
}

impl<M: ForwardMany> DraftModel<M> {
    pub(crate) fn new(model: M) -> Self {
        let memory = Memory::new(model.pages(), model.page(), model.slots(), true);
        Self { model, memory, texts: BTreeMap::new(), scratch: Scratch::default() }
    }

    /// A sequence is over, or interrupted.
    pub(crate) fn forget(&mut self, key: Key) {
        if let Some(text) = self.texts.remove(&key) {
            self.memory.close(text.table, text.history.tokens(), text.cached);
        }
    }

    /// Guesses for each of these. Texts that the model is far behind are caught up with first, in parts, and have no
    /// guesses until then.
    pub(crate) fn draft(&mut self, asks: &mut [Ask<'_>]) {
        let mut left = CATCH_UP;
        for ask in asks.iter() {
            self.follow(ask);
        }
        for round in 0..asks.iter().map(|ask| ask.most).max().unwrap_or(0) {
            let mut keys: Vec<usize> = Vec::new();
            let mut counts: Vec<usize> = Vec::new();
            for (index, ask) in asks.iter().enumerate() {
                // A text without the guess of the round before has come to an end.
                if ask.most > round && ask.guesses.len() == round && (round == 0 || self.memory.has_free_slot()) {
                    let count = self.ready(ask.key, left.max(1));
                    if count > 0 {
                        left = left.saturating_sub(count);
                        keys.push(index);
                        counts.push(count);
                    }
                }
            }
            if keys.is_empty() || !self.step(asks, &keys, &counts) {
                return;
            }
        }
    }

    /// Brings what is known of a text up to date.
    fn follow(&mut self, ask: &Ask<'_>) {
        let (known, least) = (self.model.vocabulary(), ask.tokens.len().saturating_sub(1));
        if ask.parameters.validate_tokens(known).is_err() || ask.tokens.iter().any(|&id| id as usize >= known) {
            return self.forget(ask.key);
        }
        self.go_back(ask);
        let Self { model, memory, texts, .. } = self;
        let text = texts.entry(ask.key).or_insert_with(|| {
            let (table, cached) = memory.open(ask.domain, ask.tokens, least, |from, to| model.copy_page(from, to));
            Text { history: History::new(ask.tokens), table, cached }
        });
        let common = text.history.tokens().iter().zip(ask.tokens).take_while(|(a, b)| a == b).count();
        text.history.truncate(common);
        ask.tokens.iter().skip(common).for_each(|&id| text.history.push(id));
        // The last token is computed in any case: its logits are needed.
        text.cached = text.cached.min(common).min(least);
    }

    /// Chooses the recurrent states of a text that were kept before its first wrong guess; without them, it is begun again.
    fn go_back(&mut self, ask: &Ask<'_>) {
        let Some(text) = self.texts.get_mut(&ask.key).filter(|_| self.memory.has_states()) else { return };
        let common = text.history.tokens().iter().zip(ask.tokens).take_while(|(a, b)| a == b).count();
        text.cached = text.cached.min(common).min(ask.tokens.len().saturating_sub(1));
        if !self.memory.choose_states(&mut text.table, text.cached) {
            self.forget(ask.key);
        }
    }

    /// Number of tokens of a text that can be computed now, at most `most`; 0 if there is no room for them.
    fn ready(&mut self, key: Key, most: usize) -> usize {
        let capacity = self.model.capacity();
        let Some(text) = self.texts.get_mut(&key) else { return 0 };
        let length = text.history.tokens().len();
        let end = length.min(text.cached + most);
        if length > capacity || !self.memory.grow(&mut text.table, end) {
            return 0;
        }
        end - text.cached
    }

    /// Takes slots for the recurrent states of a pass: whatever the model goes back to when guesses were wrong is kept.
    fn take_slots(&mut self, asks: &[Ask<'_>], chosen: &[usize], counts: &[usize]) {
        for (&index, &tokens) in chosen.iter().zip(counts) {
            let Some(ask) = asks.get(index) else { continue };
            if let Some(text) = self.texts.get_mut(&ask.key) {
                let retains = text.cached + 1 >= ask.tokens.len();
                let may_step_back = !retains && text.cached + tokens == ask.tokens.len();
                let wanted = Wanted { position: text.cached, tokens, guesses: 0, may_step_back, retains };
                self.memory.prepare(&mut text.table, wanted);
            }
        }
    }

    /// One forward pass for these asks, and the guess of each that is caught up with; false if the model failed.
    fn step(&mut self, asks: &mut [Ask<'_>], chosen: &[usize], counts: &[usize]) -> bool {
        self.take_slots(asks, chosen, counts);
        let groups = self.model.groups();
        let (mut tokens, mut texts) = (Vec::new(), Vec::with_capacity(chosen.len()));
        for (&index, &count) in chosen.iter().zip(counts) {
            let Some(text) = asks.get(index).and_then(|ask| self.texts.get(&ask.key)) else { return false };
            let from = tokens.len();
            tokens.extend(text.history.tokens().iter().skip(text.cached).take(count));
            texts.push((text, from..tokens.len(), vec![text.table.pages(); groups]));
        }
        let spans = texts.iter().map(|(text, rows, tables)| {
            let (position, last) = (text.cached, rows.len().saturating_sub(1)..rows.len());
            Span { rows: rows.clone(), position, wanted: last, tables, slots: text.table.slots(), second: None }
        });
        let spans: Vec<Span<'_>> = spans.collect();
        if self.model.forward(&Batch { tokens: &tokens, spans: &spans, inputs: &[] }).is_err() {
            self.texts.values_mut().for_each(|text| self.memory.abandon(&mut text.table));
            return false;
        }
        for (row, (&index, &count)) in chosen.iter().zip(counts).enumerate() {
            let Some(ask) = asks.get_mut(index) else { continue };
            let Some(text) = self.texts.get_mut(&ask.key) else { continue };
            text.cached += count;
            self.memory.settle(&mut text.table, text.history.tokens(), text.cached);
            self.memory.finish(&mut text.table);
            let certain = ask.tokens.len().saturating_sub(1);
            self.memory.forget_states_before(&mut text.table, text.cached.min(certain));
            if text.cached < text.history.tokens().len() {
                continue;
            }
            let Ok(logits) = self.model.logits(row..row + 1) else { continue };
            let position = text.cached as u64;
            let choice = sample(logits.values, &text.history, ask.parameters, position, &mut self.scratch);
            if let Ok(choice) = choice {
                text.history.push(choice.id);
                ask.guesses.push(choice.id);
            }
        }
        true
    }
}
