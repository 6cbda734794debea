//! Tensor after tensor, in pieces of many rows, each piece by all threads.

use crate::failure::Failure;
use crate::interrupt;
use crate::open::MappedModel;
use crate::progress::{Meter, Unit};
use crate::whole_file::WholeFile;
use hefu_model::gguf::Gguf;
use hefu_model::gguf::limits::DEFAULT_ALIGNMENT;
use hefu_model::importance::Importance;
use hefu_model::mix::{Candidate, Target};
use hefu_numerics::quant::Format;
use hefu_numerics::quant::encode::encode_row;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a piece in its new format, about: what is in memory at once, and written at once.
const PIECE_BYTES: usize = 32 << 20;

/// Numbers that a thread takes at once, about.
const SHARE: usize = 1 << 15;

/// Source of tensors.
pub(super) struct Source<'s, 'g> {
    pub(super) opened: &'s MappedModel,
    pub(super) gguf: &'s Gguf<'g>,
}

/// Conversion of the tensors.
pub(super) struct Job<'j> {
    pub(super) tensors: &'j [Candidate<'j>],
    pub(super) targets: &'j [Target],
    pub(super) importance: Option<&'j Importance>,
    pub(super) threads: usize,
}

/// One tensor on its way.
struct Change<'c> {
    name: &'c str,
    columns: usize,
    /// Rows of each of its matrices.
    rows: usize,
    from: &'static Format,
    to: &'static Format,
    importance: Option<Vec<f32>>,
}

/// Writes the whole file.
///
/// # Errors
/// A number that is none, Ctrl-C, or a file that cannot be written.
pub(super) fn write(mut output: WholeFile, head: &[u8], source: &Source<'_, '_>, job: &Job<'_>) -> Result<(), Failure> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_interrupted);
    // Where signals cannot be caught, Ctrl-C ends the program as it always does.
    let _wish = interrupt::instead(move || flag.store(true, Ordering::Relaxed)).ok();
    let total = source.gguf.tensors().iter().map(|tensor| tensor.bytes as u64).sum();
    let mut meter = Meter::new("quantising", Unit::Bytes);
    let mut done = 0;
    meter.set(0, Some(total));
    output.write(head)?;
    for ((info, tensor), target) in source.gguf.tensors().iter().zip(job.tensors).zip(job.targets) {
        output.align(DEFAULT_ALIGNMENT)?;
        let change = Change::new(tensor, target, job);
        let data = source.gguf.data(info);
        let (row_from, piece) = (change.row_bytes(change.from), change.piece_rows());
        for (index, rows) in data.chunks(piece * row_from.max(1)).enumerate() {
            if is_interrupted.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
            output.write(&change.rows(rows, index * piece, job.threads)?)?;
            if let Some(mapping) = source.opened.mapping(info.shard) {
                let start = info.offset + index * piece * row_from;
                mapping.release(start..start + rows.len());
            }
            done += rows.len() as u64;
            meter.set(done, Some(total));
        }
    }
    output.align(DEFAULT_ALIGNMENT)?;
    output.finish()
}

impl<'c> Change<'c> {
    fn new(tensor: &Candidate<'c>, target: &Target, job: &Job<'_>) -> Self {
        let size = |index: usize| tensor.shape.get(index).map_or(1, |size| *size as usize);
        let importance = job.importance.and_then(|importance| importance.of(tensor.name));
        let importance = importance.filter(|_| target.format.quantised().is_some());
        Self { name: tensor.name, columns: size(0), rows: size(1), from: tensor.format, to: target.format, importance }
    }

    fn row_bytes(&self, format: &Format) -> usize {
        format.row_bytes(self.columns).unwrap_or(0)
    }

    fn piece_rows(&self) -> usize {
        (PIECE_BYTES / self.row_bytes(self.to).max(1)).max(1)
    }

    /// Some rows in the new format; `first` is the number of the first one.
    fn rows(&self, data: &[u8], first: usize, threads: usize) -> Result<Vec<u8>, Failure> {
        if self.from == self.to {
            return Ok(data.to_vec());
        }
        let (row_from, row_to) = (self.row_bytes(self.from), self.row_bytes(self.to));
        let mut made = vec![0; data.len() / row_from * row_to];
        let share = (SHARE / self.columns).max(1);
        let bad = AtomicUsize::new(usize::MAX);
        let shares = Mutex::new(data.chunks(share * row_from).zip(made.chunks_mut(share * row_to)).enumerate());
        let work = || {
            let mut numbers = vec![0.0; self.columns];
            loop {
                // The lock is given back before the work is done.
                let next = shares.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, (data, made))) = next else { return };
                for (row, (data, made)) in data.chunks_exact(row_from).zip(made.chunks_exact_mut(row_to)).enumerate() {
                    let number = first + index * share + row;
                    self.from.decode_row(data, &mut numbers);
                    if !numbers.iter().all(|x| x.is_finite()) {
                        bad.fetch_min(number, Ordering::Relaxed);
                    } else {
                        encode_row(self.to, &numbers, self.importance_of(number), made);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where the system refuses a thread, the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        match bad.into_inner() {
            usize::MAX => Ok(made),
            row => Err(Failure::Other(format!(
                "row {row} of the tensor `{}` holds a NaN or an infinity: the model is damaged",
                self.name
            ))),
        }
    }

    /// Importance of a row's columns: each matrix has its own numbers.
    fn importance_of(&self, row: usize) -> Option<&[f32]> {
        let all = self.importance.as_deref()?;
        all.get(row / self.rows.max(1) * self.columns..)?.get(..self.columns)
    }
}
