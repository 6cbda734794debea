//! Bytes that begin at the start of a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest register.
const LINE: usize = 64;

/// Bytes whose first one lies at a multiple of 64.
#[derive(Debug)]
pub struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// So many zeros. The operating system hands out such memory only when it is written.
    pub fn zeroed(length: usize) -> Self {
        Aligned::with_room(length, length)
    }

    /// So many zeros in a piece of memory of at least `room` bytes, of which the rest is never touched.
    pub fn with_room(length: usize, room: usize) -> Self {
        let memory = vec![0_u8; length.max(room) + LINE];
        // Where an address cannot be aligned, any start will do: nothing but speed depends on it.
        let start = memory.as_ptr().align_offset(LINE).min(LINE);
        Aligned { memory, start, length }
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_at_a_line() {
        for length in [0, 1, 100, 5000] {
            let bytes = Aligned::zeroed(length);
            assert_eq!((bytes.len(), bytes.as_ptr() as usize % LINE), (length, 0));
        }
    }
}
