//! A weight format as constants, so that the compiler makes a kernel for each.

use hefu_numerics::quant::{Encoding, FORMATS, Format, Quantised, Values};

use super::rows::DotIsa;
use crate::layout::QuantLayout;

/// The format with GGUF type number `TYPE`.
#[derive(Debug, Clone, Copy)]
pub struct FormatConsts<const TYPE: u32>;

impl<const TYPE: u32> FormatConsts<TYPE> {
    /// The format.
    pub const FORMAT: &'static Format = format(TYPE);

    /// Its description.
    pub const QUANTISED: &'static Quantised = match &Self::FORMAT.encoding {
        Encoding::Quantised(quantised) => quantised,
        Encoding::Float(_) => panic!("constants are of a quantised format"),
    };

    /// Where its pieces lie.
    pub const LAYOUT: QuantLayout = QuantLayout::new(Self::QUANTISED, Self::FORMAT.block_elements);

    /// True if 16 columns share a scale, instead of 32.
    pub const HALVES: bool = Self::QUANTISED.sub_block == 16;

    /// Scales per block of 32 columns.
    pub const SUBS: usize = 32 / Self::QUANTISED.sub_block;

    /// True if a minimum is subtracted.
    pub const MINIMUM: bool = Self::QUANTISED.has_minimum;

    /// Bits of a code once it is taken out of its planes and looked up.
    pub const BITS: u32 = match Self::QUANTISED.values {
        Values::Offset(_) => Self::QUANTISED.code_bits,
        Values::Table(_) => 8,
    };

    /// The table of weights, as the bytes that a kernel with signed or unsigned bytes looks up.
    pub const fn table(signed: bool) -> Option<[u8; 16]> {
        match Self::QUANTISED.values {
            Values::Offset(_) => None,
            Values::Table(weights) => {
                let mut bytes = [0; 16];
                let mut i = 0;
                while i < 16 {
                    bytes[i] = if signed { weights[i] as u8 } else { weights[i] as u8 ^ 0x80 };
                    i += 1;
                }
                Some(bytes)
            }
        }
    }
}

/// Offset of a kernel's codes from the weights: the sum of activations times this is taken off each integer sum.
pub fn code_offset<R: DotIsa>(quantised: &Quantised) -> u8 {
    match quantised.values {
        Values::Offset(_) if quantised.code_bits == 8 && R::SIGNED_BYTES => 0,
        Values::Offset(offset) => offset,
        Values::Table(_) if R::SIGNED_BYTES => 0,
        Values::Table(_) => 128,
    }
}

const fn format(number: u32) -> &'static Format {
    let mut i = 0;
    while i < FORMATS.len() {
        if FORMATS[i].gguf_type == number {
            return FORMATS[i];
        }
        i += 1;
    }
    panic!("no format has this number")
}
