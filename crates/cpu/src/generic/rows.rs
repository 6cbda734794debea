//! As many rows of a weight matrix as one register holds.

use std::ops::Range;

use hefu_numerics::reference::TINY;

use super::panel::{COMMON_ROWS, Extra, PanelShape, Source, Tile};
use crate::layout::LINE;

/// Clause Q1: from the bits of the largest magnitude of 32 activations to their scale, and the factor that makes them
/// integers (0: all of them become 0).
#[inline(always)]
pub fn quantizer(largest: u32) -> (f32, f32) {
    if largest >= f32::INFINITY.to_bits() {
        return (f32::NAN, 0.0);
    }
    let largest = f32::from_bits(largest);
    if largest < TINY { (0.0, 0.0) } else { (largest / 127.0, 127.0 / largest) }
}

/// Prefetches `bytes` bytes from `from` on into L2. Any address will do.
///
/// # Safety
/// The machine has the instructions of `R`.
#[inline(always)]
pub unsafe fn fetch<R: DotIsa>(from: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(LINE) {
        R::prefetch(from.wrapping_add(line));
    }
}

/// One register: per row four codes (bytes), one integer sum, or one f32.
///
/// # Safety
/// Every function may be called only on a machine that has the instructions, and those that take a pointer only if it
/// is valid for what they read or write there, at any alignment.
#[expect(clippy::missing_safety_doc, reason = "the trait's own duties are those of each function")]
pub unsafe trait DotIsa: Copy {
    /// Rows side by side, a divisor of [`crate::layout::GROUP`].
    const WIDTH: usize;

    /// True if codes of 8 bits are made signed (and need no offset), false if they stay unsigned.
    const SIGNED_BYTES: bool;

    /// Token counts for which there are kernels, ascending; the last is the tile of large batches.
    const TILES: &'static [usize];

    /// Bytes, four per row.
    type Codes: Copy;

    /// f32, one per row.
    type Floats: Copy;

    /// i32, one per row.
    type Sums: Copy;

    /// Prefetches the cache line at `at` into L2: the few fill buffers of L1 stay free for lines that are needed now. Any
    /// address will do.
    fn prefetch(at: *const u8);

    /// Prefetches the cache line at `at` into L1. Any address will do.
    fn prefetch_near(at: *const u8);

    /// Prefetches the cache line at `at` for writing. Any address will do.
    fn prefetch_for_writing(at: *const u8);

    /// Reads 4 bytes per row.
    unsafe fn load_codes(from: *const u8) -> Self::Codes;

    /// Writes 4 bytes per row.
    unsafe fn store_codes(codes: Self::Codes, to: *mut u8);

    /// `(codes shifted by places bits within 16) & mask`: to the left if `places` is positive. Bits that cross from
    /// one byte into another must be masked off.
    unsafe fn shift_and(codes: Self::Codes, places: i32, mask: u8) -> Self::Codes;

    /// `codes` shifted to the right by so many bits within 16, which need not be known before; bits that cross from one
    /// byte into another must be masked off.
    unsafe fn shift_right(codes: Self::Codes, places: usize) -> Self::Codes;

    /// Three times each byte, without what does not fit: the next digit of fractions to base 3 moves to the top.
    unsafe fn triple(codes: Self::Codes) -> Self::Codes;

    /// The whole part of three times each byte as a fraction of 256: 0, 1 or 2.
    unsafe fn top_trit(codes: Self::Codes) -> Self::Codes;

    /// Reads one byte per row, for all four of the row's.
    unsafe fn spread(from: *const u8) -> Self::Codes;

    /// Bitwise or.
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes;

    /// Each byte, from 0 to 15, replaced by the table's entry.
    unsafe fn look_up(codes: Self::Codes, table: &[u8; 16]) -> Self::Codes;

    /// Each byte with its highest bit flipped.
    unsafe fn flip_sign(codes: Self::Codes) -> Self::Codes;

    /// Per row: the sum over `N` column groups, from group `FROM` on, of the group's four weights times four
    /// activations, plus `start`. The activations of group `g` are the four signed bytes at `q + (g - FROM) * stride`.
    /// `BITS` is the width of the codes: unsigned below 8; for 8, signed if [`DotIsa::SIGNED_BYTES`].
    unsafe fn dot<const BITS: u32, const FROM: usize, const N: usize>(
        codes: &[Self::Codes; 8],
        q: *const u8,
        stride: usize,
        start: Self::Sums,
    ) -> Self::Sums;

    /// Zero in every row.
    unsafe fn no_sums() -> Self::Sums;

    /// The i32 at `from` in every row.
    unsafe fn broadcast_sum(from: *const u8) -> Self::Sums;

    /// Integers to floats; exact below 2^24.
    unsafe fn to_floats(sums: Self::Sums) -> Self::Floats;

    /// Zero in every row.
    unsafe fn no_floats() -> Self::Floats;

    /// The f32 at `from` in every row.
    unsafe fn broadcast(from: *const u8) -> Self::Floats;

    /// Reads f32.
    unsafe fn load(from: *const u8) -> Self::Floats;

    /// Writes f32.
    unsafe fn store(floats: Self::Floats, to: *mut u8);

    /// Reads binary16, widened.
    unsafe fn load_f16(from: *const u8) -> Self::Floats;

    /// Reads bfloat16, widened.
    unsafe fn load_bf16(from: *const u8) -> Self::Floats;

    /// Reads one signed byte per row.
    unsafe fn load_signed_bytes(from: *const u8) -> Self::Floats;

    /// Reads one unsigned byte per row.
    unsafe fn load_unsigned_bytes(from: *const u8) -> Self::Floats;

    /// Reads 4 bits per row, without sign, from place `shift` of a byte: 0 or 4.
    unsafe fn load_nibbles(from: *const u8, shift: usize) -> Self::Floats;

    /// Reads one number per row, half of [`hefu_numerics::quant::SubScales::HalfE4M3`]'s 7 bits.
    unsafe fn load_half_e4m3(from: *const u8) -> Self::Floats;

    /// `a * b`.
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;

    /// `a * b + c`, rounded once.
    unsafe fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;

    /// Fills some blocks of one tile of a panel; an instruction set that quantises many tokens at once has its own way.
    ///
    /// # Safety
    /// As [`fill_tile`].
    #[inline(always)]
    unsafe fn fill_tile(shape: &PanelShape, tile: &Tile, blocks: Range<usize>, source: &Source<'_>, panel: *mut u8) {
        // SAFETY: what [`fill_tile`] asks holds.
        unsafe { fill_tile::<Self>(shape, tile, blocks, source, panel) }
    }

    /// Writes a token's activations to a block that has them token by token, whose tokens' begin at `block`.
    #[inline(always)]
    unsafe fn store_token(block: *mut u8, slot: usize, q: &[i8; 32]) {
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
        unsafe { block.add(slot * q.len()).cast::<[i8; 32]>().write(*q) }
    }

    /// Clause Q1: quantises 32 activations at `x` to `q`; returns the scale and the sums of `q` over both halves.
    unsafe fn quantize(x: *const f32, q: &mut [i8; 32]) -> (f32, [i32; 2]);
}

/// Fills some blocks of one tile.
///
/// # Safety
/// The machine has the instructions of `R`; `panel` is valid for writing the whole panel of this shape, and nobody else
/// touches these blocks of the tile meanwhile.
#[inline(always)]
pub unsafe fn fill_tile<R: DotIsa>(
    shape: &PanelShape,
    tile: &Tile,
    blocks: Range<usize>,
    source: &Source<'_>,
    panel: *mut u8,
) {
    let stride = tile.size * 4;
    let block_bytes = shape.rows() * stride;
    let mut q = [0i8; 32];
    for slot in 0..tile.size {
        for block in blocks.clone() {
            let (mut scale, mut sums) = (0.0, [0; 2]);
            if slot < tile.tokens {
                let x = &source.row(tile.token + slot)[(block - source.first_block) * 32..][..32];
                // SAFETY: the instructions are there; `x` has 32 numbers.
                (scale, sums) = unsafe { R::quantize(x.as_ptr(), &mut q) };
            } else {
                q = [0; 32];
            }
            let at = tile.at + block * block_bytes;
            // SAFETY: rows and slots of this tile lie within the panel.
            unsafe {
                if shape.by_token {
                    R::store_token(panel.add(at + stride), slot, &q);
                }
                fill_slot(shape, panel.add(at + slot * 4), stride, scale, &q, sums);
            }
        }
    }
}

/// Fills one token's column of one block; `at` is its place in row 0.
#[inline(always)]
unsafe fn fill_slot(shape: &PanelShape, at: *mut u8, stride: usize, scale: f32, q: &[i8; 32], sums: [i32; 2]) {
    let put = |row: usize, bytes: [u8; 4]| {
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches; 4 bytes per row
        // and slot.
        unsafe { at.add(row * stride).cast::<[u8; 4]>().write(bytes) };
    };
    put(0, scale.to_ne_bytes());
    if !shape.by_token {
        for (group, q) in q.chunks_exact(4).enumerate() {
            put(1 + group, [q[0] as u8, q[1] as u8, q[2] as u8, q[3] as u8]);
        }
    }
    let mut row = COMMON_ROWS;
    for &extra in &shape.extras {
        let (Extra::Correction { halves, .. } | Extra::MinimumFactor { halves }) = extra;
        let whole = [sums[0] + sums[1]];
        let sums: &[i32] = if halves { &sums } else { &whole };
        for &sum in sums {
            match extra {
                Extra::Correction { offset, .. } => put(row, (-i32::from(offset) * sum).to_ne_bytes()),
                Extra::MinimumFactor { .. } => put(row, (-(scale * sum as f32)).to_ne_bytes()),
            }
            row += 1;
        }
    }
}
