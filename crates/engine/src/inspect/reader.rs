//! Passes over a text, from an empty cache to its end.

use super::edit::Feeds;
use hefu_numerics::device::{Batch, Error, Executable, Model, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Order, Program, Value};
use std::sync::Arc;

/// Rows of one batch.
pub(super) const ROWS: usize = 128;

/// Consecutive positions that were just computed.
pub struct Pass<'a> {
    executable: &'a mut dyn Executable,
    program: &'a Program,
    /// The first of them.
    pub position: usize,
    /// Their count.
    pub rows: usize,
}

impl Pass<'_> {
    /// Rows of a value, `[rows][ValueSpec::numbers]`.
    ///
    /// # Errors
    /// [`Error::BadBatch`] for a value that was not named.
    pub fn read(&self, value: Value) -> Result<Vec<f32>, Error> {
        let mut numbers = vec![0.0; self.rows * self.program.value(value).numbers()];
        self.executable.read(value, 0..self.rows, &mut numbers)?;
        Ok(numbers)
    }

    /// The logits at one of the positions, counted from the first.
    ///
    /// # Errors
    /// [`Error::NotFinite`], or [`Error::BadBatch`] for a position that is not there.
    pub fn logits(&mut self, row: usize) -> Result<&[f32], Error> {
        self.executable.head(Entry::Logits, row..row + 1)
    }
}

/// A text that is read pass by pass.
pub(super) struct Reader {
    executable: Box<dyn Executable>,
    program: Arc<Program>,
    /// Its pages, in order.
    table: Vec<u32>,
    /// Inputs of the program beside tokens.
    feeds: Feeds,
    /// Positions that are computed.
    done: usize,
}

impl Reader {
    /// For a text of so many tokens; `values` can be read of its passes.
    pub(super) fn new(model: &Model, tokens: usize, values: &[Value], feeds: Feeds) -> Result<Self, Error> {
        let size = size(&model.program, tokens);
        let executable = model.device.compile(&model.program, &model.weights, &size, values)?;
        let table = (0..size.pages as u32).collect();
        Ok(Self { executable, program: Arc::clone(&model.program), table, feeds, done: 0 })
    }

    /// Positions that are computed.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Computes the next positions of the text, at most so many; `None` at its end. A text that is read as a whole is one pass.
    pub(super) fn next(&mut self, tokens: &[u32], most: usize) -> Result<Option<Pass<'_>>, Error> {
        let position = self.done;
        let most = if self.program.order == Order::Whole { tokens.len() } else { most.max(1) };
        let some = tokens.get(position..).unwrap_or_default();
        let some = some.get(..most).unwrap_or(some);
        if some.is_empty() {
            return Ok(None);
        }
        let tables = vec![&self.table[..]; self.program.groups()];
        let span = Span {
            rows: 0..some.len(),
            position,
            // All rows are wanted.
            wanted: 0..some.len(),
            tables: &tables,
            slots: (self.program.slot_numbers() > 0).then_some(Slots {
                read: (position > 0).then_some(0),
                write: 0,
                keep: &[],
            }),
            second: None,
        };
        let inputs = self.feeds.rows(position, some.len());
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        self.executable.run(&Batch { tokens: some, spans: &[span], inputs: &inputs })?;
        self.done += some.len();
        Ok(Some(Pass { executable: &mut *self.executable, program: &self.program, position, rows: some.len() }))
    }
}

/// The states of one text of so many tokens.
pub(super) fn size(program: &Program, tokens: usize) -> Size {
    Size { rows: ROWS.min(tokens.max(1)), head_rows: 1, ..Size::new(program, tokens.div_ceil(PAGE).max(1), 1) }
}

/// Reads `tokens` from an empty cache and shows the positions in order; `values` can be read then.
///
/// # Errors
/// If there is no memory for it, for a token that the model does not have, or what `see` returns.
pub fn inspect(
    model: &Model,
    tokens: &[u32],
    values: &[Value],
    see: &mut dyn FnMut(&mut Pass<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader::new(model, tokens.len(), values, Feeds::default())?;
    while let Some(mut pass) = reader.next(tokens, ROWS)? {
        see(&mut pass)?;
    }
    Ok(())
}
