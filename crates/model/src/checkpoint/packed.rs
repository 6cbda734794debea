//! Numbers of eight and of four bits.
//!
//! * FP8: E4M3 without infinities, times a scale for each block of 128 × 128, each row, or the whole tensor.
//! * GPTQ (arXiv 2210.17323): `qweight` `[inputs / 8][outputs]`, eight inputs to a word, the first in the lowest bits;
//!   `scales` `[groups][outputs]`; `qzeros` `[groups][outputs / 8]`; `g_idx`, the group of each input.
//! * AWQ (arXiv 2306.00978): `qweight` `[inputs][outputs / 8]`, the outputs of a word in the order 0, 2, 4, 6, 1, 3, 5, 7 from
//!   the lowest bits up are 0, 4, 1, 5, 2, 6, 3, 7; `qzeros` alike; `scales` as in GPTQ.
//!
//! In both, a number is `(code - zero) * scale`.

use super::Error;
use super::file::{Kind, Stored};
use super::numbers::{Method, Parts, bytes, numbers};

/// Rows and columns of a block that shares a scale.
const BLOCK: usize = 128;

/// Codes of a word.
const CODES: usize = 8;

/// Where the output with this number lies in a word of AWQ.
const AWQ_PLACES: [usize; CODES] = [0, 4, 1, 5, 2, 6, 3, 7];
/// Checks that there is a scale for every number.
pub(super) fn check_scale(weight: &Stored, scale: &Stored) -> Result<(), &'static str> {
    let [rows, columns] = weight.shape[..] else { return Err("has eight bits for each number, but is no matrix") };
    if !matches!(scale.kind, Kind::F32 | Kind::F16 | Kind::BF16) {
        return Err("has scales that are no plain numbers");
    }
    match scale.shape[..] {
        [] | [1] => Ok(()),
        [r, 1] if r == rows => Ok(()),
        [r, c] if r == rows.div_ceil(BLOCK) && c == columns.div_ceil(BLOCK) => Ok(()),
        _ => Err("has scales of a shape that does not fit"),
    }
}

/// Numbers times their scales.
pub(super) fn scaled(weight: &Stored, codes: &[f32], scale: &Stored, scales: &[f32]) -> Vec<f32> {
    let (rows, columns) = (weight.shape[0], weight.shape[1]);
    let across = columns.div_ceil(BLOCK);
    let at = |index: usize| match scale.shape[..] {
        [] | [1] => 0,
        [r, 1] if r == rows => index / columns,
        _ => index / columns / BLOCK * across + index % columns / BLOCK,
    };
    codes.iter().enumerate().map(|(index, code)| code * scales.get(at(index)).copied().unwrap_or(1.0)).collect()
}

/// A matrix of four-bit codes.
#[derive(Debug)]
pub(super) struct Packed {
    /// Outputs and inputs.
    pub(super) shape: [usize; 2],
    method: Method,
    codes: Stored,
    zeros: Stored,
    scales: Stored,
    groups: Option<Stored>,
}

impl Packed {
    pub(super) fn new(mut parts: Parts, method: Method) -> Result<Packed, Error> {
        let any = parts.values().next().map_or_else(String::new, |stored| stored.name.clone());
        let bad = |problem: &str| Error::Tensor { name: any.clone(), problem: problem.into() };
        let mut part = |ending: &str| parts.remove(ending).ok_or_else(|| bad(&format!("lacks its {ending}")));
        let (codes, zeros, scales) = (part("qweight")?, part("qzeros")?, part("scales")?);
        let groups = parts.remove("g_idx");
        let ([a, b], [count, outputs]) = (pair(&codes), pair(&scales));
        let (inputs, is_wide) = match method {
            Method::Gptq { .. } => (a * CODES, b == outputs),
            Method::Awq => (a, b * CODES == outputs),
            Method::None => return Err(bad("is packed, but config.json does not say how")),
        };
        let fits = is_wide
            && codes.kind == Kind::I32
            && zeros.kind == Kind::I32
            && matches!(scales.kind, Kind::F16 | Kind::BF16 | Kind::F32)
            && pair(&zeros) == [count, outputs / CODES]
            && outputs.is_multiple_of(CODES)
            && count > 0
            && inputs.is_multiple_of(count)
            && groups.as_ref().is_none_or(|groups| groups.kind == Kind::I32 && groups.shape == [inputs]);
        if !fits {
            return Err(bad("has parts that do not fit each other"));
        }
        Ok(Packed { shape: [outputs, inputs], method, codes, zeros, scales, groups })
    }

    pub(super) fn numbers(&self, files: &[&[u8]]) -> Vec<f32> {
        let [outputs, inputs] = self.shape;
        let words = |stored: &Stored| -> Vec<u32> {
            bytes(stored, files).as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
        };
        let (codes, zeros, scales) = (words(&self.codes), words(&self.zeros), numbers(&self.scales, files));
        let groups = self.groups.as_ref().map(words);
        let (count, across) = (scales.len() / outputs, outputs / CODES);
        let is_awq = self.method == Method::Awq;
        let nibble = |word: u32, place: usize| (word >> (4 * place) & 15) as i32;
        let place = |output: usize| if is_awq { AWQ_PLACES[output % CODES] } else { output % CODES };
        let lacks = i32::from(self.method == Method::Gptq { lacks_one: true });
        let mut all = Vec::with_capacity(outputs * inputs);
        for output in 0..outputs {
            for input in 0..inputs {
                let usual = input / (inputs / count);
                let group = groups.as_ref().map_or(usual, |groups| (groups[input] as usize).min(count - 1));
                let code = match is_awq {
                    true => nibble(codes[input * across + output / CODES], place(output)),
                    false => nibble(codes[input / CODES * outputs + output], input % CODES),
                };
                let zero = nibble(zeros[group * across + output / CODES], place(output)) + lacks;
                all.push((code - zero) as f32 * scales[group * outputs + output]);
            }
        }
        all
    }
}

/// Rows and columns; 0 where it is no matrix.
fn pair(stored: &Stored) -> [usize; 2] {
    if let [rows, columns] = stored.shape[..] { [rows, columns] } else { [0, 0] }
}
