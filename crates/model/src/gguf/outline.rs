//! Outline of a file, whether or not it can be run.

use std::collections::BTreeMap;

use hefu_numerics::quant::Format;

use super::error::{Error, Part};
use super::metadata::Metadata;
use super::reader::Reader;
use super::{magic, tensor};

/// Keys and table of a model's files, read without a look at the tensors' data: formats that this program does not have,
/// and files that are cut short, do not matter.
#[derive(Debug, Clone)]
pub struct Outline<'a> {
    metadata: Metadata<'a>,
    formats: BTreeMap<u32, usize>,
    tensors: Vec<(&'a str, Vec<u64>, u32)>,
}

impl<'a> Outline<'a> {
    /// Reads the files of a model, in order.
    ///
    /// # Errors
    /// A file that is no GGUF, or whose keys or table are damaged.
    pub fn parse(parts: &[&'a [u8]]) -> Result<Outline<'a>, Error> {
        let of = parts.len();
        let mut first = None;
        let mut tensors = Vec::new();
        for (index, bytes) in parts.iter().enumerate() {
            let mut reader = Reader::new(bytes, Part { index, of });
            magic::read(&mut reader)?;
            let tensor_count = tensor::count(&mut reader)?;
            let key_count = Metadata::count(&mut reader)?;
            let metadata = Metadata::read(&mut reader, key_count)?;
            for _ in 0..tensor_count {
                let row = tensor::read_row(&mut reader)?;
                tensors.push((row.name, row.shape, row.number));
            }
            first.get_or_insert(metadata);
        }
        let mut formats = BTreeMap::new();
        tensors.iter().for_each(|(_, _, number)| *formats.entry(*number).or_default() += 1);
        Ok(Outline { metadata: first.ok_or(Error::NoParts)?, formats, tensors })
    }

    /// The keys; of a split model, those of the first part.
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// Name, shape in the file's order, and format of each tensor, in the order of the tables.
    pub fn tensors(&self) -> impl Iterator<Item = (&'a str, &[u64], String)> {
        self.tensors.iter().map(|(name, shape, number)| (*name, shape.as_slice(), named(*number)))
    }

    /// Each format's name, how many tensors have it, and whether this program has it.
    pub fn formats(&self) -> impl Iterator<Item = (String, usize, bool)> {
        self.formats.iter().map(|(number, count)| (named(*number), *count, Format::from_gguf_type(*number).is_some()))
    }
}

fn named(number: u32) -> String {
    tensor::format_name(number).map_or_else(|| format!("type {number}"), str::to_owned)
}
