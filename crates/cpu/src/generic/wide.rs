//! Kernels for large batches (GEMM).

use super::job::TileJob;

/// Fewest tiles of a part that is made for a thread's sake: each part takes all weights apart once more.
const TILES_OF_A_PART: usize = 24;

/// Products of large batches: kernels that read each activation for several groups of rows, or multiply whole tiles, from
/// groups that were unpacked before.
pub struct Wide {
    /// Tokens of a tile in the panel.
    pub tile: usize,
    /// Groups of rows that a kernel works on, at most [`MAX_WIDE_GROUPS`]: a unit.
    pub groups: usize,
    /// Most blocks of a unit that are gone through at a time, whole blocks of every file format: a unit's numbers and a tile's
    /// activations of as many blocks fit in L1.
    pub blocks: usize,
    /// Order where there are more blocks than that.
    pub order: Order,
    /// Most bytes of the panel that are gone through for each unit: what stays in L2.
    pub panel_bytes: usize,
    /// True if activations lie token by token (see [`super::panel::PanelShape`]), and codes that were unpacked are the weights
    /// themselves, so that no sum needs a correction.
    pub by_token: bool,
    /// Makes the calling thread ready for `tile`; ended by `end` on the same thread.
    pub begin: unsafe fn(),
    /// Gives back what `begin` took.
    pub end: unsafe fn(),
    /// The kernels for a quantised format, by its GGUF type number.
    pub products: fn(u32) -> &'static WideProducts,
}

impl Wide {
    /// Parts that a panel of so many bytes and tiles is gone through in: as many for each thread, where that pays, so that
    /// each begins with tokens of its own, whose activations it has made itself.
    pub fn parts(&self, panel_bytes: usize, tiles: usize, threads: usize) -> usize {
        let parts = panel_bytes.div_ceil(self.panel_bytes).clamp(1, tiles);
        if tiles >= threads * TILES_OF_A_PART { parts.next_multiple_of(threads) } else { parts }
    }

    /// Units of a matrix with so many groups.
    pub fn units(&self, groups: usize) -> usize {
        groups.div_ceil(self.groups)
    }
}

/// Most groups of rows of a [`Wide`] kernel.
pub const MAX_WIDE_GROUPS: usize = 2;

/// Loop order of a [`Wide`] product: its outer loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All blocks of a unit before the next unit: results stay in a cache, the panel is read again for each unit.
    Rows,
    /// A stretch of blocks of all units before the next stretch.
    Blocks,
}

/// The wide kernels of one format.
pub struct WideProducts {
    /// Fewest tokens of a batch for which these are faster.
    pub from: usize,
    /// Kernels, each with the most tiles that it is for, ascending; the last are for any number.
    pub kernels: &'static [(usize, WideKernels)],
}

impl WideProducts {
    /// The kernels for so many tiles.
    pub fn kernels(&self, tiles: usize) -> &'static WideKernels {
        let (_, kernels) = self.kernels.iter().find(|(most, _)| tiles <= *most).expect("the last are for any number");
        kernels
    }
}

/// Kernels that share a form of the weights.
pub struct WideKernels {
    /// Takes blocks of a group apart, as [`super::kernels::Products::unpack`]; see [`Wide::by_token`]. `None`: `tile` reads
    /// packed codes and scales where they are.
    pub unpack: Option<unsafe fn(&TileJob, *mut u8, *mut u8, *mut u8)>,
    /// Adds the product of some blocks of a tile, or of several, to the results, or makes them, if these are the first
    /// blocks. There are kernels for equal parts of a tile, as the last tile of a batch seldom is full: of four, for the first quarter of
    /// its tokens, the first two, three, and all.
    pub tile: &'static [unsafe fn(&TileJob, bool)],
}
