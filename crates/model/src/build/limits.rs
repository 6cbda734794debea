//! Bounds of what metadata may say, checked before anything is allocated.

/// Most positions of a context.
pub const MAX_CONTEXT: usize = 1 << 26;
/// Most blocks.
pub const MAX_LAYERS: usize = 1024;
/// Most elements of a row of the residual stream.
pub const MAX_WIDTH: usize = 1 << 17;
/// Most elements inside a feed-forward part.
pub const MAX_FEED_FORWARD: usize = 1 << 20;
/// Most heads of queries.
pub const MAX_HEADS: usize = 4096;
/// Most elements of a query, key or value.
pub const MAX_HEAD_SIZE: usize = 1024;
/// Most experts of a layer.
pub const MAX_EXPERTS: usize = 4096;
/// Most tokens of a vocabulary.
pub const MAX_VOCABULARY: usize = 1 << 22;
/// Most groups of experts that every token goes through.
pub const MAX_SHARED_EXPERTS: usize = 64;
/// Most positions that a short convolution sees.
pub const MAX_TAPS: usize = 64;
/// Residual streams.
pub const MAX_STREAMS: usize = 16;
