//! Working memory for rows of numbers.

use std::ops::{Deref, DerefMut};

/// Numbers of a cache line, and of the widest register: one that lies across two lines takes twice the time to read and
/// to write.
const LINE: usize = 16;

/// Numbers that begin at the start of a cache line, in memory that is reused and only grows.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Vec<f32>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// The first `length` numbers; their contents are arbitrary.
    pub fn sized(&mut self, length: usize) -> &mut [f32] {
        if self.length < length {
            // Given back before there is more, so that both never are there at once.
            self.memory = Vec::new();
            self.memory = vec![0.0; length + LINE];
            // Where an address cannot be aligned, any start will do: nothing but speed depends on it.
            self.start = self.memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
            self.length = length;
        }
        &mut self[..length]
    }

    /// Bytes that it has grown to, but for those before the first line.
    pub fn bytes(&self) -> usize {
        self.length * size_of::<f32>()
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_at_a_line_and_keeps_its_memory() {
        let mut buffer = Buffer::default();
        assert!(buffer.is_empty() && buffer.bytes() == 0);
        for length in [1, 100, 5000, 3, 0] {
            let numbers = buffer.sized(length);
            assert_eq!((numbers.len(), numbers.as_ptr() as usize % 64), (length, 0));
            numbers.fill(1.0);
        }
        assert_eq!(buffer.len(), 5000);
        assert!(buffer.iter().all(|&x| x == 1.0));
    }
}
