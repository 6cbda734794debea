//! What a model computes on the way: named values of its program, row by row, as they are when it answers.
//!
//! A text is read once more from its beginning, alone. The contract makes that the same numbers to the bit as those that the
//! answer came from, in whatever batch, from whatever cache and with whatever guesses it was computed.

use hefu_numerics::device::{Batch, Error, Executable, Model, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Program, Value};

/// Rows of one batch.
const ROWS: usize = 128;

/// Consecutive positions that were just computed.
pub struct Pass<'a> {
    executable: &'a mut dyn Executable,
    program: &'a Program,
    /// The first of them.
    pub position: usize,
    /// How many there are.
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
    let program = &model.program;
    let pages = tokens.len().div_ceil(PAGE).max(1);
    let size = Size::new(program, pages, 1);
    let mut executable = model.device.compile(program, &model.weights, &size, values)?;
    let table: Vec<u32> = (0..pages as u32).collect();
    let tables = vec![&table[..]; program.groups()];
    for (index, some) in tokens.chunks(ROWS).enumerate() {
        let position = index * ROWS;
        let span = Span {
            rows: 0..some.len(),
            position,
            // What is computed for wanted rows alone is wanted for all.
            wanted: 0..some.len(),
            tables: &tables,
            slots: (program.slot_numbers() > 0).then_some(Slots {
                read: (index > 0).then_some(0),
                write: 0,
                keep: &[],
            }),
            second: None,
        };
        executable.run(&Batch { tokens: some, spans: &[span], inputs: &[] })?;
        see(&mut Pass { executable: &mut *executable, program, position, rows: some.len() })?;
    }
    Ok(())
}
