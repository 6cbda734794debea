//! Panels of activations, sixteen blocks of 32 activations at once.
//!
//! ```text
//! lanes     8 tokens of two blocks, or 16 tokens of one
//! largest   16 registers of magnitudes, folded to one lane each
//! q         products, rounded, packed to bytes, four to a lane: eight registers, one for each column group
//! sums      dot products of these with ones
//! ```
//!
//! Every lane is computed by clause Q1 as [`DotIsa::quantize`](crate::generic::rows::DotIsa::quantize) does.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

use hefu_numerics::reference::TINY;

use crate::generic::panel::{COMMON_ROWS, Extra, PanelShape, Source, Tile};
use crate::generic::unroll::unroll;
use crate::layout::LINE;

/// Activations of a block.
const BLOCK: usize = 32;

/// So few blocks of each tile lie far from those of the next one.
const FEW: usize = 4;

/// Prefetch distance in tiles, where blocks are few.
const TILES_AHEAD: usize = 8;

/// Blocks that are quantised at once.
const LANES: usize = 16;

/// True if tiles like this one are filled here: those of fewer tokens are left to the general way.
#[inline(always)]
pub(super) fn takes(shape: &PanelShape, tile: &Tile) -> bool {
    tile.size > 2 && !shape.is_by_token()
}

/// Asks for the cache line at `at` before it is written. Any address will do.
#[inline(always)]
pub(super) fn prefetch_for_writing(at: *const u8) {
    // SAFETY: a hint, which never faults; 64-bit processors that do not know it pass it over.
    unsafe { std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly)) }
}

/// As [`crate::generic::rows::fill_tile`].
///
/// # Safety
/// As there; [`takes`] is true of the tile.
#[inline(always)]
pub(super) unsafe fn fill_tile(
    shape: &PanelShape,
    tile: &Tile,
    blocks: Range<usize>,
    source: &Source<'_>,
    panel: *mut u8,
) {
    let stride = tile.size * 4;
    let block_bytes = shape.rows() * stride;
    let mut rows = [source.row(tile.token).as_ptr(); LANES];
    for (slot, row) in rows.iter_mut().enumerate().take(tile.tokens) {
        *row = source.row(tile.token + slot).as_ptr();
    }
    let later = tile.at + TILES_AHEAD * shape.tile_bytes(tile.size);
    if blocks.len() <= FEW && shape.tiles().last().is_some_and(|last| later <= last.at) {
        // Their places in a later tile, where nothing has come near yet.
        let later = later + blocks.start * block_bytes;
        for line in (0..blocks.len() * block_bytes + LINE).step_by(LINE) {
            prefetch_for_writing(panel.wrapping_add(later + line));
        }
    }
    assert!(blocks.is_empty() || (blocks.end - source.first_block) * BLOCK <= source.stride);
    let fill = Fill {
        shape,
        rows,
        first_block: source.first_block,
        tokens: ((1_u32 << tile.tokens) - 1) as u16,
        // SAFETY: the tile lies in the panel.
        tile: unsafe { panel.add(tile.at) },
        block_bytes,
        stride,
        mask: ((1_u32 << tile.size) - 1) as u16,
    };
    let pairs = if tile.size <= PAIRED { blocks.len() / 2 * 2 } else { 0 };
    let (pairs, others) = (blocks.start..blocks.start + pairs, blocks.start + pairs..blocks.end);
    // SAFETY: what [`takes`] asks holds; rows have so many columns, and the blocks lie in the panel.
    unsafe {
        if tile.size <= NARROW {
            fill.blocks::<PAIRED, NARROW>(pairs);
        } else {
            fill.blocks::<PAIRED, PAIRED>(pairs);
        }
        fill.blocks::<LANES, LANES>(others);
    }
}

/// Data that all blocks of a tile share.
struct Fill<'a> {
    shape: &'a PanelShape,
    /// Where each token's activations begin; lanes without a token repeat the first.
    rows: [*const f32; LANES],
    /// The block that they begin with.
    first_block: usize,
    /// The lanes that have a token.
    tokens: u16,
    /// Beginning of the tile in the panel.
    tile: *mut u8,
    block_bytes: usize,
    stride: usize,
    /// The lanes that are written.
    mask: u16,
}

/// Steps of 16 blocks whose scales are worked out before any is quantised: each part is a chain of operations that wait for
/// each other, and a processor looks only so far ahead for something else to do.
const STEPS: usize = 4;

impl Fill<'_> {
    /// Fills blocks, of which `LANES / SLOTS` lie side by side and divide their number; no more than `ROWS` lanes of each
    /// have a token.
    ///
    /// # Safety
    /// The machine has AVX-512; rows and panel have these blocks.
    #[inline(always)]
    unsafe fn blocks<const SLOTS: usize, const ROWS: usize>(&self, blocks: Range<usize>) {
        let together = LANES / SLOTS;
        let used = if together == 2 { self.tokens | self.tokens << PAIRED } else { self.tokens };
        let mut block = blocks.start;
        while block < blocks.end {
            let end = blocks.end.min(block + STEPS * together);
            let mut scaled = [const { MaybeUninit::<Scaled>::uninit() }; STEPS];
            let columns = (block - self.first_block) * BLOCK;
            // SAFETY: the machine has AVX-512; rows and panel have these blocks; the first loop makes as many scales
            // as the second one reads.
            unsafe {
                for (step, scaled) in scaled.iter_mut().take((end - block) / together).enumerate() {
                    let column = columns + step * together * BLOCK;
                    scaled.write(scale::<SLOTS, ROWS>(&self.rows, column, used));
                }
                for (step, scaled) in scaled.iter().take((end - block) / together).enumerate() {
                    let column = columns + step * together * BLOCK;
                    let quantized = quantize::<SLOTS, ROWS>(&self.rows, column, scaled.assume_init_ref());
                    let at = self.tile.add((block + step * together) * self.block_bytes);
                    let place = Place { at, stride: self.stride, mask: self.mask };
                    quantized.store::<0>(self.shape, &place);
                    if together == 2 {
                        quantized.store::<PAIRED>(self.shape, &Place { at: at.add(self.block_bytes), ..place });
                    }
                }
            }
            block = end;
        }
    }
}

/// Tokens of two blocks that are quantised side by side.
const PAIRED: usize = LANES / 2;

/// So many tokens leave lanes empty that nothing need be read for.
const NARROW: usize = 6;

/// Scales of sixteen blocks, one in each lane.
#[repr(align(64))]
struct Scaled {
    scales: [f32; LANES],
    /// The factors that make integers.
    inverses: [f32; LANES],
    /// The lanes whose integers are all zero.
    is_zero: u16,
}

/// Sixteen quantised blocks, one in each lane.
struct Quantized {
    scales: __m512,
    /// Four activations of each column group.
    groups: [__m512i; 8],
    /// Sums of the integers of both halves.
    sums: [__m512i; 2],
}

/// Where a block's rows go.
struct Place {
    at: *mut u8,
    stride: usize,
    mask: u16,
}

impl Quantized {
    /// Writes the rows of one block: the lanes from `FIRST` (0 or 8) on.
    ///
    /// # Safety
    /// The machine has AVX-512; the place is valid for the shape's rows.
    #[inline(always)]
    unsafe fn store<const FIRST: usize>(&self, shape: &PanelShape, place: &Place) {
        // SAFETY: the machine has AVX-512; the place is valid for the shape's rows.
        unsafe {
            place.put::<FIRST>(0, _mm512_castps_si512(self.scales));
            unroll!(g < 8 => { place.put::<FIRST>(1 + g, self.groups[g]); });
            let whole = _mm512_add_epi32(self.sums[0], self.sums[1]);
            let mut row = COMMON_ROWS;
            for &extra in shape.extras() {
                let (Extra::Correction { halves, .. } | Extra::MinimumFactor { halves }) = extra;
                if halves {
                    place.put::<FIRST>(row, self.extra(extra, self.sums[0]));
                    place.put::<FIRST>(row + 1, self.extra(extra, self.sums[1]));
                } else {
                    place.put::<FIRST>(row, self.extra(extra, whole));
                }
                row += 1 + usize::from(halves);
            }
        }
    }

    /// A row of its own of some formats, from the integers' sums.
    #[inline(always)]
    unsafe fn extra(&self, extra: Extra, sum: __m512i) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe {
            match extra {
                Extra::Correction { offset, .. } => _mm512_mullo_epi32(_mm512_set1_epi32(-i32::from(offset)), sum),
                Extra::MinimumFactor { .. } => {
                    let factor = _mm512_mul_ps(self.scales, _mm512_cvtepi32_ps(sum));
                    _mm512_xor_si512(_mm512_castps_si512(factor), _mm512_set1_epi32(i32::MIN))
                }
            }
        }
    }
}

impl Place {
    /// Writes a row: lanes from `FIRST` (0 or 8) on.
    #[inline(always)]
    unsafe fn put<const FIRST: usize>(&self, row: usize, lanes: __m512i) {
        // SAFETY: the machine has AVX-512, and the place is valid for the row.
        unsafe {
            let lanes = if FIRST == 0 { lanes } else { _mm512_shuffle_i64x2::<0b11_10_11_10>(lanes, lanes) };
            _mm512_mask_storeu_epi32(self.at.add(row * self.stride).cast(), self.mask, lanes);
        }
    }
}

/// Scales for blocks of `SLOTS` rows: lanes `0..SLOTS` have those that begin at `column`, the others, if there are any,
/// the next ones. Lanes that are not `used` become zero; of each `SLOTS` none is from `ROWS` on.
///
/// # Safety
/// The machine has AVX-512; each row is valid for reading the blocks.
#[inline(always)]
unsafe fn scale<const SLOTS: usize, const ROWS: usize>(rows: &[*const f32; LANES], column: usize, used: u16) -> Scaled {
    // SAFETY: the machine has AVX-512; each row is valid for reading the blocks.
    unsafe {
        let mut magnitudes = [_mm512_setzero_si512(); LANES];
        unroll!(i < 16 => {
            if i % SLOTS < ROWS {
                let x = rows[i % SLOTS].add(column + i / SLOTS * BLOCK);
                let (low, high) = (_mm512_loadu_ps(x), _mm512_loadu_ps(x.add(16)));
                magnitudes[i] =
                    _mm512_max_epu32(_mm512_castps_si512(_mm512_abs_ps(low)), _mm512_castps_si512(_mm512_abs_ps(high)));
            }
        });
        let (scales, inverses, is_zero) = quantizers(fold(&magnitudes), used);
        let mut scaled = Scaled { scales: [0.0; LANES], inverses: [0.0; LANES], is_zero };
        _mm512_store_ps(scaled.scales.as_mut_ptr(), scales);
        _mm512_store_ps(scaled.inverses.as_mut_ptr(), inverses);
        scaled
    }
}

/// Clause Q1 for the blocks that [`scale`] had.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn quantize<const SLOTS: usize, const ROWS: usize>(
    rows: &[*const f32; LANES],
    column: usize,
    scaled: &Scaled,
) -> Quantized {
    // SAFETY: the machine has AVX-512.
    unsafe {
        // Four blocks' groups k in part k, and their groups k + 4.
        let mut fours = [[_mm512_setzero_si512(); 2]; 4];
        unroll!(s < 4 => {
            let even = integers::<SLOTS, ROWS>(rows, column, &scaled.inverses, [4 * s, 4 * s + 2]);
            let odd = integers::<SLOTS, ROWS>(rows, column, &scaled.inverses, [4 * s + 1, 4 * s + 3]);
            let (low, high) = (_mm512_unpacklo_epi32(even, odd), _mm512_unpackhi_epi32(even, odd));
            fours[s] = [_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high)];
        });
        let mut groups = [_mm512_setzero_si512(); 8];
        unroll!(half < 2 => {
            let (a, b) = halves(fours[0][half], fours[1][half]);
            let (c, d) = halves(fours[2][half], fours[3][half]);
            (groups[4 * half], groups[4 * half + 1]) = alternate(a, c);
            (groups[4 * half + 2], groups[4 * half + 3]) = alternate(b, d);
        });
        let ones = _mm512_set1_epi8(1);
        let mut sums = [_mm512_setzero_si512(); 2];
        unroll!(g < 8 => {
            // A quotient that is no number became an integer all the same.
            groups[g] = _mm512_mask_mov_epi32(groups[g], scaled.is_zero, _mm512_setzero_si512());
            sums[g / 4] = _mm512_dpbusd_epi32(sums[g / 4], ones, groups[g]);
        });
        Quantized { scales: _mm512_load_ps(scaled.scales.as_ptr()), groups, sums }
    }
}

/// The largest lane of each of 16 registers, in the lane of its number.
#[inline(always)]
unsafe fn fold(all: &[__m512i; LANES]) -> __m512i {
    // SAFETY: the machine has AVX-512.
    unsafe {
        let mut fours = [_mm512_setzero_si512(); 4];
        unroll!(s < 4 => {
            let pairs = [4 * s, 4 * s + 2].map(|i| (all[i], all[i + 1]));
            let low = _mm512_max_epu32(
                _mm512_unpacklo_epi32(pairs[0].0, pairs[0].1),
                _mm512_unpackhi_epi32(pairs[0].0, pairs[0].1),
            );
            let high = _mm512_max_epu32(
                _mm512_unpacklo_epi32(pairs[1].0, pairs[1].1),
                _mm512_unpackhi_epi32(pairs[1].0, pairs[1].1),
            );
            fours[s] = _mm512_max_epu32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
        });
        let ((a, b), (c, d)) = (halves(fours[0], fours[1]), halves(fours[2], fours[3]));
        let (even, odd) = alternate(_mm512_max_epu32(a, b), _mm512_max_epu32(c, d));
        _mm512_max_epu32(even, odd)
    }
}

/// Two blocks' integers as bytes, four to a lane: in part `k` of 128 bits, groups `k` and `k + 4` of one block, then of
/// the other.
#[inline(always)]
unsafe fn integers<const SLOTS: usize, const ROWS: usize>(
    rows: &[*const f32; LANES],
    column: usize,
    inverses: &[f32; LANES],
    two: [usize; 2],
) -> __m512i {
    // SAFETY: the machine has AVX-512, and each row has the blocks.
    unsafe {
        let mut words = [_mm512_setzero_si512(); 2];
        unroll!(i < 2 => {
            if two[i] % SLOTS < ROWS {
                let x = rows[two[i] % SLOTS].add(column + two[i] / SLOTS * BLOCK);
                let inverse = _mm512_set1_ps(inverses[two[i]]);
                // Rounds to nearest even, the mode that nothing here ever changes.
                let low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse));
                let high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x.add(16)), inverse));
                words[i] = _mm512_packs_epi32(low, high);
            }
        });
        _mm512_packs_epi16(words[0], words[1])
    }
}

/// Parts 0 and 1 of both registers, and parts 2 and 3.
#[inline(always)]
unsafe fn halves(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the machine has AVX-512.
    unsafe { (_mm512_shuffle_i32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b)) }
}

/// Parts 0 and 2 of both registers, and parts 1 and 3.
#[inline(always)]
unsafe fn alternate(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the machine has AVX-512.
    unsafe { (_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b)) }
}

/// From the bits of the largest magnitudes to scales, to the factors that make integers, and to the lanes whose integers
/// are all zero; see [`crate::generic::rows::quantizer`].
#[inline(always)]
unsafe fn quantizers(largest: __m512i, used: u16) -> (__m512, __m512, __mmask16) {
    // SAFETY: the machine has AVX-512.
    unsafe {
        let infinite = _mm512_cmpge_epu32_mask(largest, _mm512_set1_epi32(f32::INFINITY.to_bits() as i32));
        let largest = _mm512_castsi512_ps(largest);
        // False for a NaN.
        let tiny = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(largest, _mm512_set1_ps(TINY)) | !used;
        let most = _mm512_set1_ps(127.0);
        let scales = _mm512_mask_mov_ps(_mm512_div_ps(largest, most), infinite, _mm512_set1_ps(f32::NAN));
        let scales = _mm512_mask_mov_ps(scales, tiny, _mm512_setzero_ps());
        (scales, _mm512_div_ps(most, largest), infinite | tiny)
    }
}
