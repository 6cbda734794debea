//! Metadata that a tokeniser reads from a model file, independent of the file's format.

/// Read access to the metadata of a model file by GGUF key name.
///
/// Each method answers `None` when the key is absent or holds another type. The binary implements this over its parser,
/// so this crate never sees one.
pub trait Metadata {
    /// The text under `key`.
    fn string(&self, key: &str) -> Option<&str>;
    /// The non-negative integer under `key`, of any width.
    fn unsigned(&self, key: &str) -> Option<u64>;
    /// The truth value under `key`.
    fn boolean(&self, key: &str) -> Option<bool>;
    /// The array of texts under `key`.
    fn strings(&self, key: &str) -> Option<Vec<&str>>;
    /// The array of integers under `key`, of any width and sign.
    fn integers(&self, key: &str) -> Option<Vec<i64>>;
    /// The array of floating point numbers under `key`.
    fn floats(&self, key: &str) -> Option<Vec<f32>>;
}
