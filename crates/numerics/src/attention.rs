//! What attention is asked for.

use crate::kv::LayerCache;

/// Positions per segment: partial sums are cut at absolute multiples of this, whatever was prefilled, cached or paged
/// how (clause A).
pub const SEGMENT: usize = 512;

/// A run of consecutive tokens of one sequence among the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// First row of the batch.
    pub row: usize,
    /// Rows.
    pub tokens: usize,
    /// Position in its sequence of the first row.
    pub position: usize,
    /// The sequence's pages in order; they hold all positions up to the last row's.
    pub pages: &'a [u32],
}

/// One layer's attention for a batch of queries; keys and values of all their positions are in the cache already.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// `[rows][heads][key_size]`.
    pub queries: &'a [f32],
    /// Query heads; a multiple of the cache's heads: query head `h` reads key-value head `h / (heads / kv heads)`.
    pub heads: usize,
    /// Factor of every score.
    pub scale: f32,
    /// A query at position `p` sees positions from `p + 1 - window` on (all from 0 where `None`) up to `p`; in a whole text
    /// (clause A7), those at most `window` away, or all.
    pub window: Option<usize>,
    /// Whether a text is read as a whole.
    pub is_whole: bool,
    /// Scores `s` become `cap * tanh(s / cap)` (clause A5).
    pub cap: Option<f32>,
    /// `[heads]`: scores that belong to no position (clause A6).
    pub sinks: Option<&'a [f32]>,
    /// Keys and values.
    pub cache: &'a LayerCache,
    /// The batch's rows, in ascending order of row, without gaps.
    pub spans: &'a [Span<'a>],
}

impl Attention<'_> {
    /// First position that a query at `position` sees.
    pub fn first_visible(&self, position: usize) -> usize {
        let ahead = if self.is_whole { position } else { position + 1 };
        self.window.map_or(0, |window| ahead.saturating_sub(window))
    }

    /// Last position that a query at `position` of a span sees.
    pub fn last_visible(&self, span: &Span<'_>, position: usize) -> usize {
        if !self.is_whole {
            return position;
        }
        let last = span.position + span.tokens - 1;
        self.window.map_or(last, |window| last.min(position.saturating_add(window)))
    }
}
