//! Weights by the names of their tensors.

use hefu_numerics::program::{Shape, Source, Weight, WeightSpec};
use hefu_numerics::quant::{FORMATS, Format};

use super::{Builder, Presence};
use crate::error::Error;

/// Some of a tensor's rows: consecutive ones, or blocks of them at equal distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    /// The first row.
    pub(crate) first: usize,
    /// Consecutive rows of a block.
    pub(crate) block: usize,
    /// Rows from the beginning of one block to that of the next.
    pub(crate) stride: usize,
}

impl Builder<'_, '_> {
    /// The tensor's name below the current layer: `blk.3.attn_q`.
    pub(super) fn tensor(&self, name: &str) -> String {
        match self.layer {
            Some(layer) => format!("blk.{layer}.{name}"),
            None => name.to_owned(),
        }
    }

    /// True if the file has a tensor, by its whole name but for the layer.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.has(&self.tensor(name))
    }

    /// Leaves out all tensors of this layer whose names begin so.
    pub(crate) fn skip(&mut self, name: &str) {
        self.tensors.skip(&self.tensor(name));
    }

    /// `NAME.weight`: a vector.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Weight {
        self.vector_of(&format!("{name}.weight"), length)
    }

    /// A vector, by its whole name but for the layer.
    pub(crate) fn vector_of(&mut self, name: &str, length: usize) -> Weight {
        let rows = Blocks { first: 0, block: 1, stride: 1 };
        self.weight(name, &[length], Shape::Vector(length), rows)
    }

    /// `NAME.weight`: a vector that the file has in equal parts, `[length / parts, parts]`.
    pub(crate) fn vector_in_parts(&mut self, name: &str, length: usize, parts: usize) -> Weight {
        let rows = Blocks { first: 0, block: 1, stride: 1 };
        self.weight(&format!("{name}.weight"), &[length / parts, parts], Shape::Vector(length), rows)
    }

    /// `NAME.weight`: one of the so many rows of a matrix, as a vector.
    pub(crate) fn vector_of_rows(&mut self, name: &str, row: usize, rows: usize, length: usize) -> Weight {
        let of = Blocks { first: row, block: 1, stride: 1 };
        self.weight(&format!("{name}.weight"), &[length, rows], Shape::Vector(length), of)
    }

    /// `NAME.weight`: a vector as matrices of one row, one for each head.
    pub(crate) fn vector_by_heads(&mut self, name: &str, heads: usize, columns: usize) -> Weight {
        let all = Blocks { first: 0, block: heads, stride: heads };
        let shape = Shape::Stack { items: heads, rows: 1, columns };
        self.weight(&format!("{name}.weight"), &[heads * columns], shape, all)
    }

    /// `NAME.weight`: a matrix, `[columns, rows]` in the file.
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Weight {
        self.rows(name, rows, Blocks { first: 0, block: rows, stride: rows }, rows, columns)
    }

    /// A matrix, by its whole name but for the layer.
    pub(crate) fn rows_of(&mut self, name: &str, rows: usize, columns: usize) -> Weight {
        let all = Blocks { first: 0, block: rows, stride: rows };
        self.weight(name, &[columns, rows], Shape::Matrix { rows, columns }, all)
    }

    /// `NAME.weight`: `rows` of the `total` rows of a matrix.
    pub(crate) fn rows(&mut self, name: &str, total: usize, of: Blocks, rows: usize, columns: usize) -> Weight {
        self.weight(&format!("{name}.weight"), &[columns, total], Shape::Matrix { rows, columns }, of)
    }

    /// `NAME.weight`: matrices of one shape, `[columns, rows, items]` in the file.
    pub(crate) fn stack(&mut self, name: &str, items: usize, rows: usize, columns: usize) -> Weight {
        let all = Blocks { first: 0, block: items * rows, stride: items * rows };
        let shape = Shape::Stack { items, rows, columns };
        self.weight(&format!("{name}.weight"), &[columns, rows, items], shape, all)
    }

    /// One half of the rows of each matrix in `NAME.weight`: `[columns, 2 rows, items]` in the file.
    pub(crate) fn half_stack(&mut self, name: &str, half: usize, items: usize, rows: usize, columns: usize) -> Weight {
        let blocks = Blocks { first: half * rows, block: rows, stride: 2 * rows };
        let shape = Shape::Stack { items, rows, columns };
        self.weight(&format!("{name}.weight"), &[columns, 2 * rows, items], shape, blocks)
    }

    /// `NAME.bias` of so many outputs, if the file has it and may have it; a forbidden one ends up left over.
    pub(crate) fn bias(&mut self, name: &str, presence: Presence, length: usize) -> Option<Weight> {
        let name = format!("{name}.bias");
        match presence {
            Presence::Required => Some(self.vector_of(&name, length)),
            Presence::Optional => self.has(&name).then(|| self.vector_of(&name, length)),
            Presence::Forbidden => None,
        }
    }

    /// The factor `NAME.scale` of all of a matrix, if the file has it: in NVFP4, blocks have scales of few bits alone. What
    /// inputs are divided by where they too are rounded to 4 bits (`NAME.input_scale`) has no use here.
    pub(super) fn factor_of_matrix(&mut self, matrix: Weight, bias: Option<Weight>) -> Option<Weight> {
        let whole = self.program.weight(matrix).tensor.strip_suffix(".weight")?.to_owned();
        self.tensors.skip(&format!("{whole}.input_scale"));
        let name = format!("{whole}.scale");
        // Some families have a factor for each column of the same name, which they ask for themselves.
        if self.tensors.shape(&name)?.iter().product::<u64>() != 1 {
            return None;
        }
        if bias.is_some() {
            let problem = "is the factor of a product with a bias, which is not supported".into();
            self.tensors.fail::<()>(Error::BadTensor { name: name.clone(), problem });
        }
        let layer = self.layer.map(|layer| format!("blk.{layer}.")).unwrap_or_default();
        Some(self.vector_of(name.strip_prefix(&layer)?, 1))
    }

    /// A weight, once: whoever asks a second time gets the same.
    fn weight(&mut self, name: &str, dimensions: &[usize], shape: Shape, rows: Blocks) -> Weight {
        let tensor = self.tensor(name);
        if let Some(known) = self.weights.get(&(tensor.clone(), rows.first)) {
            return *known;
        }
        let Blocks { first, block, stride } = rows;
        let (format, file, offset) = match self.tensors.take(&tensor, dimensions) {
            Some(info) => (info.format, info.shard, info.offset),
            // There will be an error at the end.
            None => (any_format(), 0, 0),
        };
        let weight = Weight(self.program.weights.len() as u32);
        self.weights.insert((tensor.clone(), first), weight);
        let source = Source { file, offset, first, block, stride };
        self.program.weights.push(WeightSpec { tensor, format, shape, source });
        weight
    }
}

fn any_format() -> &'static Format {
    FORMATS[0]
}
