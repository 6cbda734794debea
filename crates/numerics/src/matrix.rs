//! A weight matrix as a device holds it.

use std::ops::Range;
use std::sync::Arc;

use crate::quant::Format;

/// Memory that a device handed out: plain, read-only bytes once filled.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// `rows` x `columns` weights in the layout of the device that packed them; a row gives one output, the columns are
/// the contraction index.
#[derive(Clone)]
pub struct Matrix {
    /// Format of the weights.
    pub format: &'static Format,
    /// Outputs.
    pub rows: usize,
    /// Length of every sum.
    pub columns: usize,
    /// The memory that holds it, usually together with other matrices.
    pub memory: Bytes,
    /// Where in `memory` it lies.
    pub range: Range<usize>,
}

impl Matrix {
    /// The packed bytes.
    pub fn bytes(&self) -> &[u8] {
        &(*self.memory).as_ref()[self.range.clone()]
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({} {}x{})", self.format.name, self.rows, self.columns)
    }
}
