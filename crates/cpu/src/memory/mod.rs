//! Memory: mapped files to read weights from, huge pages to keep them in, and large buffers.

mod allocator;
mod huge;
mod mapping;
mod system;

pub use allocator::HugeAllocator;
pub(crate) use allocator::room;
pub use huge::HugeMemory;
pub use mapping::Mapping;

/// Reason why memory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file could not be opened or mapped.
    #[error("cannot read {path}: {source}; check the path and its permissions")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The system has no such amount of memory.
    #[error(
        "the system refused {bytes} bytes of memory for weights: {source}; use a smaller model or a smaller quantisation"
    )]
    Refused {
        /// The amount asked for.
        bytes: usize,
        /// The system's reason.
        source: std::io::Error,
    },
}
