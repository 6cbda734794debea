//! The rows of a batch, and those of them that are wanted.

use std::ops::Range;

use hefu_numerics::attention;
use hefu_numerics::device::{Batch, Span};
use hefu_numerics::program::{Rows, Value};

/// Rows that steps work on.
pub(in crate::device) struct Rowset<'a> {
    pub(in crate::device) batch: Batch<'a>,
    /// All rows.
    pub(in crate::device) rows: usize,
    /// The wanted ones, ascending.
    pub(in crate::device) wanted: Vec<usize>,
    /// Where the sequence of each wanted or other row is; by group of states, of all rows and of the wanted ones.
    spans: Vec<[Vec<attention::Span<'a>>; 2]>,
    /// In a head: the value that the body gives, and its first row.
    given: Option<(Value, usize)>,
}

impl<'a> Rowset<'a> {
    /// The rows of a batch that was checked.
    pub(in crate::device) fn new(batch: &Batch<'a>) -> Self {
        let wanted = batch.spans.iter().flat_map(|span| absolute(span, &span.wanted)).collect();
        let groups = batch.spans.first().map_or(0, |span| span.tables.len());
        let spans = (0..groups).map(|group| {
            let all = spans_of(batch.spans, group, |span| 0..span.rows.len());
            [all, spans_of(batch.spans, group, |span| span.wanted.clone())]
        });
        Rowset { batch: *batch, rows: batch.tokens.len(), wanted, spans: spans.collect(), given: None }
    }

    /// Some rows of what the body gave.
    pub(in crate::device) fn of_head(given: Value, rows: Range<usize>) -> Self {
        let batch = Batch { tokens: &[], spans: &[], inputs: &[] };
        let wanted = (0..rows.len()).collect();
        Rowset { batch, rows: rows.len(), wanted, spans: Vec::new(), given: Some((given, rows.start)) }
    }

    /// True if these are rows of a head.
    pub(in crate::device) fn is_head(&self) -> bool {
        self.given.is_some()
    }

    /// Their number.
    pub(super) fn count(&self, rows: Rows) -> usize {
        match rows {
            Rows::All => self.rows,
            Rows::Wanted => self.wanted.len(),
        }
    }

    /// Where the rows begin among those of a value.
    pub(super) fn start(&self, value: Value) -> usize {
        self.given.map_or(0, |(given, start)| if given == value { start } else { 0 })
    }

    /// Runs of rows of one sequence.
    pub(super) fn spans(&self, group: u8, rows: Rows) -> &[attention::Span<'a>] {
        &self.spans[usize::from(group)][usize::from(rows == Rows::Wanted)]
    }

    /// Positions of all rows.
    pub(super) fn positions(&self) -> Vec<usize> {
        self.batch.spans.iter().flat_map(|span| span.position..span.position + span.rows.len()).collect()
    }
}

/// Rows of a span as rows of the batch.
fn absolute(span: &Span<'_>, rows: &Range<usize>) -> Range<usize> {
    span.rows.start + rows.start..span.rows.start + rows.end
}

/// Some consecutive rows of each span, which follow each other; spans without any are left out.
fn spans_of<'a>(
    spans: &[Span<'a>],
    group: usize,
    some: impl Fn(&Span<'_>) -> Range<usize>,
) -> Vec<attention::Span<'a>> {
    let mut row = 0;
    let span = |span: &Span<'a>| {
        let some = some(span);
        let position = span.position + some.start;
        let span = attention::Span { row, tokens: some.len(), position, pages: span.tables[group] };
        row += span.tokens;
        (span.tokens > 0).then_some(span)
    };
    spans.iter().filter_map(span).collect()
}
