//! Padding against false sharing: a value on cache lines of its own.

use std::ops::Deref;

/// Something on cache lines of its own (two: processors fetch them in pairs). A line that one thread watches or writes and
/// another writes goes to and fro between their cores, and takes along what else lies on it.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
