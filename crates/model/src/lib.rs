//! From the bytes of a model file to a program.
//!
//! * [`gguf`]: the file format;
//! * [`checkpoint`]: folders of safetensors files, read as if they were GGUF;
//! * [`mix`]: which format each tensor gets when a model is quantised; [`importance`]: which columns matter most;
//! * [`families`]: model families, each a short file that writes a program from metadata and tensors;
//! * [`ModelSpec`]: the program of one model, checked before memory is taken, and what there is to say about it;
//! * [`ModelFiles`]: the files that a device loads the weights from.
//!
//! This crate names no chip and knows nothing of text, and it computes nothing: devices run programs.

mod build;
pub mod checkpoint;
mod describe;
mod error;
pub mod families;
pub mod gguf;
pub mod importance;
pub mod mix;
mod options;
pub mod rope;
mod spec;

pub use build::limits;
pub use describe::{Description, FormatUse};
pub use error::Error;
pub use options::LoadOptions;
pub use spec::{ModelFiles, ModelSpec, Pooling};
