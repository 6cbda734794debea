//! One matrix or vector of a folder, however it is stored.

use std::collections::BTreeMap;

use hefu_numerics::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use hefu_numerics::quant::Format;

use super::file::{Kind, Stored};
use super::packed::{self, Packed};
use super::{Config, Error};

/// What is stored for one tensor, by the ending of its name.
pub(super) type Parts = BTreeMap<String, Stored>;

/// How numbers of four bits are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// There are none.
    None,
    /// In order, with zeros that lack a 1, or have it.
    Gptq {
        /// Whether zeros lack a 1.
        lacks_one: bool,
    },
    /// In turn, along the outputs.
    Awq,
}

/// How `config.json` says that weights are stored.
pub(super) fn by_name(config: &Config) -> Result<Method, Error> {
    let Some(part) = config.part("quantization_config") else { return Ok(Method::None) };
    let method = part.word("quant_method").unwrap_or_default();
    let bits = part.number("bits").or(part.number("w_bit")).unwrap_or(4.0);
    let is_usual = bits == 4.0;
    match method {
        "fp8" => Ok(Method::None),
        "gptq" if is_usual => Ok(Method::Gptq { lacks_one: part.word("checkpoint_format") != Some("gptq_v2") }),
        "awq" if is_usual && part.word("version").is_none_or(|version| version.eq_ignore_ascii_case("gemm")) => {
            Ok(Method::Awq)
        }
        other => Err(Error::Unsupported {
            what: format!("weights of the kind {} with {bits} bits", crate::build::shown(other)),
        }),
    }
}

/// Where numbers come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Plain numbers.
    Plain(Stored),
    /// Numbers of eight bits with a scale for each block, row or tensor.
    Scaled(Stored, Stored),
    /// Numbers of four bits.
    Packed(Packed),
}

impl Source {
    pub(super) fn new(mut parts: Parts, method: Method) -> Result<Source, Error> {
        let scale = parts.remove("weight_scale_inv").or(parts.remove("weight_scale"));
        if let Some(stored) = parts.remove("weight").or(parts.remove("bias")) {
            let bad = |problem: &str| Error::Tensor { name: stored.name.clone(), problem: problem.into() };
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
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Source::Plain(stored) | Source::Scaled(stored, _) => &stored.shape,
            Source::Packed(packed) => &packed.shape,
        }
    }

    /// Rows of a matrix, numbers of a vector.
    pub(super) fn outputs(&self) -> usize {
        self.shape().first().copied().unwrap_or(1)
    }

    /// How its rows are stored here.
    pub(super) fn format(&self) -> Option<&'static Format> {
        Format::from_name(match self {
            Source::Plain(stored) => match stored.kind {
                Kind::F16 => "F16",
                Kind::BF16 => "BF16",
                _ => "F32",
            },
            Source::Scaled(..) => "BF16",
            Source::Packed(_) => "F16",
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
        }
    }
}

/// A tensor's bytes; the table of its file was checked.
pub(super) fn bytes<'a>(stored: &Stored, files: &[&'a [u8]]) -> &'a [u8] {
    files.get(stored.file).and_then(|file| file.get(stored.place.clone())).unwrap_or_default()
}

/// A tensor's numbers as f32; exact.
pub(super) fn numbers(stored: &Stored, files: &[&[u8]]) -> Vec<f32> {
    let bytes = bytes(stored, files);
    let wide = |narrow: fn(u16) -> f32| -> Vec<f32> {
        bytes.as_chunks::<2>().0.iter().map(|pair| narrow(u16::from_le_bytes(*pair))).collect()
    };
    match stored.kind {
        Kind::F32 => bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        Kind::F16 => wide(f16_to_f32),
        Kind::BF16 => wide(bf16_to_f32),
        Kind::F8 => bytes.iter().map(|byte| packed::eight_bits(*byte)).collect(),
        Kind::U8 | Kind::I32 => Vec::new(),
    }
}
