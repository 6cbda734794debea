//! AMX: products of whole tiles of bytes, beside AVX-512 for all else (Sapphire Rapids onwards).
//!
//! A block of 32 columns has scales of its own, so its sums leave the tile register before they are scaled:
//!
//! ```text
//! C[16 tokens][16 rows] = A[16 tokens][32 columns] * B[32 columns][16 rows]     one instruction, exact
//! acc[t] = fma(f32(C[t]), s * d[t], acc[t])                                     16 registers of 16 rows
//! ```
//!
//! while the tile of the next block is under way. Batches that do not fill a tile are left to AVX-512.

mod peak;
mod permission;
mod product;
mod tiles;

use crate::activations::Activations;
use crate::ops::{Ops, Projection, Team};
use crate::scratch::Scratch;

use super::avx512;
use crate::generic::kernels::Kernels;
use crate::generic::parallel;
use crate::generic::wide::{Order, Wide};
use crate::limits::Peaks;

/// The operations with this instruction set. Only [`crate::select`] hands them out, after looking whether the machine
/// has the instructions.
pub(crate) const OPS: Ops = Ops {
    name: "amx",
    linear: |team: &dyn Team,
             scratch: &mut Scratch,
             input: Activations<'_>,
             tokens: usize,
             outputs: &mut [Projection<'_>]| {
        parallel::linear::linear(&KERNELS, team, scratch, input, tokens, outputs)
    },
    gated: |team, scratch, input, tokens, gated, ffn_hidden| {
        parallel::linear::gated(&KERNELS, team, scratch, input, tokens, gated, ffn_hidden)
    },
    // Prepares what these products read.
    add: |team, sum, addend, around| parallel::elementwise::add(&KERNELS, team, sum, addend, around),
    ..avx512::OPS
};

pub(crate) static KERNELS: Kernels = Kernels { wide: Some(&WIDE), ..avx512::KERNELS };

static WIDE: Wide = Wide {
    tile: tiles::SIDE,
    groups: 1,
    blocks: 32,
    order: Order::Blocks,
    panel_bytes: 1 << 20,
    by_token: true,
    begin: tiles::begin,
    end: tiles::end,
    products: product::products,
};

/// Peak kernels of this instruction set, for [`crate::limits`].
pub(crate) static PEAKS: Peaks = Peaks { integer: peak::INTEGER, ..avx512::PEAKS };

/// True if this machine has the instructions, and the system lets the process use them.
pub(crate) fn is_available() -> bool {
    avx512::is_available() && permission::is_given()
}
