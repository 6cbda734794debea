//! Weights in the layout of this device.
//!
//! All matrices are packed, in pieces, by all threads, in the order of the file: that keeps a mapped file's read-ahead
//! useful, and small pieces let the caller drop the pages of the file as soon as they have been read, so that file and
//! packed weights are never both resident. The memory to fill is cut into one slice per piece beforehand, so that threads
//! own what they write.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::{Ops, Team};
use hefu_numerics::device::{Error, Files, Weights};
use hefu_numerics::matrix::{Bytes, Matrix};
use hefu_numerics::program::{Op, Program, Shape, Weight, WeightSpec};

use crate::memory::HugeMemory;

/// Bytes of the file in one piece, about.
const PIECE_BYTES: usize = 1 << 20;

/// Matrices begin at multiples of this, a line of the processor's cache.
const ALIGNMENT: usize = 64;

/// All weights of a program.
pub(super) struct CpuWeights {
    /// Memory of all matrices.
    memory: Bytes,
    all: Vec<Loaded>,
    /// The gain of norms without one.
    ones: Vec<f32>,
    bytes: usize,
}

/// One weight.
enum Loaded {
    Vector(Arc<[f32]>),
    /// The kernel of a short convolution, `[taps][channels]`.
    Kernel(Vec<f32>),
    /// Numbers that experts add, `[experts][outputs]`.
    Numbers(Vec<f32>),
    /// One matrix, or those of a stack.
    Matrices(Vec<Matrix>),
}

impl Weights for CpuWeights {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn image(&self) -> Option<&[u8]> {
        (*self.memory).as_ref().get(..self.bytes)
    }
}

impl CpuWeights {
    /// The numbers of a vector.
    pub(super) fn vector(&self, weight: Weight) -> &Arc<[f32]> {
        match &self.all[weight.0 as usize] {
            Loaded::Vector(vector) => vector,
            _ => unreachable!("a sealed program asks for vectors where it has vectors"),
        }
    }

    /// The kernel of a short convolution, `[taps][channels]`, or the rates of a scan, `[numbers][channels]`.
    pub(super) fn kernel(&self, weight: Weight) -> &[f32] {
        match &self.all[weight.0 as usize] {
            Loaded::Kernel(kernel) => kernel,
            _ => unreachable!("made for every short convolution and scan when weights were loaded"),
        }
    }

    /// Biases of experts, `[experts][outputs]`.
    pub(super) fn numbers(&self, weight: Weight) -> &[f32] {
        match &self.all[weight.0 as usize] {
            Loaded::Numbers(numbers) => numbers,
            _ => unreachable!("made for the biases of all experts when weights were loaded"),
        }
    }

    /// So many ones.
    pub(super) fn ones(&self, count: usize) -> &[f32] {
        &self.ones[..count]
    }

    /// The matrices of a stack; none of a vector.
    pub(super) fn stack(&self, weight: Weight) -> &[Matrix] {
        match &self.all[weight.0 as usize] {
            Loaded::Matrices(matrices) => matrices,
            _ => &[],
        }
    }

    /// A matrix.
    pub(super) fn matrix(&self, weight: Weight) -> &Matrix {
        &self.stack(weight)[0]
    }

    /// Decodes all vectors and packs all matrices.
    pub(super) fn load(
        ops: &'static Ops,
        team: &dyn Team,
        program: &Program,
        files: &dyn Files,
    ) -> Result<Self, Error> {
        let bytes = bytes(ops, program).ok_or_else(|| memory_error(usize::MAX, "it cannot be addressed"))?;
        let plain = plain(program);
        let memory = match files.image().filter(|image| (**image).as_ref().len() == bytes) {
            Some(image) => image,
            None => packed(ops, team, program, files, bytes)?,
        };
        let mut at = 0;
        let mut all = Vec::with_capacity(program.weights.len());
        for (index, spec) in program.weights.iter().enumerate() {
            all.push(match spec.shape {
                _ if plain.get(&index) == Some(&Plain::Kernel) => Loaded::Kernel(kernel(spec, files)?),
                _ if plain.contains_key(&index) => Loaded::Numbers(numbers(spec, files)?),
                Shape::Vector(length) => Loaded::Vector(vector(spec, length, files)?),
                _ => Loaded::Matrices(places(ops, spec, &mut at, &memory)),
            });
        }
        let widest = program.values.iter().map(|value| value.width).max().unwrap_or(0);
        Ok(CpuWeights { memory, all, ones: vec![1.0; widest], bytes })
    }
}

/// All matrices of a program, packed from the files.
fn packed(
    ops: &'static Ops,
    team: &dyn Team,
    program: &Program,
    files: &dyn Files,
    bytes: usize,
) -> Result<Bytes, Error> {
    let mut memory = HugeMemory::new(bytes).map_err(|error| memory_error(bytes, &error.to_string()))?;
    let mut pieces = Vec::new();
    let mut region = memory.as_mut();
    let plain = plain(program);
    for (index, spec) in program.weights.iter().enumerate() {
        if is_packed(spec, plain.contains_key(&index)) {
            region = cut(ops, spec, files, region, &mut pieces)?;
        }
    }
    pack(ops, team, pieces, files);
    Ok(Arc::new(memory))
}

/// The version of [`crate::layout`] and of the order in which matrices lie; to be raised whenever either changes.
const IMAGE_VERSION: u32 = 1;

/// See [`hefu_numerics::device::Device::image_key`]: every instruction set has the same layout.
pub(super) fn image_key(program: &Program) -> String {
    let plain = plain(program);
    let mut key = format!("hefu packed weights, layout {IMAGE_VERSION}\n");
    for (index, spec) in program.weights.iter().enumerate() {
        if is_packed(spec, plain.contains_key(&index)) {
            let stretches: Vec<String> = spec.stretches().map(|(at, rows)| format!("{at}+{rows}")).collect();
            let (file, name) = (spec.source.file, spec.format.name);
            key += &format!("{name} {:?} from {file}: {}\n", spec.shape, stretches.join(" "));
        }
    }
    key
}

fn memory_error(bytes: usize, reason: &str) -> Error {
    Error::Memory { bytes, what: "weights", reason: reason.into() }
}

/// Matrices of a weight, and rows and columns of each.
fn matrices(spec: &WeightSpec) -> (usize, usize, usize) {
    match spec.shape {
        Shape::Vector(columns) => (0, 1, columns),
        Shape::Matrix { rows, columns } => (1, rows, columns),
        Shape::Stack { items, rows, columns } => (items, rows, columns),
    }
}

/// Bytes of a packed matrix, its alignment included.
fn packed_bytes(ops: &Ops, spec: &WeightSpec) -> usize {
    let (_, rows, columns) = matrices(spec);
    (ops.packed_bytes)(spec.format, rows, columns).next_multiple_of(ALIGNMENT)
}

/// Bytes that all packed matrices take; `None` if that overflows.
pub(super) fn bytes(ops: &Ops, program: &Program) -> Option<usize> {
    let plain = plain(program);
    program.weights.iter().enumerate().try_fold(0_usize, |sum, (index, spec)| {
        let (items, ..) = if plain.contains_key(&index) { (0, 0, 0) } else { matrices(spec) };
        sum.checked_add(packed_bytes(ops, spec).checked_mul(items)?)
    })
}

/// The matrices of a weight, from `at` on in the memory of all.
fn places(ops: &Ops, spec: &WeightSpec, at: &mut usize, memory: &Bytes) -> Vec<Matrix> {
    let (items, rows, columns) = matrices(spec);
    let place = |_| {
        let range = *at..*at + (ops.packed_bytes)(spec.format, rows, columns);
        *at += packed_bytes(ops, spec);
        Matrix { format: spec.format, rows, columns, memory: Arc::clone(memory), range }
    };
    (0..items).map(place).collect()
}

/// Bytes of the file, which the program says are there.
fn source<'f>(spec: &WeightSpec, files: &'f dyn Files, range: Range<usize>) -> Result<&'f [u8], Error> {
    let file = files.bytes(spec.source.file);
    let length = file.len();
    file.get(range.clone()).ok_or_else(|| Error::Files {
        tensor: spec.tensor.clone(),
        problem: format!("it lies at {range:?}, but the file has {length} bytes"),
    })
}

/// Forms of small weights that no product reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plain {
    /// As kernels of short convolutions and rates of scans.
    Kernel,
    /// Row by row.
    Rows,
}

/// The weights that are no packed matrices though they have rows; small, so that they are not counted among these.
fn plain(program: &Program) -> HashMap<usize, Plain> {
    let mut plain = HashMap::new();
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        match &step.op {
            Op::ShortConv { weight, .. } | Op::SelectiveScan { rates: weight, .. } => {
                _ = plain.insert(weight.0 as usize, Plain::Kernel)
            }
            Op::Experts { biases, .. } => {
                plain.extend(biases.iter().flatten().map(|bias| (bias.0 as usize, Plain::Rows)));
            }
            _ => {}
        }
    }
    plain
}

fn is_packed(spec: &WeightSpec, is_plain: bool) -> bool {
    !is_plain && !matches!(spec.shape, Shape::Vector(_))
}

/// The taps of all channels, `[taps][channels]`, from rows of one channel's.
fn kernel(spec: &WeightSpec, files: &dyn Files) -> Result<Vec<f32>, Error> {
    let (channels, taps) = (spec.shape.rows(), spec.shape.columns());
    let bytes = file_rows(spec, files, 0..channels)?;
    let (mut kernel, mut row) = (vec![0.0; channels * taps], vec![0.0; taps]);
    for (channel, bytes) in bytes.chunks_exact(spec.row_bytes().max(1)).enumerate() {
        spec.format.decode_row(bytes, &mut row);
        row.iter().enumerate().for_each(|(tap, weight)| kernel[tap * channels + channel] = *weight);
    }
    Ok(kernel)
}

/// The numbers of all rows.
fn numbers(spec: &WeightSpec, files: &dyn Files) -> Result<Vec<f32>, Error> {
    let (rows, columns) = (spec.shape.rows(), spec.shape.columns());
    let bytes = file_rows(spec, files, 0..rows)?;
    let mut numbers = vec![0.0; rows * columns];
    for (bytes, numbers) in bytes.chunks_exact(spec.row_bytes().max(1)).zip(numbers.chunks_exact_mut(columns)) {
        spec.format.decode_row(bytes, numbers);
    }
    Ok(numbers)
}

fn vector(spec: &WeightSpec, length: usize, files: &dyn Files) -> Result<Arc<[f32]>, Error> {
    let mut numbers = vec![0.0; length];
    let mut filled = 0;
    for (offset, rows) in spec.stretches() {
        let bytes = source(spec, files, offset..offset + rows * spec.row_bytes())?;
        spec.format.decode_row(bytes, &mut numbers[filled..]);
        filled += length;
    }
    Ok(numbers.into())
}

/// Some rows of a matrix, a multiple of the device's group unless they are the last of it.
struct Piece<'r> {
    spec: &'r WeightSpec,
    /// Rows of the weight.
    rows: Range<usize>,
    /// Where in the file the first of them lies.
    offset: usize,
    target: &'r mut [u8],
}

/// Cuts the matrices of a weight into pieces with their places at the beginning of `region`; gives back what is left of it.
fn cut<'r>(
    ops: &Ops,
    spec: &'r WeightSpec,
    files: &dyn Files,
    mut region: &'r mut [u8],
    pieces: &mut Vec<Piece<'r>>,
) -> Result<&'r mut [u8], Error> {
    let (items, rows, columns) = matrices(spec);
    let (row_bytes, group) = (spec.row_bytes(), ops.row_group.max(1));
    let step = (PIECE_BYTES / row_bytes.max(1)).next_multiple_of(group).max(group);
    for item in 0..items {
        let (mut target, after) = region.split_at_mut(packed_bytes(ops, spec));
        region = after;
        for start in (0..rows).step_by(step) {
            let count = step.min(rows - start);
            // The last piece takes what is left: groups are filled up.
            let (first, rest) = target.split_at_mut((ops.packed_bytes)(spec.format, count, columns));
            target = rest;
            let rows = item * rows + start..item * rows + start + count;
            let mut offset = None;
            for range in ranges(spec, rows.clone()) {
                offset.get_or_insert(range.start);
                source(spec, files, range)?;
            }
            pieces.push(Piece { spec, rows, offset: offset.unwrap_or(0), target: first });
        }
    }
    Ok(region)
}

/// Where in the file some rows of a weight lie: one range, or several where they lie apart.
fn ranges(spec: &WeightSpec, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let (row_bytes, mut before) = (spec.row_bytes(), 0);
    spec.stretches().filter_map(move |(offset, count)| {
        let own = rows.start.max(before)..rows.end.min(before + count);
        let at = offset + own.start.saturating_sub(before) * row_bytes;
        before += count;
        (!own.is_empty()).then(|| at..at + own.len() * row_bytes)
    })
}

/// Rows of a weight as the file has them; copied together where they lie apart.
fn file_rows<'f>(spec: &WeightSpec, files: &'f dyn Files, rows: Range<usize>) -> Result<Cow<'f, [u8]>, Error> {
    let mut ranges = ranges(spec, rows);
    let first = source(spec, files, ranges.next().unwrap_or(0..0))?;
    let mut gathered = Cow::Borrowed(first);
    for range in ranges {
        gathered.to_mut().extend_from_slice(source(spec, files, range)?);
    }
    Ok(gathered)
}

/// Packs all pieces, whose places in the files were found before.
fn pack(ops: &'static Ops, team: &dyn Team, mut pieces: Vec<Piece<'_>>, files: &dyn Files) {
    // Taken from the end, so that the first byte of the file comes first.
    pieces.sort_by_key(|piece| std::cmp::Reverse((piece.spec.source.file, piece.offset)));
    let pieces = Mutex::new(pieces);
    team.run(&|_| {
        loop {
            let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(Piece { spec, rows, target, .. }) = next else { return };
            let Ok(bytes) = file_rows(spec, files, rows.clone()) else { return };
            (ops.pack)(spec.format, rows.len(), spec.shape.columns(), &bytes, target);
            ranges(spec, rows).for_each(|range| files.done(spec.source.file, range));
        }
    });
}
