//! A loaded model with the caches of many sequences, which share its pages.

use super::{ForwardMany, Part};
use hefu_model::{Cache, Chunk, Error, Model, PagePool, State};
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::Team;
use std::ops::Range;

/// Runs a model on many sequences. Each has as many pages as its length takes, in no particular place.
pub struct Paged<'m> {
    model: &'m Model,
    team: &'m dyn Team,
    state: State,
    cache: Cache,
    pool: PagePool,
    /// By number.
    sequences: Vec<Sequence>,
    capacity: usize,
}

/// The pages of a sequence in order, and its length in positions.
#[derive(Debug, Default)]
struct Sequence {
    pages: Vec<u32>,
    length: usize,
}

impl<'m> Paged<'m> {
    /// No sequences, with `pages` pages of [`PAGE`] positions for all of them, each of which can have `capacity`
    /// positions, at most the model's context.
    ///
    /// # Errors
    /// [`Error::Context`] for no position or more than the model has, others if the cache is too large.
    pub fn new(model: &'m Model, team: &'m dyn Team, capacity: usize, pages: usize) -> Result<Self, Error> {
        if capacity == 0 || capacity > model.context() {
            return Err(Error::Context { asked: capacity, allowed: model.context() });
        }
        let cache = Cache::new(model.config(), pages)?;
        let pool = PagePool::new(&cache);
        Ok(Self { model, team, state: State::new(), cache, pool, sequences: Vec::new(), capacity })
    }

    /// How many pages are free.
    pub fn free_pages(&self) -> usize {
        self.pool.free()
    }

    /// The numbers of a sequence's pages, in order.
    pub fn pages(&self, sequence: usize) -> &[u32] {
        self.sequences.get(sequence).map_or(&[], |sequence| &sequence.pages)
    }

    /// Takes the pages that a part needs.
    fn grow(&mut self, part: &Part<'_>) -> Result<(), Error> {
        if self.sequences.len() <= part.sequence {
            self.sequences.resize_with(part.sequence + 1, Sequence::default);
        }
        let Some(sequence) = self.sequences.get_mut(part.sequence) else { return Ok(()) };
        let end = sequence.length.saturating_add(part.tokens.len());
        if end > self.capacity {
            let problem = format!("it reaches position {end}, but a sequence has at most {}", self.capacity);
            return Err(Error::BadBatch { problem });
        }
        self.pool.grow(&mut sequence.pages, end)
    }

    /// Gives back the pages that hold nothing of a sequence.
    fn shrink(&mut self, sequence: usize) {
        let Some(sequence) = self.sequences.get_mut(sequence) else { return };
        let needed = sequence.length.div_ceil(PAGE);
        if needed < sequence.pages.len() {
            self.pool.release(&mut sequence.pages.split_off(needed));
        }
    }
}

impl ForwardMany for Paged<'_> {
    type Error = Error;

    fn vocabulary(&self) -> usize {
        self.model.config().vocabulary
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn truncate(&mut self, sequence: usize, length: usize) {
        if let Some(found) = self.sequences.get_mut(sequence) {
            found.length = found.length.min(length);
        }
        self.shrink(sequence);
    }

    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Error> {
        let grown = parts.iter().try_for_each(|part| self.grow(part));
        let done = grown.and_then(|()| {
            let chunks: Vec<Chunk<'_>> = parts
                .iter()
                .map(|part| (part, self.sequences.get(part.sequence)))
                .map(|(part, sequence)| Chunk {
                    tokens: part.tokens,
                    position: sequence.map_or(0, |sequence| sequence.length),
                    pages: sequence.map_or(&[], |sequence| &sequence.pages),
                    wanted: part.tokens.len().saturating_sub(part.rows)..part.tokens.len(),
                })
                .collect();
            self.model.forward(self.team, &mut self.state, &mut self.cache, &chunks)
        });
        for part in parts {
            match self.sequences.get_mut(part.sequence) {
                Some(sequence) if done.is_ok() => sequence.length += part.tokens.len(),
                _ => self.shrink(part.sequence),
            }
        }
        done.map(|_| ())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.model.logits(self.team, &mut self.state, rows)
    }
}

impl std::fmt::Debug for Paged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paged({} of {} pages free)", self.pool.free(), self.cache.pages())
    }
}
