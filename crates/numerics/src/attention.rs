//! Arguments of attention.

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
    /// True if a text is read as a whole.
    pub is_whole: bool,
    /// Scores `s` become `cap * tanh(s / cap)` (clause A5).
    pub cap: Option<f32>,
    /// `[heads]`: scores that belong to no position (clause A6).
    pub sinks: Option<&'a [f32]>,
    /// `[heads]`: what scores lose for each position of distance (clause A8).
    pub slopes: Option<&'a [f32]>,
    /// Keys and values.
    pub cache: &'a LayerCache,
    /// The batch's rows, in ascending order of row, without gaps.
    pub spans: &'a [Span<'a>],
}

/// The slopes of `heads` heads (clause A8; Press et al., arXiv 2108.12409): powers of two of evenly spaced exponents down to
/// `-greatest` for as many heads as the largest power of two, and those between for the rest.
pub fn slopes(heads: usize, greatest: f32) -> Vec<f32> {
    let whole = 1usize << heads.max(1).ilog2();
    let greatest = f64::from(greatest);
    let exponent = |head: usize| match head < whole {
        true => -greatest * (head + 1) as f64 / whole as f64,
        false => -greatest * (2 * (head - whole) + 1) as f64 / (2 * whole) as f64,
    };
    (0..heads).map(|head| libm::pow(2.0, exponent(head)) as f32).collect()
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
