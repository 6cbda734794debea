//! Q8_0: 32 elements of 8 bits about zero, one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..34   byte i: element i, signed
//! value = scale * signed = scale * (code - 128)     (the code is the signed byte plus 128)
//! ```

use super::bits::{put_u16, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q8_0: Format = Format {
    name: "Q8_0",
    gguf_type: 8,
    block_elements: 32,
    block_bytes: 34,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 8,
        digits: Digits::Bits,
        values: Values::Offset(128),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::None,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    for (byte, code) in block[2..34].iter().zip(&mut parts.codes) {
        // Flipping the top bit adds 128 to a number in two's complement.
        *code = byte ^ 0x80;
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for (byte, code) in block[2..34].iter_mut().zip(&parts.codes) {
        *byte = code ^ 0x80;
    }
}
