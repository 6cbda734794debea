//! Weight formats: how a file lays a row of weights out, one file per format.
//!
//! A quantised format is described by data ([`Quantised`]) and by one function that takes a block of the file apart
//! into [`Parts`]: small integer codes and the integer pieces of their scales. Everything else (the naive reference,
//! the packing for a chip, the table printed by `hefu show`) follows from the description.
//!
//! The value of element `i` in sub-block `b` of a block is
//!
//! ```text
//! w_i   = codes[i] - offset                    or  table[codes[i]]
//! s_b   = scale * factor of sub_scales[b]      m_b = minimum * sub_minimums[b]      (exact in f32)
//! value = s_b * w_i - m_b
//! ```

mod bits;
pub mod encode;
mod float;
mod grids;
mod iq1_m;
mod iq1_s;
mod iq2_s;
mod iq2_xs;
mod iq2_xxs;
mod iq3_s;
mod iq3_xxs;
mod iq4_nl;
mod iq4_xs;
mod mxfp4;
mod nvfp4;
mod parts;
mod q1_0;
mod q2_0;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;
mod tq1_0;
mod tq2_0;

pub use parts::{HALF_E4M3_FACTOR, MAX_BLOCK_ELEMENTS, MIN_SUB_BLOCK, Parts, scale_value};

/// Every format that Hefu reads, in the order of their GGUF type numbers.
pub const FORMATS: &[&Format] = &[
    &float::F32,
    &float::F16,
    &q4_0::Q4_0,
    &q4_1::Q4_1,
    &q5_0::Q5_0,
    &q5_1::Q5_1,
    &q8_0::Q8_0,
    &q2_k::Q2_K,
    &q3_k::Q3_K,
    &q4_k::Q4_K,
    &q5_k::Q5_K,
    &q6_k::Q6_K,
    &iq2_xxs::IQ2_XXS,
    &iq2_xs::IQ2_XS,
    &iq3_xxs::IQ3_XXS,
    &iq1_s::IQ1_S,
    &iq4_nl::IQ4_NL,
    &iq3_s::IQ3_S,
    &iq2_s::IQ2_S,
    &iq4_xs::IQ4_XS,
    &iq1_m::IQ1_M,
    &float::BF16,
    &tq1_0::TQ1_0,
    &tq2_0::TQ2_0,
    &mxfp4::MXFP4,
    &nvfp4::NVFP4,
    &q1_0::Q1_0,
    &q2_0::Q2_0,
];

/// A weight format.
#[derive(Debug)]
pub struct Format {
    /// The field's name for it, as in GGUF: `Q4_K`.
    pub name: &'static str,
    /// GGUF's number for the type (`ggml_type`).
    pub gguf_type: u32,
    /// Elements in one block; a row holds a whole number of blocks.
    pub block_elements: usize,
    /// Bytes of one block in the file.
    pub block_bytes: usize,
    /// Encoding of the elements.
    pub encoding: Encoding,
}

/// Encodings of elements.
#[derive(Debug)]
pub enum Encoding {
    /// Plain little-endian floating point numbers.
    Float(Float),
    /// Integers with scales.
    Quantised(Quantised),
}

/// The plain floating point formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// IEEE-754 binary32.
    F32,
    /// IEEE-754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
}

/// Description of a quantised format.
#[derive(Debug)]
pub struct Quantised {
    /// Bits of one code: 1, 2, 3, 4, 5, 6 or 8.
    pub code_bits: u32,
    /// Knowledge about those bits, so that a packing may do with fewer.
    pub digits: Digits,
    /// From code to integer weight.
    pub values: Values,
    /// Elements that share a scale: 16 or 32.
    pub sub_block: usize,
    /// True if a minimum is subtracted (`m_b` above).
    pub has_minimum: bool,
    /// Source of each sub-block's scale besides the block's.
    pub sub_scales: SubScales,
    /// Format of [`Parts::scale`].
    pub scale_encoding: ScaleEncoding,
    /// Takes one block of the file apart. `block` has exactly [`Format::block_bytes`] bytes.
    pub unpack_block: fn(block: &[u8], parts: &mut Parts),
    /// Puts a block together from what `unpack_block` would give.
    pub(crate) put_together: fn(parts: &Parts, block: &mut [u8]),
}

/// From code to integer weight.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// The code less this offset: 0 to 128.
    Offset(u8),
    /// An entry of a table, for codes of at most 4 bits.
    Table(&'static [i8; 16]),
}

/// Knowledge about the bits of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// Nothing.
    Bits,
    /// Codes are 0, 1 or 2; a block has 256 elements.
    Trits,
    /// Alike for the two lower bits of a code; the third is any.
    TritsAndBits,
    /// Alike for the two lower bits; the third is the same for elements `8 i .. 8 i + 8`.
    TritsAndRuns,
}

/// Sources of a sub-block's scale besides the block's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubScales {
    /// Nothing: `sub_scales` and `sub_minimums` are all 1.
    None,
    /// A signed integer of 8 bits, and alike an unsigned one for the minimum.
    Integer,
    /// An odd number of eighths, `(2 k + 1) * eighths / 8` for `k` from 0 to 15; no minimum.
    Odd {
        /// A power of two.
        eighths: u8,
    },
    /// A number of 7 bits without sign, 4 of them exponent (E4M3, bias 7), halved, because the code table holds doubled
    /// values; no minimum.
    HalfE4M3,
}

/// Formats of a block's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleEncoding {
    /// IEEE-754 binary16.
    F16,
    /// There is none: it is 1.
    One,
    /// `2^(bits - 128)`: an OCP E8M0 exponent (bias 127) halved, because the code table holds doubled values.
    HalfE8M0,
}

impl Format {
    /// The format with this GGUF type number, if Hefu reads it.
    pub fn from_gguf_type(number: u32) -> Option<&'static Format> {
        FORMATS.iter().copied().find(|format| format.gguf_type == number)
    }

    /// The format of this name (`Q4_K`), if Hefu reads it.
    pub fn from_name(name: &str) -> Option<&'static Format> {
        FORMATS.iter().copied().find(|format| format.name == name)
    }

    /// Bytes of a row of `columns` elements in the file; `None` if that is no whole number of blocks or overflows.
    pub fn row_bytes(&self, columns: usize) -> Option<usize> {
        if !columns.is_multiple_of(self.block_elements) {
            return None;
        }
        (columns / self.block_elements).checked_mul(self.block_bytes)
    }

    /// The description, if this is a quantised format.
    pub fn quantised(&self) -> Option<&Quantised> {
        match &self.encoding {
            Encoding::Quantised(quantised) => Some(quantised),
            Encoding::Float(_) => None,
        }
    }

    /// Decodes a row in the file's layout to f32, each element `s_b * w_i - m_b` in one fused multiply-add.
    ///
    /// `row` holds [`Format::row_bytes`] of `output.len()` columns.
    pub fn decode_row(&self, row: &[u8], output: &mut [f32]) {
        match &self.encoding {
            Encoding::Float(kind) => float::decode_row(*kind, row, output),
            Encoding::Quantised(quantised) => {
                let mut parts = Parts::default();
                let blocks = row.chunks_exact(self.block_bytes);
                for (block, output) in blocks.zip(output.chunks_exact_mut(self.block_elements)) {
                    (quantised.unpack_block)(block, &mut parts);
                    parts.decode(quantised, output);
                }
            }
        }
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.gguf_type == other.gguf_type
    }
}

impl Eq for Format {}
