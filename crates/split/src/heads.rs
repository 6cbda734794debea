//! Heads after the last layer, on a device of their own.

use std::ops::Range;

use hefu_numerics::device::{Batch, Error, Executable, Span};
use hefu_numerics::program::Entry;

/// The heads of a program, ready to run. Their body is brought what the layers' body gave.
pub(crate) struct Heads {
    executable: Box<dyn Executable>,
    /// Rows that were brought last.
    rows: usize,
    numbers: Vec<f32>,
}

impl Heads {
    pub(crate) fn new(executable: Box<dyn Executable>) -> Heads {
        Heads { executable, rows: 0, numbers: Vec::new() }
    }

    #[allow(clippy::borrowed_box, reason = "it is one of several such boxes to whoever asks")]
    pub(crate) fn executable(&self) -> &Box<dyn Executable> {
        &self.executable
    }

    pub(crate) fn executable_mut(&mut self) -> &mut Box<dyn Executable> {
        &mut self.executable
    }

    /// Takes rows of `width` numbers: those that are `wanted`, which are all that `read` has if they are alone there.
    pub(crate) fn run(
        &mut self,
        wanted: &[usize],
        alone: bool,
        width: usize,
        read: impl Fn(Range<usize>, &mut [f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.rows = wanted.len();
        if wanted.is_empty() {
            return Ok(());
        }
        self.numbers.resize(wanted.len() * width, f32::NAN);
        if alone {
            read(0..wanted.len(), &mut self.numbers)?;
        } else {
            let mut pairs = wanted.iter().zip(self.numbers.chunks_exact_mut(width.max(1)));
            pairs.try_for_each(|(row, to)| read(*row..*row + 1, to))?;
        }
        // Every row is a text of its own: nothing here knows of positions.
        let span = |row| Span { rows: row..row + 1, position: 0, wanted: 0..1, tables: &[], slots: None, second: None };
        let spans: Vec<Span<'_>> = (0..wanted.len()).map(span).collect();
        let tokens = vec![0; wanted.len()];
        self.executable.run(&Batch { tokens: &tokens, spans: &spans, inputs: &[&self.numbers] })
    }

    pub(crate) fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        if rows.end > self.rows {
            return Err(Error::bad_batch(format!("rows {rows:?} were asked for, of {}", self.rows)));
        }
        self.executable.head(entry, rows)
    }
}
