//! Numbers to test with, and how results are compared.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;

use hefu_cpu::select::ISAS;
use hefu_numerics::half::f32_to_f16;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::Ops;
use hefu_numerics::quant::{Encoding, Float, Format};
use proptest::prelude::*;

/// What kind of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
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

pub fn any_style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Usual), Just(Style::Extreme), Just(Style::Tiny), Just(Style::Wild)]
}

/// A source of numbers (splitmix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 8_388_608.0 - 1.0
    }

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
                if format.name == "MXFP4" {
                    block[0] = 110 + (self.bits() % 20) as u8;
                }
            }
        }
    }
}

/// Where a block of the file holds binary16 numbers.
fn scale_places(name: &str) -> &'static [usize] {
    match name {
        "Q4_0" | "Q5_0" | "Q8_0" | "IQ4_NL" | "IQ4_XS" => &[0],
        "Q4_1" | "Q5_1" | "Q4_K" | "Q5_K" => &[0, 2],
        "Q2_K" => &[80, 82],
        "Q3_K" => &[108],
        "Q6_K" => &[208],
        "MXFP4" => &[],
        other => panic!("where are the scales of {other}?"),
    }
}

/// Every device of this machine but the reference.
pub fn devices() -> impl Iterator<Item = &'static Ops> {
    ISAS.iter().filter_map(|isa| isa.ops()).filter(|ops| ops.name != "reference")
}

/// The same matrix for the reference and for a device.
pub fn matrix_pair(ops: &Ops, format: &'static Format, rows: usize, columns: usize, file: &[u8]) -> (Matrix, Matrix) {
    let mut packed = vec![0xaa; (ops.packed_bytes)(format, rows, columns)];
    (ops.pack)(format, rows, columns, file, &mut packed);
    let matrix = |bytes: Vec<u8>| {
        let range = 0..bytes.len();
        Matrix { format, rows, columns, memory: Arc::new(bytes), range }
    };
    (matrix(file.to_vec()), matrix(packed))
}

/// Fails unless all numbers are the same, bit for bit; any two NaN count as the same.
pub fn assert_same_bits(name: &str, expected: &[f32], found: &[f32]) {
    assert_eq!(expected.len(), found.len(), "{name}");
    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
        let same = expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan());
        assert!(
            same,
            "{name}: element {i} is {found:e} ({:#x}), not {expected:e} ({:#x})",
            found.to_bits(),
            expected.to_bits()
        );
    }
}
