//! Memory that matrices refer to before it is there.

use std::sync::OnceLock;

/// Weights are bound, and their places laid out, before the memory for them is taken and filled; empty until then.
#[derive(Default)]
pub(super) struct Late(OnceLock<Box<dyn AsRef<[u8]> + Send + Sync>>);

impl Late {
    /// Puts the filled memory in its place.
    pub(super) fn fill(&self, memory: Box<dyn AsRef<[u8]> + Send + Sync>) {
        // A plan is consumed by loading, so that this happens once.
        let _ = self.0.set(memory);
    }
}

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Late({} bytes)", self.as_ref().len())
    }
}

impl AsRef<[u8]> for Late {
    fn as_ref(&self) -> &[u8] {
        self.0.get().map_or(&[], |memory| (**memory).as_ref())
    }
}
