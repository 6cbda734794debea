//! Memory layout of a packed matrix.
//!
//! Rows are taken in groups of [`GROUP`], side by side, so that one instruction works on 16 outputs and each output's
//! sum is still taken in order. The last group is filled up with zero rows. Numbers of several bytes are in the order of the
//! machine, however the file has them; codes of several columns lie column by column.
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
//! | 1 | bit | 64 |
//!
//! * byte plane: 8 lines, line `g` holds column group `g`;
//! * nibble plane: 4 lines, line `j` holds group `j` in the low and `j + 4` in the high nibbles;
//! * crumb plane: 2 lines, line `j` holds groups `j`, `j + 2`, `j + 4`, `j + 6` in bits 0-1, 2-3, 4-5, 6-7;
//! * bit plane: 1 line holds group `g` in bit `g`.
//!
//! Codes whose two lower bits are never 3 ([`Digits`]) have these bits in bytes of five digits to base 3, which are
//! fractions as in TQ1_0: 13 lines for the 8 blocks of a file block, where crumbs would take 16.
//!
//! | lines | hold |
//! | --- | --- |
//! | one for each block | groups 0 to 4; then, if each code has a third bit, a bit plane of these |
//! | 4, line `k` | groups 5 to 7 of block `2 k`, the upper 4 of 5 bits, in the low and of block `2 k + 1` in the high nibbles |
//! | 1 | the lowest of the 5 bits of block `i` in bit `i` |
//! | 1, where runs of 8 codes share their third bit | `[4][16 rows]` bytes: byte `k` has 4 bits for block `2 k`, then for `2 k + 1` |
//!
//! **Scales**: scales, `[16 rows]` of 16 bits, if the format has them; minimums, alike; sub-scales,
//! `[sub-blocks][16 rows]` signed bytes, or E4M3 numbers, or `[sub-blocks / 2][16 rows]` pairs of 4 bits, the first of a pair in the low
//! ones; sub-minimums, alike, unsigned bytes. A scale of E8M0 encoding is stored as the upper half of its f32.
//!
//! A group of a float format is `[columns][16 rows]`.

use hefu_numerics::quant::{Digits, Encoding, Format, Quantised, ScaleEncoding, SubScales};

/// Rows that lie side by side.
pub const GROUP: usize = 16;

/// Columns that are quantised together on the side of the activations.
pub const BLOCK: usize = 32;

/// Bytes that a line of codes takes: 16 rows, 4 columns.
pub const LINE: usize = 64;

/// The layout of one quantised format.
#[derive(Debug, Clone, Copy)]
pub struct QuantLayout {
    /// Bytes of codes that a block of 32 columns has to itself.
    pub codes_per_block: usize,
    /// Bytes of codes that the blocks of a block of the file share; they follow all of those.
    pub shared_codes: usize,
    /// Columns per block of the file.
    pub file_block: usize,
    /// Bytes of scales per block of the file.
    pub scales_per_file_block: usize,
    /// Offset of the minimums in the scales of a file block.
    pub minimums_at: usize,
    /// Offset of the sub-scales.
    pub sub_scales_at: usize,
    /// Offset of the sub-minimums.
    pub sub_minimums_at: usize,
}

impl QuantLayout {
    /// The layout of a format with this description and this many columns per block of the file.
    pub const fn new(quantised: &Quantised, file_block: usize) -> QuantLayout {
        let halves = GROUP * 2;
        let minimums_at = if matches!(quantised.scale_encoding, ScaleEncoding::One) { 0 } else { halves };
        let sub_scales_at = minimums_at + if quantised.has_minimum { halves } else { 0 };
        let subs = file_block / quantised.sub_block;
        let sub_bytes = match quantised.sub_scales {
            SubScales::None => 0,
            SubScales::Integer | SubScales::HalfE4M3 => subs * GROUP,
            SubScales::Odd { .. } => subs / 2 * GROUP,
        };
        let (own_lines, shared_lines) = match quantised.digits {
            Digits::Bits => (quantised.code_bits as usize, 0),
            Digits::Trits => (1, 5),
            Digits::TritsAndBits => (2, 5),
            Digits::TritsAndRuns => (1, 6),
        };
        let sub_minimums_at = sub_scales_at + sub_bytes;
        let end = sub_minimums_at + if quantised.has_minimum { sub_bytes } else { 0 };
        QuantLayout {
            codes_per_block: own_lines * LINE,
            shared_codes: shared_lines * LINE,
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
        self.blocks() * self.codes_per_block + self.shared_codes
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

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::quant::{FORMATS, MAX_BLOCK_ELEMENTS};

    #[test]
    fn packed_weights_take_little_more_than_the_file() {
        for format in FORMATS {
            let columns = 8 * MAX_BLOCK_ELEMENTS;
            let file = GROUP * format.row_bytes(columns).unwrap();
            let ratio = packed_bytes(format, GROUP, columns) as f64 / file as f64;
            // A row of these grids takes 8 bits in the file, for what needs 13 and 12 bits as digits.
            let most = if matches!(format.name, "IQ2_XXS" | "IQ3_XXS") { 1.37 } else { 1.3 };
            assert!((0.99..=most).contains(&ratio), "{}: {ratio}", format.name);
        }
    }
}
