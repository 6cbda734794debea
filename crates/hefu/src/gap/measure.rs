//! Runs the model in rounds, with the machine's limits sampled in between.

use super::ceilings::{Ceilings, Sampler};
use super::placed::{Placed, fault};
use super::probe::{Probe, Total};
use crate::failure::Failure;
use hefu_engine::scheduler::{ForwardMany, Paged, ROWS_AT_ONCE};
use hefu_numerics::device::{Batch, Error, Model, Slots, Span};
use hefu_numerics::kv::PAGE;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One run of a phase.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// From the first token to the last logits.
    pub(crate) time: Duration,
    /// Totals noted meanwhile.
    pub(crate) totals: Vec<Total>,
}

/// A prefill and a decode, and what the machine could do meanwhile; none of a phase without tokens.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// By part of the model.
    pub(crate) limits: Vec<Ceilings>,
    pub(crate) prefill: Option<Run>,
    pub(crate) decode: Option<Run>,
}

/// Work that the model is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Tokens of the prompt.
    pub(crate) prompt: usize,
    /// Tokens of the prompt that are computed at once.
    pub(crate) chunk: usize,
    /// Steps after it, each of one token of every sequence.
    pub(crate) steps: usize,
    /// Sequences that are decoded at once, at least 1.
    pub(crate) sequences: usize,
    /// Rounds are repeated until this much time has passed.
    pub(crate) enough: Duration,
    /// Most rounds that are measured, after one to warm up.
    pub(crate) most_rounds: usize,
}

impl Load {
    /// Positions of each sequence.
    pub(crate) fn positions(&self) -> usize {
        self.prompt + self.steps
    }

    /// Pages of all sequences.
    pub(crate) fn pages(&self) -> usize {
        self.positions().div_ceil(PAGE).saturating_mul(self.sequences)
    }
}

/// Measures the model, and the devices that compute it meanwhile. Before each step `goes_on` is told the number of the
/// round; nothing is measured if it says no.
///
/// # Errors
/// If there is no memory to read or for the caches, or the model or a device fails.
pub(crate) fn measure(
    model: &Model,
    devices: &[Placed],
    load: Load,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<Round>>, Failure> {
    let all = tokens(load.positions(), model.program.vocabulary);
    let (prompt, steps) = all.split_at(load.prompt.min(all.len()));
    let mut sampler = Sampler::new(devices, model.weights.bytes() as u64)?;
    let mut sequences = Sequences::new(model, &load)?;
    let probe = Arc::new(Probe::default());
    sequences.paged.executable().observe(Some(Arc::clone(&probe) as _));
    let mut rounds = Vec::new();
    let started = Instant::now();
    for index in 0..=load.most_rounds {
        if !goes_on(index) {
            return Ok(None);
        }
        probe.take();
        let time = timed(|| sequences.prefill(prompt, load.chunk))?;
        let prefill = Run { time, totals: probe.take() };
        sequences.share().map_err(fault)?;
        let mut time = Duration::ZERO;
        for (step, token) in steps.iter().enumerate() {
            time += timed(|| sequences.step(prompt.len() + step, token))?;
            sampler.read()?;
            if !goes_on(index) {
                return Ok(None);
            }
        }
        let decode = Run { time, totals: probe.take() };
        let limits = sampler.finish_round()?;
        // The first round warms caches and buffers.
        if index > 0 {
            rounds.push(Round {
                limits,
                prefill: Some(prefill).filter(|_| !prompt.is_empty()),
                decode: Some(decode).filter(|_| !steps.is_empty()),
            });
            if started.elapsed() > load.enough {
                break;
            }
        }
    }
    Ok(Some(rounds))
}

/// Tokens from all over the vocabulary, the same at every run (a multiplicative sequence; the constant is the golden
/// ratio's fraction of 2^32).
pub(crate) fn tokens(count: usize, vocabulary: usize) -> Vec<u32> {
    let vocabulary = u64::try_from(vocabulary).unwrap_or(u64::MAX).clamp(1, 1 << 31);
    let token = |index: u32| (u64::from(index.wrapping_mul(0x9E37_79B9)) * vocabulary) >> 32;
    (1_u32..).take(count).map(|index| token(index) as u32).collect()
}

fn timed(work: impl FnOnce() -> Result<(), Error>) -> Result<Duration, Failure> {
    let started = Instant::now();
    work().map_err(fault)?;
    Ok(started.elapsed())
}

/// The model with the pages of all sequences.
struct Sequences {
    paged: Paged,
    /// The pages of each.
    tables: Vec<Vec<u32>>,
    /// True if the recurrent states of each, if there are some, lie in its own slot; before, they are the prompt's,
    /// in a slot after all others.
    is_begun: bool,
}

impl Sequences {
    fn new(model: &Model, load: &Load) -> Result<Self, Failure> {
        let (capacity, pages) = (load.positions(), load.pages());
        let each = capacity.div_ceil(PAGE);
        let paged = Paged::new(model, capacity, pages, load.sequences).map_err(fault)?;
        let all: Vec<u32> = (0..).take(pages).collect();
        Ok(Self { paged, tables: all.chunks(each).map(<[u32]>::to_vec).collect(), is_begun: false })
    }

    /// The prompt of the first sequence in chunks, with the logits of its last token.
    fn prefill(&mut self, prompt: &[u32], chunk: usize) -> Result<(), Error> {
        let (mut position, write) = (0, self.tables.len() as u32);
        for tokens in prompt.chunks(chunk) {
            let rows = usize::from(position + tokens.len() == prompt.len());
            let read = (position > 0).then_some(write);
            let slots = self.paged.slots().map(|_| Slots { read, write, keep: &[] });
            let tables = vec![&self.tables[0][..]; self.paged.groups()];
            let (all, wanted) = (0..tokens.len(), tokens.len() - rows..tokens.len());
            let span = Span { rows: all, position, wanted, tables: &tables, slots, second: None };
            self.paged.forward(&Batch { tokens, spans: &[span], inputs: &[] })?;
            position += tokens.len();
        }
        if position > 0 {
            self.paged.logits(0..1)?;
        }
        Ok(())
    }

    /// Gives every other sequence the prompt of the first.
    fn share(&mut self) -> Result<(), Error> {
        self.is_begun = false;
        let Some((first, others)) = self.tables.split_first() else { return Ok(()) };
        for table in others {
            first.iter().zip(table).try_for_each(|(&from, &to)| self.paged.copy_page(from, to))?;
        }
        Ok(())
    }

    /// One token of each sequence at `position`, with its logits.
    fn step(&mut self, position: usize, token: &u32) -> Result<(), Error> {
        let (has_slots, prompt) = (self.paged.slots().is_some(), self.tables.len() as u32);
        let begun = (position > 0).then_some(prompt);
        let is_begun = self.is_begun;
        let slots = |write: u32| Slots { read: if is_begun { Some(write) } else { begun }, write, keep: &[] };
        let (count, groups) = (self.tables.len(), self.paged.groups());
        let tables: Vec<Vec<&[u32]>> = self.tables.iter().map(|pages| vec![&pages[..]; groups]).collect();
        let spans = tables.iter().enumerate().map(|(row, tables)| {
            let slots = has_slots.then(|| slots(row as u32));
            Span { rows: row..row + 1, position, wanted: 0..1, tables, slots, second: None }
        });
        let spans: Vec<Span<'_>> = spans.collect();
        self.paged.forward(&Batch { tokens: &vec![*token; count], spans: &spans, inputs: &[] })?;
        self.is_begun = true;
        for row in (0..count).step_by(ROWS_AT_ONCE) {
            self.paged.logits(row..count.min(row + ROWS_AT_ONCE))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_in_the_vocabulary_and_many() {
        let all = tokens(512, 151_936);
        assert!(all.iter().all(|&token| token < 151_936));
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert!(different.len() > 500);
        assert_eq!(tokens(3, 1), [0, 0, 0]);
    }
}
