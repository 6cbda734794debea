//! Runs the model in rounds, with the machine's limits sampled in between.

use super::ceilings::{Ceilings, Rates, Sampler, rates};
use super::probe::{Probe, Total};
use crate::commands::bench::{fits, tokens};
use crate::failure::Failure;
use crate::load::Loaded;
use crate::progress::{Meter, Unit};
use hefu_cpu::limits::Peaks;
use hefu_engine::scheduler::{ForwardMany, Paged, ROWS_AT_ONCE};
use hefu_numerics::device::{Batch, Error, Slots, Span};
use hefu_numerics::kv::PAGE;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds are repeated until this much time has passed.
const ENOUGH: Duration = Duration::from_secs(6);
/// Most rounds that are measured, after one to warm up.
const MOST_ROUNDS: usize = 5;

/// One run of a phase.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// From the first token to the last logits.
    pub(super) time: Duration,
    /// Totals noted meanwhile.
    pub(super) totals: Vec<Total>,
}

/// A prefill and a decode, and what the machine could do meanwhile; none of a phase without tokens.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) limits: Ceilings,
    pub(super) prefill: Option<Run>,
    pub(super) decode: Option<Run>,
}

/// Everything measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) rates: Vec<Rates>,
    pub(super) rounds: Vec<Round>,
}

/// Work that the model is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Tokens of the prompt.
    pub(super) prompt: usize,
    /// Tokens of the prompt that are computed at once.
    pub(super) chunk: usize,
    /// Steps after it, each of one token of every sequence.
    pub(super) steps: usize,
    /// Sequences that are decoded at once, at least 1.
    pub(super) sequences: usize,
}

/// Measures machine and model.
///
/// # Errors
/// If there is no memory to read or for the caches, or the model fails.
pub(super) fn measure(loaded: &Loaded, peaks: &'static Peaks, load: Load) -> Result<Measured, Failure> {
    let vocabulary = loaded.model.program.vocabulary;
    let all = tokens(load.prompt + load.steps, vocabulary);
    let (prompt, steps) = all.split_at(load.prompt.min(all.len()));
    let mut meter = Meter::new("measuring", Unit::Count);
    let rates = rates(peaks, &*loaded.pool)?;
    let mut sampler = Sampler::new(peaks, &*loaded.pool, loaded.model.weights.bytes() as u64)?;
    let mut sequences = Sequences::new(loaded, &load)?;
    let probe = Arc::new(Probe::default());
    sequences.paged.executable().observe(Some(Arc::clone(&probe) as _));
    let mut rounds = Vec::new();
    let started = Instant::now();
    for index in 0..=MOST_ROUNDS {
        meter.set(index as u64, Some(MOST_ROUNDS as u64 + 1));
        probe.take();
        let time = timed(|| sequences.prefill(prompt, load.chunk))?;
        let prefill = Run { time, totals: probe.take() };
        sequences.share().map_err(fault)?;
        let mut time = Duration::ZERO;
        for (step, token) in steps.iter().enumerate() {
            time += timed(|| sequences.step(prompt.len() + step, token))?;
            sampler.read();
        }
        let decode = Run { time, totals: probe.take() };
        let limits = sampler.finish_round();
        // The first round warms caches and buffers.
        if index > 0 {
            rounds.push(Round {
                limits,
                prefill: Some(prefill).filter(|_| !prompt.is_empty()),
                decode: Some(decode).filter(|_| !steps.is_empty()),
            });
            if started.elapsed() > ENOUGH {
                break;
            }
        }
    }
    Ok(Measured { rates, rounds })
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
    fn new(loaded: &Loaded, load: &Load) -> Result<Self, Failure> {
        let capacity = load.prompt + load.steps;
        let each = capacity.div_ceil(PAGE);
        let pages = each.saturating_mul(load.sequences);
        fits(loaded, load.sequences, pages)?;
        let paged = Paged::new(&loaded.model, capacity, pages, load.sequences).map_err(fault)?;
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

fn fault(error: Error) -> Failure {
    Failure::Other(error.to_string())
}
