//! From tensors of the file to matrices and vectors, each taken once and checked.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use hefu_numerics::matrix::{Bytes, Matrix};
use hefu_numerics::ops::Ops;
use hefu_numerics::quant::Format;

use super::memory::Late;
use crate::arch::Presence;
use crate::error::Error;
use crate::gguf::{Gguf, TensorInfo};
use crate::keys::shown;

/// Matrices begin at multiples of this, a line of the processor's cache.
const ALIGNMENT: usize = 64;

/// Most names of left-over tensors in an error.
const NAMES_SHOWN: usize = 5;

/// Takes tensors out of a file one by one and lays the packed ones out in one range of memory.
pub(super) struct Binder<'g, 'a> {
    gguf: &'g Gguf<'a>,
    architecture: &'static str,
    ops: &'static Ops,
    memory: Arc<Late>,
    taken: HashSet<&'a str>,
    placements: Vec<Placement<'a>>,
    end: usize,
}

/// Rows of the file and where they go.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    pub(super) format: &'static Format,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// The rows in the file's layout.
    pub(super) source: &'a [u8],
    /// Which file of a split model they come from.
    pub(super) shard: usize,
    /// Where in that file.
    pub(super) offset: usize,
    /// Where in the packed memory they go.
    pub(super) target: Range<usize>,
}

impl<'g, 'a> Binder<'g, 'a> {
    pub(super) fn new(gguf: &'g Gguf<'a>, architecture: &'static str, ops: &'static Ops) -> Self {
        Binder {
            gguf,
            architecture,
            ops,
            memory: Arc::default(),
            taken: HashSet::new(),
            placements: Vec::new(),
            end: 0,
        }
    }

    /// A vector that the model is not defined without.
    pub(super) fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, Error> {
        let tensor = self.take(name, &[length])?;
        Ok(self.decode(tensor, length))
    }

    /// A vector that is there, may be there or is not, as the family says; a forbidden one ends up left over.
    pub(super) fn presence_vector(
        &mut self,
        presence: Presence,
        name: &str,
        length: usize,
    ) -> Result<Option<Vec<f32>>, Error> {
        match presence {
            Presence::Optional if self.gguf.tensor(name).is_none() => Ok(None),
            Presence::Required | Presence::Optional => self.vector(name, length).map(Some),
            Presence::Forbidden => Ok(None),
        }
    }

    /// A matrix, if the file has it.
    pub(super) fn optional_matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Option<Matrix>, Error> {
        if self.gguf.tensor(name).is_none() { Ok(None) } else { self.matrix(name, rows, columns).map(Some) }
    }

    /// A matrix: `[columns, rows]` in the file.
    pub(super) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix, Error> {
        let tensor = self.take(name, &[columns, rows])?;
        Ok(self.place(tensor, 0..rows, rows, columns))
    }

    /// Matrices whose rows lie one after the other in one tensor.
    pub(super) fn fused<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        columns: usize,
    ) -> Result<[Matrix; N], Error> {
        let total = rows.iter().sum();
        let tensor = self.take(name, &[columns, total])?;
        let mut start = 0;
        Ok(rows.map(|rows| {
            let range = start..start + rows;
            start = range.end;
            self.place(tensor, range, total, columns)
        }))
    }

    /// One matrix for each expert: `[columns, rows, experts]` in the file.
    pub(super) fn experts(
        &mut self,
        name: &str,
        experts: usize,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<Matrix>, Error> {
        let tensor = self.take(name, &[columns, rows, experts])?;
        let matrix = |expert| self.place(tensor, expert * rows..(expert + 1) * rows, experts * rows, columns);
        Ok((0..experts).map(matrix).collect())
    }

    /// What was laid out, and how much memory it takes; an error if the file has tensors that nothing took.
    pub(super) fn finish(self) -> Result<(Vec<Placement<'a>>, Arc<Late>, usize), Error> {
        let left: Vec<&str> =
            self.gguf.tensors().iter().map(|tensor| tensor.name).filter(|name| !self.taken.contains(name)).collect();
        if left.is_empty() {
            return Ok((self.placements, self.memory, self.end));
        }
        let mut names: Vec<String> = left.iter().take(NAMES_SHOWN).map(|name| format!("`{}`", shown(name))).collect();
        if left.len() > NAMES_SHOWN {
            names.push("…".into());
        }
        Err(Error::LeftOverTensors { count: left.len(), names: names.join(", "), architecture: self.architecture })
    }

    /// A tensor of exactly this shape.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<&'g TensorInfo<'a>, Error> {
        let Some(tensor) = self.gguf.tensor(name) else {
            return Err(Error::MissingTensor {
                name: name.into(),
                expected: joined(shape),
                architecture: self.architecture,
            });
        };
        let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        if trimmed(&tensor.shape) != trimmed(&shape) {
            let (found, expected) = (joined(&tensor.shape), joined(&shape));
            return Err(Error::BadShape { name: name.into(), found, expected });
        }
        self.taken.insert(tensor.name);
        Ok(tensor)
    }

    /// Decodes a tensor of one row. It has `length` elements, so that its bytes are those of a row.
    fn decode(&self, tensor: &TensorInfo<'a>, length: usize) -> Vec<f32> {
        let mut vector = vec![0.0; length];
        tensor.format.decode_row(self.gguf.data(tensor), &mut vector);
        vector
    }

    /// Lays out some of the `total` rows of a tensor.
    fn place(&mut self, tensor: &TensorInfo<'a>, rows: Range<usize>, total: usize, columns: usize) -> Matrix {
        let row_bytes = tensor.bytes / total;
        let file = rows.start * row_bytes..rows.end * row_bytes;
        let start = self.end.next_multiple_of(ALIGNMENT);
        let target = start..start + (self.ops.packed_bytes)(tensor.format, rows.len(), columns);
        self.end = target.end;
        let memory: Bytes = self.memory.clone();
        self.placements.push(Placement {
            format: tensor.format,
            rows: rows.len(),
            columns,
            source: &self.gguf.data(tensor)[file.clone()],
            shard: tensor.shard,
            offset: tensor.offset + file.start,
            target: target.clone(),
        });
        Matrix { format: tensor.format, rows: rows.len(), columns, memory, range: target }
    }
}

/// A shape without sizes of 1 at its end: files leave them out or not.
fn trimmed(shape: &[u64]) -> &[u64] {
    let end = shape.iter().rposition(|size| *size != 1).map_or(0, |last| last + 1);
    &shape[..end]
}

fn joined<T: ToString>(shape: &[T]) -> String {
    shape.iter().map(T::to_string).collect::<Vec<_>>().join(" x ")
}
