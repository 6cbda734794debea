//! GGUF, the file format of models: a bounded parser that borrows everything from the file's bytes.
//!
//! A file is, in little-endian order (specification: `docs/gguf.md` of the ggml project):
//!
//! ```text
//! "GGUF"  version: u32  tensors: u64  keys: u64
//! keys    times: key: string  type: u32  value
//! tensors times: name: string  dimensions: u32  sizes: u64 each  type: u32  offset: u64
//! padding to the alignment, then the data of the tensors, each at its offset from here
//!
//! string = length: u64, bytes        array = type: u32, length: u64, values
//! ```
//!
//! Nothing in a file is believed: every count, length, offset and size is checked against what is left of the file and
//! against the [`limits`] before it is used, so that memory grows only with bytes that were really there, and no more
//! than a few times their number. Strings, arrays and tensors stay in the file's bytes.
//!
//! ```
//! use hefu_model::gguf::{Gguf, Value, write::Writer};
//!
//! let mut writer = Writer::new();
//! writer.value("general.architecture", Value::String(b"llama"));
//! let file = writer.finish();
//! let gguf = Gguf::parse(&[&file])?;
//! assert_eq!(gguf.metadata().required_string("general.architecture")?, "llama");
//! # Ok::<(), hefu_model::gguf::Error>(())
//! ```

mod error;
mod layout;
pub mod limits;
mod magic;
mod metadata;
mod outline;
mod reader;
mod split;
mod tensor;
mod value;
pub mod write;

use std::collections::HashMap;

pub use error::{Error, Missing, Part, Place, Shown};
pub use metadata::Metadata;
pub use outline::Outline;
pub use tensor::TensorInfo;
pub use value::{Array, Kind, Value};

use reader::Reader;

/// A parsed model file, or all parts of one.
#[derive(Debug, Clone)]
pub struct Gguf<'a> {
    files: Vec<&'a [u8]>,
    version: u32,
    metadata: Metadata<'a>,
    tensors: Vec<TensorInfo<'a>>,
    by_name: HashMap<&'a str, usize>,
}

/// One file on its own.
struct File<'a> {
    version: u32,
    metadata: Metadata<'a>,
    tensors: Vec<TensorInfo<'a>>,
}

impl<'a> Gguf<'a> {
    /// Parses a model from the bytes of its file, or of all files that it is split into, in order.
    ///
    /// # Errors
    /// Whatever is wrong with a file, or with the set of files; each [`Error`] says where and what to do.
    pub fn parse(parts: &[&'a [u8]]) -> Result<Gguf<'a>, Error> {
        let of = parts.len();
        let files = parts.iter().enumerate().map(|(index, bytes)| File::parse(bytes, Part { index, of }));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        split::check(&files)?;
        let mut files = files.into_iter();
        let File { version, metadata, mut tensors } = files.next().ok_or(Error::NoParts)?;
        tensors.extend(files.flat_map(|file| file.tensors));
        let mut by_name = HashMap::with_capacity(tensors.len());
        for (index, tensor) in tensors.iter().enumerate() {
            if by_name.insert(tensor.name, index).is_some() {
                let part = Part { index: tensor.shard, of };
                return Err(Error::DuplicateTensor { tensor: Shown::new(tensor.name), part });
            }
        }
        Ok(Gguf { files: parts.to_vec(), version, metadata, tensors, by_name })
    }

    /// A model whose keys and table are in `head`, as [`write::Writer::finish`] gives them, and whose tensors lie elsewhere:
    /// each in one of the other files, by number, from a byte on.
    ///
    /// # Errors
    /// Whatever is wrong with the keys and the table, and tensors that do not lie in their files.
    pub fn assemble(head: &'a [u8], others: &[&'a [u8]], places: &[(usize, usize)]) -> Result<Gguf<'a>, Error> {
        let part = Part { index: 0, of: 1 };
        let mut reader = Reader::new(head, part);
        let version = magic::read(&mut reader)?;
        let tensor_count = tensor::count(&mut reader)?;
        let key_count = Metadata::count(&mut reader)?;
        let metadata = Metadata::read(&mut reader, key_count)?;
        let entries = tensor::read(&mut reader, tensor_count)?;
        let files: Vec<&[u8]> = std::iter::once(head).chain(others.iter().copied()).collect();
        let tensors = layout::elsewhere(&files, entries, places)?;
        let by_name = tensors.iter().enumerate().map(|(index, tensor)| (tensor.name, index)).collect();
        Ok(Gguf { files, version, metadata, tensors, by_name })
    }

    /// The bytes of the files that were parsed, in order; [`TensorInfo::shard`] numbers them.
    pub fn files(&self) -> &[&'a [u8]] {
        &self.files
    }

    /// The version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The keys; of a split model, those of the first part.
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// All tensors, in the order of the tables of the parts.
    pub fn tensors(&self) -> &[TensorInfo<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo<'a>> {
        self.tensors.get(*self.by_name.get(name)?)
    }

    /// The bytes of a tensor in the file's layout: [`TensorInfo::bytes`] of them.
    pub fn data(&self, tensor: &TensorInfo<'a>) -> &'a [u8] {
        tensor.data
    }
}

impl<'a> File<'a> {
    fn parse(bytes: &'a [u8], part: Part) -> Result<File<'a>, Error> {
        let mut reader = Reader::new(bytes, part);
        let version = magic::read(&mut reader)?;
        let tensor_count = tensor::count(&mut reader)?;
        let key_count = Metadata::count(&mut reader)?;
        let metadata = Metadata::read(&mut reader, key_count)?;
        let alignment = layout::alignment(&metadata, part)?;
        let entries = tensor::read(&mut reader, tensor_count)?;
        let tensors = layout::place(bytes, part, reader.offset(), alignment, entries)?;
        Ok(File { version, metadata, tensors })
    }
}
