//! Weights as the file has them.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use crate::device::{Error, Files, Weights};
use crate::matrix::Matrix;
use crate::program::{Program, Shape, Weight, WeightSpec};

/// All weights of a program.
pub(super) struct Loaded {
    weights: Vec<Data>,
    bytes: usize,
}

/// One weight.
enum Data {
    Vector(Vec<f32>),
    /// A matrix, or all those of a stack.
    Matrices(Vec<Matrix>),
}

impl Weights for Loaded {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Loaded {
    /// Weights that this device has loaded.
    pub(super) fn of(weights: &Arc<dyn Weights>) -> Arc<Loaded> {
        let weights: Arc<dyn Any + Send + Sync> = weights.clone();
        weights.downcast::<Loaded>().expect("the reference device has loaded the weights")
    }

    /// Reads all weights.
    pub(super) fn new(program: &Program, files: &dyn Files) -> Result<Loaded, Error> {
        let mut loaded = Loaded { weights: Vec::with_capacity(program.weights.len()), bytes: 0 };
        for spec in &program.weights {
            let rows = read_rows(spec, files)?;
            loaded.bytes += bytes(spec).unwrap_or(0);
            loaded.weights.push(match spec.shape {
                Shape::Vector(length) => {
                    let mut numbers = vec![0.0; length];
                    spec.format.decode_row(&rows, &mut numbers);
                    Data::Vector(numbers)
                }
                Shape::Matrix { rows: count, .. } => Data::Matrices(matrices(spec, rows, 1, count)),
                Shape::Stack { items, rows: count, .. } => Data::Matrices(matrices(spec, rows, items, count)),
            });
        }
        Ok(loaded)
    }

    /// The numbers of a vector.
    pub(super) fn vector(&self, weight: Weight) -> &[f32] {
        match &self.weights[weight.0 as usize] {
            Data::Vector(numbers) => numbers,
            Data::Matrices(_) => unreachable!("the program was sealed: weight {} is a vector", weight.0),
        }
    }

    /// The numbers of all rows of a matrix.
    pub(super) fn numbers(&self, weight: Weight) -> Vec<f32> {
        let matrix = self.matrix(weight);
        let mut numbers = vec![0.0; matrix.rows * matrix.columns];
        let bytes = matrix.bytes().len() / matrix.rows;
        for (row, numbers) in matrix.bytes().chunks_exact(bytes).zip(numbers.chunks_exact_mut(matrix.columns)) {
            matrix.format.decode_row(row, numbers);
        }
        numbers
    }

    /// A matrix.
    pub(super) fn matrix(&self, weight: Weight) -> &Matrix {
        &self.stack(weight)[0]
    }

    /// The matrices of a stack.
    pub(super) fn stack(&self, weight: Weight) -> &[Matrix] {
        match &self.weights[weight.0 as usize] {
            Data::Matrices(matrices) => matrices,
            Data::Vector(_) => unreachable!("the program was sealed: weight {} is no vector", weight.0),
        }
    }
}

/// Bytes that a weight takes; `None` if they cannot be counted.
pub(super) fn bytes(spec: &WeightSpec) -> Option<usize> {
    match spec.shape {
        Shape::Vector(length) => length.checked_mul(size_of::<f32>()),
        Shape::Matrix { .. } | Shape::Stack { .. } => spec.shape.rows().checked_mul(spec.row_bytes()),
    }
}

/// `items` matrices of `count` rows each.
fn matrices(spec: &WeightSpec, rows: Vec<u8>, items: usize, count: usize) -> Vec<Matrix> {
    let (bytes, memory) = (count * spec.row_bytes(), Arc::new(rows));
    let matrix = |item: usize| {
        let range = item * bytes..(item + 1) * bytes;
        Matrix { format: spec.format, rows: count, columns: spec.shape.columns(), memory: memory.clone(), range }
    };
    (0..items).map(matrix).collect()
}

/// All rows of a weight, one after the other.
fn read_rows(spec: &WeightSpec, files: &dyn Files) -> Result<Vec<u8>, Error> {
    let mut rows = Vec::new();
    let bytes = spec.shape.rows().saturating_mul(spec.row_bytes());
    if let Err(error) = rows.try_reserve_exact(bytes) {
        return Err(Error::Memory { bytes, what: "weights", reason: error.to_string() });
    }
    for (offset, count) in spec.stretches() {
        let range: Range<usize> = offset..offset.saturating_add(count.saturating_mul(spec.row_bytes()));
        let Some(bytes) = files.bytes(spec.source.file).get(range.clone()) else {
            let problem = format!("bytes {range:?} are not in file {}", spec.source.file);
            return Err(Error::Files { tensor: spec.tensor.clone(), problem });
        };
        rows.extend_from_slice(bytes);
        files.done(spec.source.file, range);
    }
    Ok(rows)
}
