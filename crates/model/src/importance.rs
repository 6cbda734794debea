//! The importance matrix: how much each column of a matrix matters, measured on a text.
//!
//! The file is a GGUF file as llama.cpp's tools write and read it: for each tensor `NAME` a tensor `NAME.in_sum2`, `[columns]` or
//! `[columns, matrices]`, the sums of the squares of what the columns were multiplied with, and `NAME.counts`, `[1, matrices]`,
//! how many numbers each sum has. Both are F32.

use std::collections::BTreeMap;

use hefu_numerics::quant::Format;

use crate::error::Error;
use crate::gguf::limits::DEFAULT_ALIGNMENT;
use crate::gguf::write::Writer;
use crate::gguf::{Gguf, Kind, TensorInfo, Value};

/// Endings of the names of the two tensors.
const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

/// The sums of one tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// `[matrices][columns]`: sums of squares.
    pub squares: Vec<f32>,
    /// `[matrices]`: how many squares each sum has.
    pub counts: Vec<f32>,
}

/// An importance matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Importance {
    /// By the names of tensors.
    pub tensors: BTreeMap<String, Sums>,
    /// Sources of the text.
    pub datasets: Vec<String>,
    /// Pieces of the text.
    pub chunks: u32,
    /// Tokens of each.
    pub chunk_size: u32,
}

impl Importance {
    /// Reads a file.
    ///
    /// # Errors
    /// Sums without counts, shapes that do not fit each other, numbers that are none or negative.
    pub fn read(gguf: &Gguf<'_>) -> Result<Importance, Error> {
        let metadata = gguf.metadata();
        let number = |key: &str| Ok::<_, Error>(metadata.unsigned(key)?.unwrap_or(0).try_into().unwrap_or(u32::MAX));
        let strings = metadata.strings("imatrix.datasets")?.unwrap_or_default();
        let mut read = Importance {
            tensors: BTreeMap::new(),
            datasets: strings.into_iter().map(str::to_owned).collect(),
            chunks: number("imatrix.chunk_count")?,
            chunk_size: number("imatrix.chunk_size")?,
        };
        for tensor in gguf.tensors() {
            let Some(name) = tensor.name.strip_suffix(SUMS) else { continue };
            let bad = |problem: &str| Error::BadTensor { name: tensor.name.into(), problem: problem.into() };
            let counts = gguf.tensor(&format!("{name}{COUNTS}")).ok_or_else(|| bad("has no counts beside it"))?;
            let sums = Sums { squares: numbers(gguf, tensor)?, counts: numbers(gguf, counts)? };
            if !sums.squares.len().is_multiple_of(sums.counts.len().max(1)) {
                return Err(bad("does not fit its counts"));
            }
            read.tensors.insert(name.to_owned(), sums);
        }
        if read.tensors.is_empty() {
            let problem = "is in no tensor's name: the file is no importance matrix in GGUF format".into();
            return Err(Error::BadTensor { name: SUMS.into(), problem });
        }
        Ok(read)
    }

    /// The mean squares of a tensor's columns, `[matrices][columns]`; 1 where a matrix was never used.
    pub fn of(&self, tensor: &str) -> Option<Vec<f32>> {
        let Sums { squares, counts } = self.tensors.get(tensor)?;
        let columns = squares.len().checked_div(counts.len())?;
        let mean = |(sums, count): (&[f32], &f32)| -> Vec<f32> {
            if *count > 0.0 { sums.iter().map(|sum| sum / count).collect() } else { vec![1.0; sums.len()] }
        };
        Some(squares.chunks_exact(columns.max(1)).zip(counts).flat_map(mean).collect())
    }

    /// The bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.value("general.type", Value::String(b"imatrix"));
        let datasets = self.datasets.iter().map(|name| Value::String(name.as_bytes()));
        writer.array("imatrix.datasets", Kind::String, datasets);
        writer.value("imatrix.chunk_count", Value::U32(self.chunks));
        writer.value("imatrix.chunk_size", Value::U32(self.chunk_size));
        if let Some(single) = Format::from_name("F32") {
            for (name, Sums { squares, counts }) in &self.tensors {
                let (columns, matrices) = (squares.len() / counts.len().max(1), counts.len() as u64);
                let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
                writer.tensor(&format!("{name}{SUMS}"), &[columns as u64, matrices], single, &bytes(squares));
                writer.tensor(&format!("{name}{COUNTS}"), &[1, matrices], single, &bytes(counts));
            }
        }
        let mut file = writer.finish();
        // Other readers take the data of the last tensor up to the alignment.
        file.resize(file.len().next_multiple_of(DEFAULT_ALIGNMENT as usize), 0);
        file
    }
}

fn numbers(gguf: &Gguf<'_>, tensor: &TensorInfo<'_>) -> Result<Vec<f32>, Error> {
    let bad = |problem: &str| Error::BadTensor { name: tensor.name.into(), problem: problem.into() };
    if tensor.format.name != "F32" {
        return Err(bad("is not F32"));
    }
    let mut numbers = vec![0.0; tensor.bytes / 4];
    tensor.format.decode_row(gguf.data(tensor), &mut numbers);
    match numbers.iter().all(|number| number.is_finite() && *number >= 0.0) {
        true => Ok(numbers),
        false => Err(bad("holds a number that is negative or none at all")),
    }
}
