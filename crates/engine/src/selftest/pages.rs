//! The pages of a model as larger ones, in another order.

use super::Layout;
use crate::scheduler::{ForwardMany, Logits, Paged, SlotPool};
use hefu_numerics::device::{Batch, Error, Span};
use std::ops::Range;

/// A model whose pages are laid out as asked for: what the scheduler takes for page `p` of `factor` times the size are
/// `factor` pages of the model, anywhere in its cache.
#[derive(Debug)]
pub(super) struct Laid {
    model: Paged,
    layout: Layout,
    factor: usize,
}

impl Laid {
    pub(super) fn new(model: Paged, layout: Layout) -> Self {
        let factor = (layout.page() / model.page()).max(1);
        Self { model, layout, factor }
    }

    /// The model's pages that make up a page.
    fn places(&self, page: u32) -> impl Iterator<Item = u32> {
        let (factor, total, layout) = (self.factor as u32, self.model.pages() as u32, self.layout);
        (0..factor).map(move |index| {
            let place = page.saturating_mul(factor).saturating_add(index);
            // Even ones first, from the end: no two stay neighbours.
            let is_known = layout == Layout::Scattered && place < total;
            let evens = total.div_ceil(2);
            match is_known {
                false => place,
                true if place % 2 == 0 => total - 1 - place / 2,
                true => total - 1 - evens - place / 2,
            }
        })
    }
}

impl ForwardMany for Laid {
    type Error = Error;

    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }

    fn capacity(&self) -> usize {
        self.model.capacity()
    }

    fn page(&self) -> usize {
        self.model.page() * self.factor
    }

    fn pages(&self) -> usize {
        self.model.pages() / self.factor
    }

    fn slots(&self) -> Option<SlotPool> {
        let pool = self.model.slots()?;
        Some(SlotPool { snapshot_pages: pool.snapshot_pages.div_ceil(self.factor), ..pool })
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Error> {
        let pairs: Vec<(u32, u32)> = self.places(from).zip(self.places(to)).collect();
        pairs.into_iter().try_for_each(|(from, to)| self.model.copy_page(from, to))
    }

    fn forward(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let places = |table: &&[u32]| table.iter().flat_map(|page| self.places(*page)).collect::<Vec<u32>>();
        let laid: Vec<Vec<Vec<u32>>> =
            batch.spans.iter().map(|span| span.tables.iter().map(places).collect()).collect();
        let tables: Vec<Vec<&[u32]>> = laid.iter().map(|span| span.iter().map(Vec::as_slice).collect()).collect();
        let spans = batch.spans.iter().zip(&tables).map(|(span, tables)| Span { tables, ..span.clone() });
        let spans: Vec<Span<'_>> = spans.collect();
        self.model.forward(&Batch { spans: &spans, ..*batch })
    }

    fn groups(&self) -> usize {
        self.model.groups()
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Error> {
        self.model.logits(rows)
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.model.hidden(rows)
    }
}
