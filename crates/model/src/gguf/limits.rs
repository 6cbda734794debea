//! Limits of the parser, checked before memory is taken.
//!
//! The limits bound the work and the memory that a stranger's file can cause; each is far above what models have.

/// Keys in one part. Real models have 20 to 100; each costs about 100 bytes of memory.
pub const MAX_KEYS: u64 = 1 << 16;

/// Tensors in one part. A model of 61 layers with 256 experts stored one by one has 48,000.
pub const MAX_TENSORS: u64 = 1 << 18;

/// Bytes of a key: the limit of the GGUF specification.
pub const MAX_KEY_BYTES: u64 = 65_535;

/// Bytes of a tensor's name. The specification says 64, some tools write up to 128.
pub const MAX_TENSOR_NAME_BYTES: u64 = 256;

/// Bytes of a string value. The longest in use is a whole `tokenizer.json` of some tens of megabytes.
pub const MAX_STRING_BYTES: u64 = 1 << 28;

/// Elements of an array. The largest vocabularies have 262,144 tokens and about twice as many merges; a getter that
/// widens the elements (to `i64`, `&str`) takes up to 16 bytes for each.
pub const MAX_ARRAY_LENGTH: u64 = 1 << 24;

/// Arrays within arrays. No known key uses more than one; the parser recurses once per level.
pub const MAX_ARRAY_DEPTH: usize = 4;

/// Dimensions of a tensor, as in ggml (`GGML_MAX_DIMS`).
pub const MAX_DIMENSIONS: u32 = 4;

/// Bytes of one tensor: 1 TiB. The largest in use, expert stacks of the biggest models, stay under 100 GB.
pub const MAX_TENSOR_BYTES: u64 = 1 << 40;

/// Alignment of tensor data when `general.alignment` is absent, from the specification.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// Smallest alignment: the specification asks for a multiple of 8.
pub const MIN_ALIGNMENT: u64 = 8;

/// Largest alignment: 2 MiB, the size of a huge page; more would only waste the file.
pub const MAX_ALIGNMENT: u64 = 1 << 21;
