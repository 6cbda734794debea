//! A loaded model with the caches of many sequences, which share its pages.

use super::{ForwardMany, Logits, Part};
use hefu_numerics::device::{Batch, Error, Executable, Model, Size, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::Entry;
use std::ops::Range;

/// Runs a model on many sequences.
pub struct Paged {
    model: Model,
    executable: Box<dyn Executable>,
    capacity: usize,
}

impl Paged {
    /// No sequences, with `pages` pages of [`PAGE`] positions for all of them, each of which can have `capacity`
    /// positions, at most the model's context.
    ///
    /// # Errors
    /// [`Error::Context`] for no position or more than the model has, others if the cache is too large.
    pub fn new(model: &Model, capacity: usize, pages: usize) -> Result<Self, Error> {
        let allowed = model.program.context;
        if capacity == 0 || capacity > allowed {
            return Err(Error::Context { asked: capacity, allowed });
        }
        let executable = model.compile(&Size::of_pages(pages))?;
        Ok(Self { model: model.clone(), executable, capacity })
    }

    /// The program on its device.
    pub fn executable(&mut self) -> &mut dyn Executable {
        &mut *self.executable
    }
}

impl ForwardMany for Paged {
    type Error = Error;

    fn vocabulary(&self) -> usize {
        self.model.program.vocabulary
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn page(&self) -> usize {
        PAGE
    }

    fn pages(&self) -> usize {
        self.executable.pages()
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Error> {
        (0..self.model.program.groups()).try_for_each(|group| self.executable.copy_page(group, from, to))
    }

    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Error> {
        let groups = self.model.program.groups();
        let tokens: Vec<u32> = parts.iter().flat_map(|part| part.tokens).copied().collect();
        // Pages of all groups have the same numbers.
        let tables: Vec<&[u32]> = parts.iter().flat_map(|part| std::iter::repeat_n(part.pages, groups)).collect();
        let mut row = 0;
        let span = |(index, part): (usize, &Part<'_>)| {
            let rows = row..row + part.tokens.len();
            row = rows.end;
            let wanted = part.tokens.len().saturating_sub(part.rows)..part.tokens.len();
            let tables = tables.get(index * groups..(index + 1) * groups).unwrap_or_default();
            Span { rows, position: part.position, wanted, tables, slots: None }
        };
        let spans: Vec<Span<'_>> = parts.iter().enumerate().map(span).collect();
        self.executable.run(&Batch { tokens: &tokens, spans: &spans, inputs: &[] })
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Error> {
        let values = self.executable.head(Entry::Logits, rows)?;
        Ok(Logits { values, team: self.model.device.team() })
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.executable.head(Entry::Hidden, rows)
    }
}

impl std::fmt::Debug for Paged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paged({} pages)", self.executable.pages())
    }
}
