//! Products with matrices, one by one: what is multiplied with which row of which weight, as the file has it.

use hefu_numerics::program::{Entry, Op, Program, Shape, Value, Weight, WeightSpec};
use hefu_numerics::quant::{Encoding, Parts};

/// A value that is a product: each of its numbers is the sum of a row of weights times the input's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The value.
    pub name: String,
    /// Its layer.
    pub layer: Option<u16>,
    /// The value that is multiplied.
    pub input: String,
    /// Its layer.
    pub input_layer: Option<u16>,
    /// The matrix, by its place among the program's weights.
    pub weight: u32,
    /// The bias that is added to the sums, by its place likewise.
    pub bias: Option<u32>,
    /// Its name in the file.
    pub tensor: String,
    /// Format of its numbers.
    pub format: &'static str,
    /// Numbers of the value.
    pub rows: usize,
}

/// The products of a program whose input and output can both be seen.
pub fn products(program: &Program) -> Vec<Product> {
    let body = program.section(Entry::Body).map_or(&[][..], |body| &body.steps);
    let place = |value: Value| {
        let spec = program.value(value);
        (spec.name.clone(), spec.layer)
    };
    let of = |op: &Op| {
        let Op::Linear { x, weight, bias, out } = *op else { return None };
        let spec = program.weight(weight);
        let Shape::Matrix { rows, .. } = spec.shape else { return None };
        let ((name, layer), (input, input_layer)) = (place(out), place(x));
        let (tensor, format) = (spec.tensor.clone(), spec.format.name);
        let bias = bias.map(|Weight(bias)| bias);
        Some(Product { name, layer, input, input_layer, weight: weight.0, bias, tensor, format, rows })
    };
    body.iter().filter_map(|step| of(&step.op)).collect()
}

/// A row of a weight, as the file has it and as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightRow {
    /// Its name in the file.
    pub tensor: String,
    /// Format of its numbers.
    pub format: &'static str,
    /// Elements and bytes of a block.
    pub block: (usize, usize),
    /// The row's bytes.
    pub bytes: Vec<u8>,
    /// The numbers (clause W2).
    pub numbers: Vec<f32>,
    /// Sub-blocks of the numbers (clause W1), from the first on; none in plain formats.
    pub sub_blocks: Vec<SubBlock>,
}

/// Elements that share a scale.
#[derive(Debug, Clone, PartialEq)]
pub struct SubBlock {
    /// Integer weights `w`.
    pub integers: Vec<i32>,
    /// The scale `s`.
    pub scale: f32,
    /// The minimum `m`, in formats that have one.
    pub minimum: Option<f32>,
}

/// A row of a weight, from the files that `bytes` gives by their numbers; `None` for what is not there.
pub fn weight_row<'f>(
    program: &Program,
    weight: u32,
    row: usize,
    bytes: &dyn Fn(usize) -> &'f [u8],
) -> Option<WeightRow> {
    let spec = program.weights.get(weight as usize)?;
    let (start, length) = (offset(spec, row)?, spec.row_bytes());
    let bytes = bytes(spec.source.file).get(start..start.checked_add(length)?)?.to_vec();
    let mut numbers = vec![0.0; spec.shape.columns()];
    spec.format.decode_row(&bytes, &mut numbers);
    let block = (spec.format.block_elements, spec.format.block_bytes);
    let sub_blocks = sub_blocks(spec, &bytes);
    Some(WeightRow { tensor: spec.tensor.clone(), format: spec.format.name, block, bytes, numbers, sub_blocks })
}

/// Where in its file a row begins.
fn offset(spec: &WeightSpec, row: usize) -> Option<usize> {
    let mut before = 0;
    for (offset, rows) in spec.stretches() {
        if row < before + rows {
            return offset.checked_add((row - before).checked_mul(spec.row_bytes())?);
        }
        before += rows;
    }
    None
}

fn sub_blocks(spec: &WeightSpec, bytes: &[u8]) -> Vec<SubBlock> {
    let Encoding::Quantised(quantised) = &spec.format.encoding else { return Vec::new() };
    let (mut parts, mut all) = (Parts::default(), Vec::new());
    for block in bytes.chunks_exact(spec.format.block_bytes) {
        (quantised.unpack_block)(block, &mut parts);
        for b in 0..spec.format.block_elements / quantised.sub_block {
            let elements = b * quantised.sub_block..(b + 1) * quantised.sub_block;
            all.push(SubBlock {
                integers: elements.map(|i| parts.weight(quantised, i)).collect(),
                scale: parts.scale_of(quantised, b),
                minimum: quantised.has_minimum.then(|| parts.minimum_of(b)),
            });
        }
    }
    all
}
