//! Folders of the hub: `config.json` and safetensors files, read as if somebody had converted them to GGUF.
//!
//! Converters' work is done when the folder is opened: names and keys become those of GGUF ([`crate::families`] has the one
//! table of them), rows of queries and keys are permuted where a family needs it, gains get the 1 that they lack, experts are put
//! together, and numbers of packed formats become plain ones. What can be used as it lies in the files stays there.

mod config;
mod file;
mod four;
mod keys;
mod numbers;
mod packed;
mod source;
mod tensors;

use std::borrow::Cow;

pub(crate) use config::Config;
pub(crate) use keys::Keys;

use crate::families::origins::{ORIGINS, Origin};
use crate::gguf::write::Writer;
use tensors::Tensors;

/// Errors of a folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be used.
    #[error("{name} {problem}")]
    File {
        /// Its name.
        name: String,
        /// The fault.
        problem: String,
    },
    /// A kind of model that is not read from folders.
    #[error("config.json says that the model is {found}, which is not read from a folder; read are {known}")]
    Unknown {
        /// Value of `architectures`.
        found: String,
        /// Possible values.
        known: String,
    },
    /// Something that would change results and is not done.
    #[error("config.json asks for {what}, which is not supported for folders; use a GGUF file of the model")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A tensor that cannot be used.
    #[error("the tensor `{name}` {problem}")]
    Tensor {
        /// Its name in the folder.
        name: String,
        /// The fault.
        problem: String,
    },
}

/// A folder that was read: keys and tensors as GGUF has them.
pub struct Checkpoint<'a> {
    origin: &'static Origin,
    keys: Keys,
    tensors: Tensors<'a>,
    /// Tokens that the table has rows for, if `config.json` says it.
    pub vocabulary: Option<usize>,
    /// Tokens that begin and end a text, by `config.json`.
    pub ends: [Option<u32>; 2],
}

/// Place of a tensor's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In one of the files, from this byte on.
    File(usize, usize),
    /// Nowhere yet: they are made by [`Checkpoint::bytes`].
    Made,
}

impl<'a> Checkpoint<'a> {
    /// Reads `config.json` and the tables of safetensors files, with their names.
    ///
    /// # Errors
    /// A kind of model that is not read so, files that are damaged, tensors that nothing uses.
    pub fn read(config: &str, files: &[(&str, &'a [u8])]) -> Result<Checkpoint<'a>, Error> {
        let config = Config::read(config)?;
        let is_of = |origin: &&Origin| config.architectures.iter().any(|name| origin.names.contains(&name.as_str()));
        let origin = ORIGINS.iter().find(is_of).ok_or_else(|| unknown(&config))?;
        let keys = Keys::read(&config, origin.keys)?;
        let mut stored = Vec::new();
        for (index, (name, bytes)) in files.iter().enumerate() {
            stored.extend(file::read(bytes, index, name)?);
        }
        let tensors = Tensors::read(origin, &config, stored, files.iter().map(|(_, bytes)| *bytes).collect(), &keys)?;
        let vocabulary = config.size(&["vocab_size"]).and_then(|size| usize::try_from(size).ok());
        let ends = [config.size(&["bos_token_id"]), config.size(&["eos_token_id"])];
        Ok(Checkpoint { origin, keys, tensors, vocabulary, ends })
    }

    /// Writes the model's keys, and declares its tensors.
    pub fn write(&self, writer: &mut Writer) {
        self.keys.write(self.origin.family, writer);
        for tensor in self.tensors.all() {
            writer.declare(&tensor.name, &tensor.shape, tensor.format, tensor.bytes());
        }
    }

    /// Tensors, in the order in which they are declared.
    pub fn len(&self) -> usize {
        self.tensors.all().len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Place of a tensor's bytes.
    pub fn place(&self, index: usize) -> Place {
        self.tensors.place(index)
    }

    /// Bytes of all tensors that are made.
    pub fn made_bytes(&self) -> u64 {
        let made = (0..self.len()).filter(|index| self.place(*index) == Place::Made);
        made.map(|index| self.tensors.all()[index].bytes()).sum()
    }

    /// The bytes of a tensor.
    pub fn bytes(&self, index: usize) -> Cow<'a, [u8]> {
        self.tensors.bytes(index)
    }
}

fn unknown(config: &Config) -> Error {
    let known: Vec<&str> = ORIGINS.iter().flat_map(|origin| origin.names).copied().collect();
    let found = crate::build::shown(&config.architectures.join(", "));
    Error::Unknown { found, known: known.join(", ") }
}
