//! A loaded model with the caches of many sequences, which share its pages.

use super::{ForwardMany, Logits, Part};
use hefu_model::{Cache, Chunk, Error, Model, State};
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::Team;
use std::ops::Range;

/// Runs a model on many sequences.
pub struct Paged<'m> {
    model: &'m Model,
    team: &'m dyn Team,
    state: State,
    cache: Cache,
    capacity: usize,
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
        Ok(Self { model, team, state: State::new(), cache, capacity })
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

    fn page(&self) -> usize {
        PAGE
    }

    fn pages(&self) -> usize {
        self.cache.pages()
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Error> {
        self.cache.copy_page(from, to)
    }

    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Error> {
        let chunks: Vec<Chunk<'_>> = parts
            .iter()
            .map(|part| Chunk {
                tokens: part.tokens,
                position: part.position,
                pages: part.pages,
                wanted: part.tokens.len().saturating_sub(part.rows)..part.tokens.len(),
            })
            .collect();
        self.model.forward(self.team, &mut self.state, &mut self.cache, &chunks)?;
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Error> {
        let values = self.model.logits(self.team, &mut self.state, rows)?;
        Ok(Logits { values, team: self.team })
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.model.hidden(self.team, &mut self.state, rows)
    }
}

impl std::fmt::Debug for Paged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paged({} pages)", self.cache.pages())
    }
}
