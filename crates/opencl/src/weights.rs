//! Weights in a device's memory: matrices for products in panels, everything else as f32.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use hefu_numerics::device::{Error, Files, Weights};
use hefu_numerics::program::{Op, Program, Shape, Weight, WeightSpec};
use hefu_numerics::team::Team;

use crate::driver::{Buffer, Fault, Queue};
use crate::errors::Short;
use crate::layout::{HEADER, Layout, PANEL};

/// Bytes that are brought to panels at once.
const PIECE: usize = 16 << 20;

/// All weights of a program.
pub(crate) struct Loaded {
    /// By number of weight: in panels, where a product or a table needs it.
    matrices: Vec<Option<(Layout, Buffer)>>,
    /// By number of weight: as f32, row by row, where anything else needs it.
    numbers: Vec<Option<Buffer>>,
    bytes: usize,
}

impl Weights for Loaded {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// In which forms a weight is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Needed {
    matrix: bool,
    numbers: bool,
}

/// In which forms each weight of a program is needed.
fn needed(program: &Program) -> Vec<Needed> {
    let mut needed = vec![Needed::default(); program.weights.len()];
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        let matrices = match step.op {
            Op::Embed { table: weight, .. }
            | Op::Rows { table: weight, .. }
            | Op::Linear { weight, .. }
            | Op::HeadLinear { weight, .. } => vec![weight],
            Op::Experts { gate, up, down, .. } => gate.into_iter().chain([up, down]).collect(),
            _ => Vec::new(),
        };
        for weight in step.op.weights() {
            let needed = &mut needed[weight.0 as usize];
            if matrices.contains(&weight) { needed.matrix = true } else { needed.numbers = true }
        }
    }
    needed
}

/// Bytes that all weights take; `None` if they cannot be counted.
pub(crate) fn bytes(program: &Program) -> Option<usize> {
    program.weights.iter().zip(needed(program)).try_fold(0_usize, |sum, (spec, needed)| {
        let matrix = if needed.matrix { words(spec)?.checked_mul(4)? } else { 0 };
        let numbers =
            if needed.numbers { spec.shape.rows().checked_mul(spec.shape.columns())?.checked_mul(4)? } else { 0 };
        sum.checked_add(matrix)?.checked_add(numbers)
    })
}

/// Matrices of a weight, and rows of each.
fn items(spec: &WeightSpec) -> (usize, usize) {
    match spec.shape {
        Shape::Stack { items, rows, .. } => (items, rows),
        shape => (1, shape.rows()),
    }
}

/// Words of a weight in panels.
fn words(spec: &WeightSpec) -> Option<usize> {
    let (items, rows) = items(spec);
    Layout::of(spec)?.panel.checked_mul(rows.div_ceil(PANEL))?.checked_mul(items)?.checked_add(HEADER)
}

impl Loaded {
    /// Weights that this device has loaded.
    ///
    /// # Panics
    /// For weights that another device has loaded, as the trait says.
    pub(crate) fn of(weights: &Arc<dyn Weights>) -> Arc<Loaded> {
        let weights: Arc<dyn Any + Send + Sync> = weights.clone();
        weights.downcast::<Loaded>().expect("an OpenCL device has loaded the weights")
    }

    /// Brings all weights of a program to the device.
    pub(crate) fn new(program: &Program, files: &dyn Files, queue: &Queue, team: &dyn Team) -> Result<Loaded, Error> {
        let count = program.weights.len();
        let mut loaded = Loaded { matrices: Vec::with_capacity(count), numbers: Vec::with_capacity(count), bytes: 0 };
        for (spec, needed) in program.weights.iter().zip(needed(program)) {
            let rows = Rows { spec, files, stretches: stretches(spec, files)? };
            let matrix = if needed.matrix { Some(rows.panels(queue, team)?) } else { None };
            let numbers = if needed.numbers { Some(rows.numbers(queue)?) } else { None };
            rows.done(0..spec.shape.rows());
            loaded.bytes += matrix.as_ref().map_or(0, |(_, buffer)| buffer.bytes());
            loaded.bytes += numbers.as_ref().map_or(0, Buffer::bytes);
            loaded.matrices.push(matrix);
            loaded.numbers.push(numbers);
        }
        Ok(loaded)
    }

    /// A weight in panels, with what kernels call its kind.
    pub(crate) fn matrix(&self, weight: Weight) -> (u32, &Buffer) {
        match &self.matrices[weight.0 as usize] {
            Some((layout, buffer)) => (layout.kind, buffer),
            None => unreachable!("weight {} was loaded for a product", weight.0),
        }
    }

    /// A weight as f32.
    pub(crate) fn numbers(&self, weight: Weight) -> &Buffer {
        match &self.numbers[weight.0 as usize] {
            Some(buffer) => buffer,
            None => unreachable!("weight {} was loaded as numbers", weight.0),
        }
    }

    /// Bytes that a weight takes.
    pub(crate) fn bytes_of(&self, weight: Weight) -> usize {
        let at = weight.0 as usize;
        let matrix = self.matrices[at].as_ref().map_or(0, |(_, buffer)| buffer.bytes());
        matrix + self.numbers[at].as_ref().map_or(0, Buffer::bytes)
    }
}

/// The rows of one weight in its file.
struct Rows<'a> {
    spec: &'a WeightSpec,
    files: &'a dyn Files,
    /// Where rows that follow each other begin: number of the first, and its bytes' place in the file.
    stretches: Vec<(usize, usize)>,
}

/// Where a weight's rows lie, if the file holds them all.
fn stretches(spec: &WeightSpec, files: &dyn Files) -> Result<Vec<(usize, usize)>, Error> {
    let file = files.bytes(spec.source.file);
    let (mut first, mut all) = (0, Vec::new());
    for (offset, count) in spec.stretches() {
        let end = offset.saturating_add(count.saturating_mul(spec.row_bytes()));
        if end > file.len() {
            let problem = format!("bytes {offset} to {end} are not in file {}", spec.source.file);
            return Err(Error::Files { tensor: spec.tensor.clone(), problem });
        }
        all.push((first, offset));
        first += count;
    }
    Ok(all)
}

impl Rows<'_> {
    /// The bytes of a row.
    fn row(&self, row: usize) -> &[u8] {
        let (first, offset) = self.stretches[self.stretches.partition_point(|(first, _)| *first <= row) - 1];
        let bytes = self.spec.row_bytes();
        &self.files.bytes(self.spec.source.file)[offset + (row - first) * bytes..][..bytes]
    }

    /// Says that some rows will not be read again.
    fn done(&self, rows: std::ops::Range<usize>) {
        let bytes = self.spec.row_bytes();
        for (i, (first, offset)) in self.stretches.iter().enumerate() {
            let end = self.stretches.get(i + 1).map_or(self.spec.shape.rows(), |(next, _)| *next);
            let (from, to) = (rows.start.max(*first), rows.end.min(end));
            if from < to {
                let range = offset + (from - first) * bytes..offset + (to - first) * bytes;
                self.files.done(self.spec.source.file, range);
            }
        }
    }

    /// Memory of a weight.
    fn memory(&self, queue: &Queue, bytes: usize) -> Result<Buffer, Error> {
        Buffer::new(queue.context(), bytes).map_err(|fault| self.fault(fault, bytes))
    }

    fn fault(&self, fault: Fault, bytes: usize) -> Error {
        Short::of("weights", bytes, fault).into()
    }

    /// All rows as f32.
    fn numbers(&self, queue: &Queue) -> Result<Buffer, Error> {
        let columns = self.spec.shape.columns();
        let count = self.spec.shape.rows() * columns;
        let buffer = self.memory(queue, count * 4)?;
        let mut numbers = vec![0.0_f32; count];
        for (row, numbers) in numbers.chunks_exact_mut(columns).enumerate() {
            self.spec.format.decode_row(self.row(row), numbers);
        }
        queue.write(&buffer, 0, &numbers).map_err(|fault| self.fault(fault, count * 4))?;
        Ok(buffer)
    }

    /// All rows in panels, brought there piece by piece.
    fn panels(&self, queue: &Queue, team: &dyn Team) -> Result<(Layout, Buffer), Error> {
        let too_large = || Error::Memory {
            bytes: usize::MAX,
            what: "weights",
            reason: format!("`{}` is too large to be addressed", self.spec.tensor),
        };
        let layout = Layout::of(self.spec).ok_or_else(too_large)?;
        let bytes = words(self.spec).and_then(|words| words.checked_mul(4)).ok_or_else(too_large)?;
        let buffer = self.memory(queue, bytes)?;
        let (items, rows) = items(self.spec);
        let failed = |fault| self.fault(fault, bytes);
        queue.write(&buffer, 0, &layout.header(self.spec, rows)).map_err(failed)?;
        let (each, all) = (rows.div_ceil(PANEL), rows.div_ceil(PANEL) * items);
        let at_once = (PIECE / (layout.panel * 4).max(1)).clamp(1, all);
        let mut words = vec![0_u32; at_once * layout.panel];
        for first in (0..all).step_by(at_once) {
            let count = at_once.min(all - first);
            let piece = &mut words[..count * layout.panel];
            piece.fill(0);
            let panels = Mutex::new(piece.chunks_exact_mut(layout.panel).enumerate());
            team.run(&|_| {
                loop {
                    let next = panels.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((panel, words)) = next else { break };
                    let (item, row) = ((first + panel) / each, (first + panel) % each * PANEL);
                    for lane in 0..PANEL.min(rows - row) {
                        layout.put_row(self.spec, self.row(item * rows + row + lane), lane, words);
                    }
                }
            });
            queue
                .write(&buffer, (HEADER + first * layout.panel) * 4, &words[..count * layout.panel])
                .map_err(failed)?;
        }
        Ok((layout, buffer))
    }
}
