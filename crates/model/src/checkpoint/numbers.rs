//! One tensor of a folder, and its numbers.

use std::collections::BTreeMap;

use hefu_numerics::half::{bf16_to_f32, f16_to_f32};

use super::file::{Kind, Stored};
use super::{Config, Error};

/// Stored parts of one tensor, by the ending of the name.
pub(super) type Parts = BTreeMap<String, Stored>;

/// Packing of numbers of four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// There are none.
    None,
    /// In order, with zeros that lack a 1, or have it.
    Gptq {
        /// True if zeros lack a 1.
        lacks_one: bool,
    },
    /// In turn, along the outputs.
    Awq,
}

/// Storage of weights by `config.json`.
pub(super) fn by_name(config: &Config) -> Result<Method, Error> {
    let Some(part) = config.part("quantization_config") else { return Ok(Method::None) };
    let method = part.word("quant_method").unwrap_or_default();
    let bits = part.number("bits").or(part.number("w_bit")).unwrap_or(4.0);
    let is_usual = bits == 4.0;
    match method {
        // The tensors themselves tell which of these is read.
        "fp8" | "mxfp4" | "modelopt" | "compressed-tensors" => Ok(Method::None),
        "gptq" if is_usual => Ok(Method::Gptq { lacks_one: part.word("checkpoint_format") != Some("gptq_v2") }),
        "awq" if is_usual && part.word("version").is_none_or(|version| version.eq_ignore_ascii_case("gemm")) => {
            Ok(Method::Awq)
        }
        other => Err(Error::Unsupported {
            what: format!("weights of the kind {} with {bits} bits", crate::build::shown(other)),
        }),
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
        Kind::F8 => bytes.iter().map(|byte| eight_bits(*byte)).collect(),
        Kind::U8 | Kind::I32 => Vec::new(),
    }
}

/// The number of an E4M3 byte; a NaN for 0x7f and 0xff.
pub(super) fn eight_bits(byte: u8) -> f32 {
    let (exponent, fraction) = (u32::from(byte >> 3 & 15), u32::from(byte & 7));
    let magnitude = match (exponent, fraction) {
        (15, 7) => f32::NAN,
        (0, _) => fraction as f32 / 512.0,
        _ => f32::from_bits((exponent + 120) << 23 | fraction << 20),
    };
    if byte < 0x80 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_are_what_the_format_says() {
        for (byte, number) in [(0, 0.0), (1, 0.001_953_125), (8, 0.015_625), (0x38, 1.0), (0x7e, 448.0), (0xb8, -1.0)] {
            assert_eq!(eight_bits(byte), number, "{byte:#x}");
        }
        assert!(eight_bits(0x7f).is_nan());
    }
}
