//! Memory in huge pages.

use super::MemoryError;
use super::system::{Zeroed, want_huge_pages, zeroed};

/// Zeroed memory that the system backs with huge pages (2 MiB on x86-64) where it can.
///
/// Reading weights is bound by memory, and with 4 KiB pages about a third of the bandwidth is lost to address
/// translation.
#[derive(Debug)]
pub struct HugeMemory {
    map: Option<Zeroed>,
}

impl HugeMemory {
    /// Asks the system for `bytes` bytes; they become resident when they are written.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(bytes: usize) -> Result<HugeMemory, MemoryError> {
        if bytes == 0 {
            return Ok(HugeMemory { map: None });
        }
        let map = zeroed(bytes).map_err(|source| MemoryError::Refused { bytes, source })?;
        want_huge_pages(&map, true);
        Ok(HugeMemory { map: Some(map) })
    }
}

impl HugeMemory {
    /// As [`HugeMemory::new`], in the smallest pages that the system has.
    pub(crate) fn in_small_pages(bytes: usize) -> Result<HugeMemory, MemoryError> {
        let map = zeroed(bytes.max(1)).map_err(|source| MemoryError::Refused { bytes, source })?;
        want_huge_pages(&map, false);
        Ok(HugeMemory { map: Some(map) })
    }
}

impl AsRef<[u8]> for HugeMemory {
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl AsMut<[u8]> for HugeMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zero_and_writable() {
        let mut memory = HugeMemory::new(5_000_000).unwrap();
        assert!(memory.as_ref().iter().all(|&byte| byte == 0));
        memory.as_mut()[4_999_999] = 7;
        assert_eq!(memory.as_ref()[4_999_999], 7);
        assert!(HugeMemory::new(0).unwrap().as_ref().is_empty());
        assert!(HugeMemory::new(usize::MAX / 2).is_err());
    }
}
