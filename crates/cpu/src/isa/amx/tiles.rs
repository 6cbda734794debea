//! The tile registers, by inline assembly: the compiler has no stable functions for them and never uses them itself.
//!
//! ```text
//! tmm0 tmm1   sums                 16 tokens x 16 rows of i32
//! tmm4 tmm5   a whole block:       activations 16 tokens x 32 columns, weights 8 lines of [16 rows][4 columns]
//! tmm6 tmm7   half a block:        activations 16 tokens x 16 columns, weights 4 lines
//! ```

use std::arch::asm;

use crate::layout::LINE;

/// Tokens and rows of a tile.
pub(super) const SIDE: usize = 16;

/// Bytes of a tile of sums.
pub(super) const SUMS_BYTES: usize = SIDE * SIDE * size_of::<i32>();

/// Bytes from one token's activations to the next one's.
const TOKEN_BYTES: usize = 32;

/// The shapes of the registers, as LDTILECFG reads them.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPES: Shapes = {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    (row_bytes[0], rows[0]) = (64, 16);
    (row_bytes[1], rows[1]) = (64, 16);
    (row_bytes[4], rows[4]) = (32, 16);
    (row_bytes[5], rows[5]) = (64, 8);
    (row_bytes[6], rows[6]) = (16, 16);
    (row_bytes[7], rows[7]) = (64, 4);
    Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
};

/// Gives the registers their shapes, on the calling thread.
///
/// # Safety
/// The machine has the instructions and the process the permission.
pub(super) unsafe fn begin() {
    // SAFETY: reads 64 bytes.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, preserves_flags)) };
}

/// Gives the registers back, so that the system need not save them any more.
///
/// # Safety
/// As [`begin`].
pub(super) unsafe fn end() {
    // SAFETY: changes tile registers only.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
}

/// Sums of a whole block (or of half a block) by register `SUMS`, 0 or 1, to `to`: `[16 tokens][16 rows]`.
///
/// # Safety
/// Between [`begin`] and [`end`]; `activations` are `[16 tokens][32 columns]`, from the half's first column on, `weights`
/// 8 lines (or 4), and `to` is valid for writing [`SUMS_BYTES`].
#[inline(always)]
pub(super) unsafe fn sums<const SUMS: usize, const HALF: bool>(
    activations: *const u8,
    weights: *const u8,
    to: *mut u8,
) {
    // SAFETY: between [`begin`] and [`end`]; `activations` are `[16 tokens][32 columns]`, from the half's first
    // column on, `weights` 8 lines (or 4), and `to` is valid for writing [`SUMS_BYTES`]; the registers have the
    // shapes of `SHAPES`.
    unsafe {
        if HALF {
            asm!(
                "tilezero tmm{sums}",
                "tileloadd tmm6, [{a} + {a_row}*1]",
                "tileloadd tmm7, [{b} + {line}*1]",
                "tdpbssd tmm{sums}, tmm6, tmm7",
                "tilestored [{to} + {line}*1], tmm{sums}",
                sums = const SUMS,
                a = in(reg) activations,
                a_row = in(reg) TOKEN_BYTES,
                b = in(reg) weights,
                line = in(reg) LINE,
                to = in(reg) to,
                options(nostack, preserves_flags)
            );
        } else {
            asm!(
                "tilezero tmm{sums}",
                "tileloadd tmm4, [{a} + {a_row}*1]",
                "tileloadd tmm5, [{b} + {line}*1]",
                "tdpbssd tmm{sums}, tmm4, tmm5",
                "tilestored [{to} + {line}*1], tmm{sums}",
                sums = const SUMS,
                a = in(reg) activations,
                a_row = in(reg) TOKEN_BYTES,
                b = in(reg) weights,
                line = in(reg) LINE,
                to = in(reg) to,
                options(nostack, preserves_flags)
            );
        }
    }
}
