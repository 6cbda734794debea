//! Numbers to try operations with: the same on every machine, from integers alone.

use crate::half::f32_to_f16;
use crate::quant::{Encoding, Float, Format};

/// Kind of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// About as in a model.
    Usual,
    /// From subnormal to near the largest, zeros, and both signs.
    Extreme,
    /// Subnormal and tiny.
    Tiny,
    /// Any bits, infinities and NaN included.
    Wild,
}

impl Style {
    /// All of them.
    pub const ALL: [Style; 4] = [Style::Usual, Style::Extreme, Style::Tiny, Style::Wild];

    /// Its name in the list of cases.
    pub fn name(self) -> &'static str {
        match self {
            Style::Usual => "usual",
            Style::Extreme => "extreme",
            Style::Tiny => "tiny",
            Style::Wild => "wild",
        }
    }
}

/// A source of numbers: G. Steele, D. Lea and C. Flood's splitmix64 ("Fast splittable pseudorandom number generators",
/// OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The source that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from -1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// One activation.
    pub fn activation(&mut self, style: Style) -> f32 {
        match style {
            Style::Usual => self.unit() * 3.0,
            Style::Tiny => self.unit() * 1.0e-38,
            Style::Extreme => match self.bits() % 16 {
                0 => 0.0,
                1 => -0.0,
                2 => self.unit() * 1.0e30,
                3 => self.unit() * 1.0e-40,
                4..8 => self.unit() * 1.0e5,
                _ => self.unit(),
            },
            Style::Wild if self.bits().is_multiple_of(64) => f32::from_bits(self.bits() as u32),
            Style::Wild => self.unit(),
        }
    }

    /// `count` activations.
    pub fn activations(&mut self, count: usize, style: Style) -> Vec<f32> {
        (0..count).map(|_| self.activation(style)).collect()
    }

    /// A matrix in the file's layout: random bytes, with scales that are usual numbers unless the style is wild.
    pub fn weights(&mut self, format: &Format, rows: usize, columns: usize, style: Style) -> Vec<u8> {
        let count = rows * columns / format.block_elements;
        let mut file = Vec::with_capacity(count * format.block_bytes);
        for _ in 0..count {
            let mut block: Vec<u8> = (0..format.block_bytes).map(|_| self.bits() as u8).collect();
            if style != Style::Wild {
                self.tame(format, &mut block, style);
            }
            file.extend_from_slice(&block);
        }
        file
    }

    /// Replaces the numbers in a block by finite ones.
    fn tame(&mut self, format: &Format, block: &mut [u8], style: Style) {
        let factor = if style == Style::Usual { 0.01 } else { 100.0 };
        match &format.encoding {
            Encoding::Float(Float::F32) => block.copy_from_slice(&self.activation(style).to_le_bytes()),
            Encoding::Float(Float::F16) => block.copy_from_slice(&f32_to_f16(self.unit() * factor).to_le_bytes()),
            Encoding::Float(Float::BF16) => {
                block.copy_from_slice(&((self.activation(style).to_bits() >> 16) as u16).to_le_bytes());
            }
            Encoding::Quantised(_) => {
                for &at in scale_places(format.name) {
                    block[at..at + 2].copy_from_slice(&f32_to_f16(self.unit() * factor).to_le_bytes());
                }
                match format.name {
                    "MXFP4" => block[0] = 110 + (self.bits() % 20) as u8,
                    "IQ1_M" => self.tame_iq1_m(block, factor),
                    _ => (),
                }
            }
        }
    }

    /// IQ1_M has its scale in the upper bits of four numbers.
    fn tame_iq1_m(&mut self, block: &mut [u8], factor: f32) {
        let scale = f32_to_f16(self.unit() * factor);
        for i in 0..4 {
            let upper = &mut block[49 + 2 * i];
            *upper = *upper & 15 | (scale >> (4 * i) << 4) as u8;
        }
    }
}

/// Where a block of the file holds binary16 numbers. A format that is missing here is tried with scales of any bits; a
/// test says that none is.
fn scale_places(name: &str) -> &'static [usize] {
    match name {
        "Q4_0" | "Q5_0" | "Q8_0" | "Q1_0" | "Q2_0" | "IQ4_NL" | "IQ4_XS" => &[0],
        "IQ1_S" | "IQ2_XXS" | "IQ2_XS" | "IQ2_S" | "IQ3_XXS" | "IQ3_S" => &[0],
        "TQ1_0" => &[52],
        "TQ2_0" => &[64],
        "Q4_1" | "Q5_1" | "Q4_K" | "Q5_K" => &[0, 2],
        "Q2_K" => &[80, 82],
        "Q3_K" => &[108],
        "Q6_K" => &[208],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::FORMATS;

    #[test]
    fn usual_weights_are_finite_in_every_format() {
        let mut numbers = Numbers::new(1);
        for format in FORMATS {
            let columns = 40 * format.block_elements;
            let file = numbers.weights(format, 1, columns, Style::Usual);
            let mut row = vec![0.0; columns];
            format.decode_row(&file, &mut row);
            assert!(row.iter().all(|weight| weight.abs() < 1.0e4), "{}: where are its scales?", format.name);
            assert!(row.iter().any(|weight| *weight != 0.0), "{}", format.name);
        }
    }
}
