//! How a matrix lies in memory.
//!
//! Rows are taken in groups of [`GROUP`], side by side, so that one instruction works on 16 outputs and each output's
//! sum is still taken in order. The last group is filled up with zero rows. All numbers are little-endian.
//!
//! A group of a quantised format is one stretch after another for the blocks of the file (32 or 256 columns): the block's
//! *codes*, then its *scales*. A product goes through a group from end to end, so that to the processor it is one stream.
//! Groups start at multiples of 64 bytes.
//!
//! **Codes**: for every 32 columns ("block") one or two planes. A column group `g` is the 4 columns `4 g .. 4 g + 4` of
//! the block; its *line* is 64 bytes, `[16 rows][4 columns]`. The bits of a code are spread over planes, from the low
//! ones up:
//!
//! | code bits | planes | bytes per block |
//! | --- | --- | --- |
//! | 8 | byte | 512 |
//! | 6 | nibble, crumb | 384 |
//! | 5 | nibble, bit | 320 |
//! | 4 | nibble | 256 |
//! | 3 | crumb, bit | 192 |
//! | 2 | crumb | 128 |
//!
//! * byte plane: 8 lines, line `g` holds column group `g`;
//! * nibble plane: 4 lines, line `j` holds group `j` in the low and `j + 4` in the high nibbles;
//! * crumb plane: 2 lines, line `j` holds groups `j`, `j + 2`, `j + 4`, `j + 6` in bits 0-1, 2-3, 4-5, 6-7;
//! * bit plane: 1 line holds group `g` in bit `g`.
//!
//! **Scales**: scales, `[16 rows]` of 16 bits; minimums, alike, if the
//! format has them; sub-scales, `[sub-blocks][16 rows]` signed bytes, if it has them; sub-minimums, alike, unsigned.
//! A scale of E8M0 encoding is stored as the upper half of its f32.
//!
//! A group of a float format is `[columns][16 rows]`.

use hefu_numerics::quant::{Encoding, Format, Quantised};

/// Rows that lie side by side.
pub const GROUP: usize = 16;

/// Columns that are quantised together on the side of the activations.
pub const BLOCK: usize = 32;

/// Bytes that a line of codes takes: 16 rows, 4 columns.
pub const LINE: usize = 64;

/// The layout of one quantised format.
#[derive(Debug, Clone, Copy)]
pub struct QuantLayout {
    /// Bytes of codes for 32 columns.
    pub codes_per_block: usize,
    /// Columns per block of the file.
    pub file_block: usize,
    /// Bytes of scales per block of the file.
    pub scales_per_file_block: usize,
    /// Where the minimums begin in the scales of a file block.
    pub minimums_at: usize,
    /// Where the sub-scales begin.
    pub sub_scales_at: usize,
    /// Where the sub-minimums begin.
    pub sub_minimums_at: usize,
}

impl QuantLayout {
    /// The layout of a format with this description and this many columns per block of the file.
    pub const fn new(quantised: &Quantised, file_block: usize) -> QuantLayout {
        let halves = GROUP * 2;
        let minimums_at = halves;
        let sub_scales_at = halves + if quantised.has_minimum { halves } else { 0 };
        let sub_bytes = if quantised.has_sub_scales { file_block / quantised.sub_block * GROUP } else { 0 };
        let sub_minimums_at = sub_scales_at + sub_bytes;
        let end = sub_minimums_at + if quantised.has_minimum { sub_bytes } else { 0 };
        QuantLayout {
            codes_per_block: BLOCK * GROUP * quantised.code_bits as usize / 8,
            file_block,
            scales_per_file_block: end,
            minimums_at,
            sub_scales_at,
            sub_minimums_at,
        }
    }

    /// Blocks of 32 columns in a block of the file.
    pub const fn blocks(&self) -> usize {
        self.file_block / BLOCK
    }

    /// Bytes of a block of the file.
    pub const fn file_block_bytes(&self) -> usize {
        self.scales_at() + self.scales_per_file_block
    }

    /// Bytes of 32 columns, scales included; rounded down where a block of the file has several of them.
    pub const fn block_bytes(&self) -> usize {
        self.file_block_bytes() / self.blocks()
    }

    /// Where the codes of block `index` of 32 columns begin in a group.
    pub const fn codes_at(&self, index: usize) -> usize {
        index / self.blocks() * self.file_block_bytes() + index % self.blocks() * self.codes_per_block
    }

    /// Where the scales begin in a block of the file.
    pub const fn scales_at(&self) -> usize {
        self.blocks() * self.codes_per_block
    }

    /// Bytes of a group.
    pub const fn group_bytes(&self, columns: usize) -> usize {
        (columns / self.file_block * self.file_block_bytes()).next_multiple_of(64)
    }
}

/// Bytes that a group of 16 rows takes.
pub fn group_bytes(format: &Format, columns: usize) -> usize {
    match &format.encoding {
        Encoding::Float(_) => columns * GROUP * format.block_bytes,
        Encoding::Quantised(quantised) => QuantLayout::new(quantised, format.block_elements).group_bytes(columns),
    }
}

/// See [`crate::ops::Ops::packed_bytes`].
pub fn packed_bytes(format: &'static Format, rows: usize, columns: usize) -> usize {
    rows.div_ceil(GROUP) * group_bytes(format, columns)
}
