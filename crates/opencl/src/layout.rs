//! Layout of a matrix in a device's memory: words that describe it, then panels of 32 rows (`kernels/products.cl` reads them).

use hefu_numerics::program::WeightSpec;
use hefu_numerics::quant::{Encoding, Float, Parts, Quantised, ScaleEncoding, SubScales, Values};

/// Rows of a panel.
pub(crate) const PANEL: usize = 32;
/// Columns whose codes lie together.
const UNIT: usize = 32;
/// Words before the first panel.
pub(crate) const HEADER: usize = 32;

/// Where what lies in a panel, counted in words from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Encoding of the elements for kernels: bits of a code, or 16, 17, 32 for F16, BF16 and F32.
    pub(crate) kind: u32,
    /// Words of a panel.
    pub(crate) panel: usize,
    blocks: usize,
    factors: usize,
    minimums: usize,
}

impl Layout {
    /// The layout of a weight; `None` if it cannot be addressed.
    pub(crate) fn of(spec: &WeightSpec) -> Option<Layout> {
        let columns = spec.shape.columns();
        // Within a panel kernels count in 32 bits.
        let numbers = columns.checked_mul(PANEL).filter(|numbers| u32::try_from(*numbers).is_ok())?;
        let plain =
            |kind, bytes: usize| Layout { kind, panel: numbers * bytes / 4, blocks: 0, factors: 0, minimums: 0 };
        let quantised = match &spec.format.encoding {
            Encoding::Float(Float::F32) => return Some(plain(32, 4)),
            Encoding::Float(Float::F16) => return Some(plain(16, 2)),
            Encoding::Float(Float::BF16) => return Some(plain(17, 2)),
            Encoding::Quantised(quantised) => quantised,
        };
        let blocks = columns / UNIT * quantised.code_bits as usize * PANEL;
        let factors = blocks + columns / spec.format.block_elements * PANEL;
        // A byte for each sub-block of each row.
        let bytes = columns / quantised.sub_block * PANEL / 4;
        let has_factors = quantised.sub_scales != SubScales::None;
        let minimums = factors + if has_factors { bytes } else { 0 };
        let panel = minimums + if has_factors && quantised.has_minimum { bytes } else { 0 };
        Some(Layout { kind: quantised.code_bits, panel, blocks, factors, minimums })
    }

    /// The words that describe a weight.
    pub(crate) fn header(&self, spec: &WeightSpec, rows: usize) -> [u32; HEADER] {
        let mut words = [0; HEADER];
        words[0] = spec.shape.columns() as u32;
        words[1] = rows as u32;
        words[2] = self.kind;
        words[3] = spec.format.block_elements as u32;
        words[15..19].copy_from_slice(&[self.blocks, self.factors, self.minimums, self.panel].map(|at| at as u32));
        let Some(quantised) = spec.format.quantised() else { return words };
        words[4] = quantised.sub_block as u32;
        words[5] = match quantised.scale_encoding {
            ScaleEncoding::F16 => 0,
            ScaleEncoding::One => 1,
            ScaleEncoding::HalfE8M0 => 2,
        };
        (words[6], words[7]) = match quantised.sub_scales {
            SubScales::None => (0, 0),
            SubScales::Integer => (1, 0),
            SubScales::Odd { eighths } => (2, u32::from(eighths)),
            SubScales::HalfE4M3 => (3, 0),
        };
        words[8] = u32::from(quantised.has_minimum);
        match quantised.values {
            Values::Offset(offset) => words[9] = u32::from(offset),
            Values::Table(table) => {
                words[10] = 1;
                for (word, four) in words[11..15].iter_mut().zip(table.chunks_exact(4)) {
                    *word = u32::from_le_bytes([0, 1, 2, 3].map(|i| four[i] as u8));
                }
            }
        }
        words
    }

    /// Puts one row of the file at its place in a panel.
    pub(crate) fn put_row(&self, spec: &WeightSpec, row: &[u8], lane: usize, panel: &mut [u32]) {
        match &spec.format.encoding {
            Encoding::Float(Float::F32) => {
                for (c, number) in row.chunks_exact(4).enumerate() {
                    panel[c * PANEL + lane] = u32::from_le_bytes([0, 1, 2, 3].map(|i| number[i]));
                }
            }
            Encoding::Float(_) => {
                for (c, number) in row.chunks_exact(2).enumerate() {
                    let (at, half) = (c * PANEL + lane, u32::from(u16::from_le_bytes([number[0], number[1]])));
                    panel[at / 2] |= half << (16 * (at % 2));
                }
            }
            Encoding::Quantised(quantised) => self.put_blocks(spec, quantised, row, lane, panel),
        }
    }

    fn put_blocks(&self, spec: &WeightSpec, quantised: &Quantised, row: &[u8], lane: usize, panel: &mut [u32]) {
        let (bits, elements) = (quantised.code_bits as usize, spec.format.block_elements);
        let subs = elements / quantised.sub_block;
        let mut parts = Parts::default();
        for (block, bytes) in row.chunks_exact(spec.format.block_bytes).enumerate() {
            (quantised.unpack_block)(bytes, &mut parts);
            for (unit, codes) in parts.codes[..elements].chunks_exact(UNIT).enumerate() {
                let first = (block * (elements / UNIT) + unit) * bits;
                for (word, codes) in planes(bits, codes).into_iter().take(bits).enumerate() {
                    panel[(first + word) * PANEL + lane] = codes;
                }
            }
            panel[self.blocks + block * PANEL + lane] = u32::from(parts.scale) | u32::from(parts.minimum) << 16;
            if quantised.sub_scales == SubScales::None {
                continue;
            }
            for sub in 0..subs {
                let at = (block * subs + sub) * PANEL + lane;
                let (word, shift) = (at / 4, 8 * (at % 4));
                panel[self.factors + word] |= u32::from(parts.sub_scales[sub] as u8) << shift;
                if quantised.has_minimum {
                    panel[self.minimums + word] |= u32::from(parts.sub_minimums[sub]) << shift;
                }
            }
        }
    }
}

/// The codes of 32 elements as `bits` words: planes of 8, 4, 2 and 1 bits, the lowest bits of a code in the widest one. In a
/// plane of `p` bits a word has 8 / p times four elements, of which one lies in each byte.
fn planes(bits: usize, codes: &[u8]) -> [u32; 8] {
    let mut words = [0; 8];
    let mut shift = 0;
    for plane in [8, 4, 2, 1].into_iter().filter(|plane| bits & plane != 0) {
        let fours = 8 / plane;
        for (i, code) in codes.iter().enumerate() {
            let (group, byte) = (i / 4, i % 4);
            let piece = u32::from(code >> shift) & ((1 << plane) - 1);
            words[shift + group / fours] |= piece << (8 * byte + plane * (group % fours));
        }
        shift += plane;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernels' way back (`codes_of`), for every number of bits.
    #[test]
    fn codes_come_back_from_their_planes() {
        for bits in [1, 2, 3, 4, 5, 6, 8] {
            let mask = ((1_u32 << bits) - 1) as u8;
            let codes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(37).wrapping_add(11) & mask).collect();
            let words = planes(bits, &codes);
            for group in 0..8 {
                let (mut four, mut shift) = (0_u32, 0);
                for plane in [8, 4, 2, 1].into_iter().filter(|plane| bits & plane != 0) {
                    let (fours, ones) = (8 / plane, 0x0101_0101 * ((1_u32 << plane) - 1));
                    four |= (words[shift + group / fours] >> (plane * (group % fours)) & ones) << shift;
                    shift += plane;
                }
                assert_eq!(four.to_le_bytes(), codes[4 * group..4 * group + 4], "{bits} bits, group {group}");
            }
        }
    }
}
