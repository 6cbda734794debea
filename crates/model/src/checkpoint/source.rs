//! One matrix or vector of a folder, however it is stored.

use std::borrow::Cow;

use hefu_numerics::half::{f32_to_bf16, f32_to_f16};
use hefu_numerics::quant::Format;

use super::Error;
use super::file::{Kind, Stored};
use super::four::Four;
use super::numbers::{Method, Parts, bytes, numbers};
use super::packed::{self, Packed};

/// Source of numbers.
#[derive(Debug)]
pub(super) enum Source {
    /// Plain numbers.
    Plain(Stored),
    /// Numbers of eight bits with a scale for each block, row or tensor.
    Scaled(Stored, Stored),
    /// Numbers of four bits.
    Packed(Packed),
    /// Floating point numbers of four bits.
    Four(Four),
    /// Plain numbers that lie in turn with others: the first or the second of each two.
    Half(Stored, usize),
}

impl Source {
    /// `half`: of rows that lie in turn, which are meant.
    pub(super) fn new(mut parts: Parts, method: Method, half: Option<usize>, files: &[&[u8]]) -> Result<Source, Error> {
        if Four::is(&parts) {
            return Four::new(parts, half, files).map(Source::Four);
        }
        let scale = parts.remove("weight_scale_inv").or(parts.remove("weight_scale"));
        if let Some(stored) = parts.remove("weight").or(parts.remove("bias")) {
            let bad = |problem: &str| Error::Tensor { name: stored.name.clone(), problem: problem.into() };
            if let (Some(half), Kind::F32 | Kind::F16 | Kind::BF16, None, [_, _]) =
                (half, stored.kind, &scale, &stored.shape[..])
            {
                return Ok(Source::Half(stored, half));
            }
            return match (stored.kind, scale) {
                (Kind::F32 | Kind::F16 | Kind::BF16, None) => Ok(Source::Plain(stored)),
                (Kind::F8, Some(scale)) => {
                    packed::check_scale(&stored, &scale).map_err(bad)?;
                    Ok(Source::Scaled(stored, scale))
                }
                (Kind::F8, None) => Err(bad("has eight bits for each number, but no scale beside it")),
                _ => Err(bad("is stored in a way that is not read")),
            };
        }
        Packed::new(parts, method).map(Source::Packed)
    }

    /// The last dimension is contiguous.
    pub(super) fn shape(&self) -> Cow<'_, [usize]> {
        match self {
            Source::Plain(stored) | Source::Scaled(stored, _) => Cow::Borrowed(&stored.shape),
            Source::Packed(packed) => Cow::Borrowed(&packed.shape),
            Source::Four(four) => Cow::Borrowed(&four.shape),
            Source::Half(stored, _) => Cow::Owned(vec![stored.shape[0], stored.shape[1] / 2]),
        }
    }

    /// Has no factor beside it from now on.
    pub(super) fn widen(&mut self) {
        if let Source::Four(four) = self {
            four.widen();
        }
    }

    /// The factor of all numbers, where it stays beside them.
    pub(super) fn factor(&self) -> Option<f32> {
        if let Source::Four(four) = self { four.factor_beside() } else { None }
    }

    /// Rows of a matrix, numbers of a vector.
    pub(super) fn outputs(&self) -> usize {
        self.shape().first().copied().unwrap_or(1)
    }

    /// Storage of its rows here.
    pub(super) fn format(&self) -> Option<&'static Format> {
        Format::from_name(match self {
            Source::Plain(stored) => match stored.kind {
                Kind::F16 => "F16",
                Kind::BF16 => "BF16",
                _ => "F32",
            },
            Source::Scaled(..) => "BF16",
            Source::Packed(_) => "F16",
            Source::Four(four) => four.format(),
            Source::Half(..) => "F32",
        })
    }

    /// File and offset, where the bytes can be used as they lie.
    pub(super) fn place(&self) -> Option<(usize, usize)> {
        match self {
            Source::Plain(stored) => Some((stored.file, stored.place.start)),
            _ => None,
        }
    }

    /// The bytes, where they can be used as they lie.
    pub(super) fn as_it_lies<'a>(&self, files: &[&'a [u8]]) -> Option<&'a [u8]> {
        match self {
            Source::Plain(stored) => Some(bytes(stored, files)),
            _ => None,
        }
    }

    /// All rows in the format of this source.
    pub(super) fn rows(&self, files: &[&[u8]]) -> Vec<u8> {
        match self {
            Source::Plain(stored) => bytes(stored, files).to_vec(),
            Source::Scaled(..) => self.numbers(files).into_iter().flat_map(|x| f32_to_bf16(x).to_le_bytes()).collect(),
            Source::Packed(_) => self.numbers(files).into_iter().flat_map(|x| f32_to_f16(x).to_le_bytes()).collect(),
            Source::Four(four) => four.rows(files),
            Source::Half(..) => self.numbers(files).into_iter().flat_map(f32::to_le_bytes).collect(),
        }
    }

    /// All numbers.
    pub(super) fn numbers(&self, files: &[&[u8]]) -> Vec<f32> {
        match self {
            Source::Plain(stored) => numbers(stored, files),
            Source::Scaled(stored, scale) => {
                packed::scaled(stored, &numbers(stored, files), scale, &numbers(scale, files))
            }
            Source::Packed(packed) => packed.numbers(files),
            Source::Four(four) => four.numbers(files),
            Source::Half(stored, half) => numbers(stored, files).into_iter().skip(*half).step_by(2).collect(),
        }
    }
}
