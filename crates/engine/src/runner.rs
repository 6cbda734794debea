//! A loaded model with the cache of one sequence.

use crate::forward::Forward;
use hefu_model::{Cache, Chunk, Error, Model, PagePool, State};
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::Team;
use std::ops::Range;

/// Runs a model on one sequence.
pub struct Runner<'m> {
    model: &'m Model,
    team: &'m dyn Team,
    state: State,
    cache: Cache,
    pages: Vec<u32>,
    length: usize,
    capacity: usize,
}

impl<'m> Runner<'m> {
    /// An empty sequence with room for `capacity` positions, at most the model's context.
    ///
    /// # Errors
    /// [`Error::Context`] for no position or more than the model has, others if the cache is too large.
    pub fn new(model: &'m Model, team: &'m dyn Team, capacity: usize) -> Result<Self, Error> {
        if capacity == 0 || capacity > model.context() {
            return Err(Error::Context { asked: capacity, allowed: model.context() });
        }
        let cache = Cache::new(model.config(), capacity.div_ceil(PAGE))?;
        let mut pages = Vec::new();
        PagePool::new(&cache).grow(&mut pages, capacity)?;
        Ok(Self { model, team, state: State::new(), cache, pages, length: 0, capacity })
    }
}

impl Forward for Runner<'_> {
    type Error = Error;

    fn vocabulary(&self) -> usize {
        self.model.config().vocabulary
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    fn forward(&mut self, tokens: &[u32], rows: usize) -> Result<(), Error> {
        let end = self.length.saturating_add(tokens.len());
        if end > self.capacity {
            let problem = format!("it reaches position {end}, but the cache holds {}", self.capacity);
            return Err(Error::BadBatch { problem });
        }
        let wanted = tokens.len().saturating_sub(rows)..tokens.len();
        let chunk = Chunk { tokens, position: self.length, pages: &self.pages, wanted };
        self.model.forward(self.team, &mut self.state, &mut self.cache, &[chunk])?;
        self.length = end;
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.model.logits(self.team, &mut self.state, rows)
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runner({} of {} positions)", self.length, self.capacity)
    }
}
