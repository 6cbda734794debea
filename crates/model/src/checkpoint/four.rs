//! Floating point numbers of four bits (E2M1), two to a byte, the first in the lower bits; groups of them share a scale.
//!
//! * MXFP4: 32 to a group, whose scale is a power of two, and nothing else. gpt-oss has the rows of gate and up in turn.
//! * NVFP4: 16 to a group, whose scale is of eight bits (E4M3), and a factor of the whole matrix; `modelopt` stores that,
//!   `compressed-tensors` what it divides by.
//!
//! Both become the blocks of their name without loss; where a family has no place for the factor, plain numbers.

use hefu_numerics::half::f32_to_bf16;

use super::Error;
use super::file::{Kind, Stored};
use super::numbers::{Parts, bytes, eight_bits, numbers};

/// Numbers of the codes 0 to 7; those from 8 on have the other sign.
const NUMBERS: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
/// Numbers that share a scale.
const MX_GROUP: usize = 32;
const NV_GROUP: usize = 16;
/// Numbers of a block of NVFP4.
const NV_BLOCK: usize = 64;

/// A matrix, or several, of such numbers.
#[derive(Debug)]
pub(super) struct Four {
    /// The last dimension is contiguous.
    pub(super) shape: Vec<usize>,
    codes: Stored,
    scales: Stored,
    group: usize,
    /// The factor of all numbers.
    pub(super) factor: Option<f32>,
    /// Of rows that lie in turn, those of the first or of the second.
    half: Option<usize>,
    is_wide: bool,
}

impl Four {
    /// True if parts are such numbers.
    pub(super) fn is(parts: &Parts) -> bool {
        let is_bytes = |ending: &str| parts.get(ending).is_some_and(|stored| stored.kind == Kind::U8);
        is_bytes("blocks") || is_bytes("weight_packed") || is_bytes("weight")
    }

    pub(super) fn new(mut parts: Parts, half: Option<usize>, files: &[&[u8]]) -> Result<Four, Error> {
        let name = parts.values().next().map_or_else(String::new, |stored| stored.name.clone());
        let bad = |problem: &str| Error::Tensor { name: name.clone(), problem: problem.into() };
        let factor = match (parts.remove("weight_scale_2"), parts.remove("weight_global_scale")) {
            (Some(stored), _) => Some(single(&stored, files).ok_or_else(|| bad("has a factor that is no number"))?),
            (None, Some(stored)) => {
                let divisor = single(&stored, files).filter(|divisor| *divisor != 0.0);
                Some(1.0 / divisor.ok_or_else(|| bad("has a divisor that is no number"))?)
            }
            (None, None) => None,
        };
        let scales = parts.remove("mx_scales").or(parts.remove("weight_scale"));
        let codes = parts.remove("blocks").or(parts.remove("weight_packed")).or(parts.remove("weight"));
        let (Some(codes), Some(scales)) = (codes, scales) else {
            return Err(bad("has four bits for each number, but no scales beside it"));
        };
        let group = match (scales.kind, factor) {
            (Kind::U8, None) => MX_GROUP,
            (Kind::F8, _) => NV_GROUP,
            _ => return Err(bad("has scales of another kind than its numbers")),
        };
        let (lead, width) = match codes.shape[..] {
            [rows, width] => (vec![rows], width),
            // Blocks of 16 bytes.
            [matrices, rows, blocks, 16] if group == MX_GROUP => (vec![matrices, rows], 16 * blocks),
            _ => return Err(bad("has numbers of four bits in a shape that is not read")),
        };
        let columns = 2 * width;
        let of_scales = [&lead[..], &[columns / group]].concat();
        if columns == 0 || !columns.is_multiple_of(group) || scales.shape != of_scales {
            return Err(bad("has scales of a shape that does not fit"));
        }
        let mut shape = [&lead[..], &[columns]].concat();
        if half.is_some() {
            let rows = shape.len() - 2;
            if !shape[rows].is_multiple_of(2) {
                return Err(bad("has rows that do not come in pairs"));
            }
            shape[rows] /= 2;
        }
        let is_wide = group == NV_GROUP && !columns.is_multiple_of(NV_BLOCK);
        Ok(Four { shape, codes, scales, group, factor, half, is_wide })
    }

    /// Becomes plain numbers, times the factor.
    pub(super) fn widen(&mut self) {
        self.is_wide = self.group == NV_GROUP;
    }

    /// Storage of its rows here.
    pub(super) fn format(&self) -> &'static str {
        match (self.is_wide, self.group) {
            (true, _) => "BF16",
            (false, MX_GROUP) => "MXFP4",
            (false, _) => "NVFP4",
        }
    }

    /// The factor that stays beside the matrix.
    pub(super) fn factor_beside(&self) -> Option<f32> {
        self.factor.filter(|_| !self.is_wide)
    }

    /// All rows in the format of this source.
    pub(super) fn rows(&self, files: &[&[u8]]) -> Vec<u8> {
        if self.is_wide {
            return self.numbers(files).into_iter().flat_map(|x| f32_to_bf16(x).to_le_bytes()).collect();
        }
        let mut all = Vec::new();
        for (codes, scales) in self.each_row(files) {
            if self.group == MX_GROUP {
                for (codes, scale) in codes.chunks_exact(MX_GROUP / 2).zip(scales) {
                    all.push(*scale);
                    apart(codes, &mut all);
                }
            } else {
                let groups = NV_BLOCK / NV_GROUP;
                for (codes, scales) in codes.chunks_exact(NV_BLOCK / 2).zip(scales.chunks_exact(groups)) {
                    all.extend(scales.iter().map(|scale| scale & 0x7f));
                    codes.chunks_exact(NV_GROUP / 2).for_each(|codes| apart(codes, &mut all));
                }
            }
        }
        all
    }

    /// All numbers.
    pub(super) fn numbers(&self, files: &[&[u8]]) -> Vec<f32> {
        let factor = self.factor.unwrap_or(1.0);
        let scale = |byte: u8| match self.group {
            MX_GROUP => libm::exp2(f64::from(byte) - 127.0) as f32,
            _ => eight_bits(byte & 0x7f) * factor,
        };
        let number = |code: u8| NUMBERS[usize::from(code & 7)] * if code & 8 == 0 { 1.0 } else { -1.0 };
        let mut all = Vec::new();
        for (codes, scales) in self.each_row(files) {
            for (codes, byte) in codes.chunks_exact(self.group / 2).zip(scales) {
                let scale = scale(*byte);
                all.extend(codes.iter().flat_map(|byte| [number(byte & 15) * scale, number(byte >> 4) * scale]));
            }
        }
        all
    }

    /// Codes and scales of each row.
    fn each_row<'f>(&self, files: &[&'f [u8]]) -> impl Iterator<Item = (&'f [u8], &'f [u8])> {
        let columns = self.shape.last().copied().unwrap_or(2).max(2);
        let rows = bytes(&self.codes, files).chunks_exact(columns / 2);
        let scales = bytes(&self.scales, files).chunks_exact((columns / self.group).max(1));
        // Matrices have an even number of rows each, where these lie in turn.
        let half = self.half;
        let all = rows.zip(scales).enumerate();
        all.filter(move |(row, _)| half.is_none_or(|half| row % 2 == half)).map(|(_, row)| row)
    }
}

/// The one number of a tensor.
fn single(stored: &Stored, files: &[&[u8]]) -> Option<f32> {
    let numbers = numbers(stored, files);
    match numbers[..] {
        [number] if number.is_finite() => Some(number),
        _ => None,
    }
}

/// Codes that lie in turn, as blocks have them: the first half in the lower bits, the second in the upper.
fn apart(codes: &[u8], to: &mut Vec<u8>) {
    let code = |at: usize| codes.get(at / 2).map_or(0, |byte| byte >> (4 * (at % 2)) & 15);
    let half = codes.len();
    to.extend((0..half).map(|at| code(at) | code(at + half) << 4));
}
