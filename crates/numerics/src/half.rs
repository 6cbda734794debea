//! Exact conversions between binary16, bfloat16 and binary32.

/// Widens a binary16 given by its bits; exact, subnormals kept.
#[inline]
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, 0) => 0,
        (0, _) => {
            // Subnormal: fraction * 2^-24 is a normal binary32.
            return f32::from_bits(sign | (fraction as f32 * (1.0 / 16_777_216.0)).to_bits());
        }
        (31, 0) => 0x7f80_0000,
        (31, _) => 0x7fc0_0000 | (fraction << 13),
        _ => ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// Narrows a binary32 to the bits of the nearest binary16, ties to even; overflow gives an infinity, a NaN stays a
/// (quiet) NaN.
#[inline]
pub fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff) as u16;
    }
    if magnitude >= 0x4780_0000 {
        return sign | 0x7c00;
    }
    if magnitude < 0x3880_0000 {
        // Below 2^-14: adding 1/2 makes the hardware's own rounding (to nearest even) cut at 2^-24, the spacing of
        // binary16's subnormals.
        let rounded = f32::from_bits(magnitude) + 0.5;
        return sign | (rounded.to_bits() - 0x3f00_0000) as u16;
    }
    let odd = (magnitude >> 13) & 1;
    // A carry out of the fraction correctly bumps the exponent, up to the infinity.
    let rounded = magnitude + 0xfff + odd - (112 << 23);
    sign | (rounded >> 13) as u16
}

/// Widens a bfloat16 given by its bits; exact.
#[inline]
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Narrows a binary32 to the bits of the nearest bfloat16, ties to even; a NaN stays a (quiet) NaN.
#[inline]
pub fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    let odd = bits >> 16 & 1;
    ((bits + 0x7fff + odd) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary16_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let wide = f16_to_f32(bits);
            if wide.is_nan() {
                assert!(f16_to_f32(f32_to_f16(wide)).is_nan());
            } else {
                assert_eq!(f32_to_f16(wide), bits, "{bits:#06x}");
            }
        }
    }

    #[test]
    fn narrowing_picks_the_nearest_and_the_even_one_of_two() {
        for low in 0..0x7bffu16 {
            let (below, above) = (f16_to_f32(low), f16_to_f32(low + 1));
            let middle = (below + above) / 2.0;
            let even = if low % 2 == 0 { low } else { low + 1 };
            assert_eq!(f32_to_f16(middle), even, "{low:#06x}");
            assert_eq!(f32_to_f16(f32::from_bits(middle.to_bits() - 1)), low);
            assert_eq!(f32_to_f16(f32::from_bits(middle.to_bits() + 1)), low + 1);
        }
        assert_eq!(f32_to_f16(65519.996), 0x7bff);
        assert_eq!(f32_to_f16(65520.0), 0x7c00);
        assert_eq!(f32_to_f16(-1.0e-30), 0x8000);
    }

    #[test]
    fn bfloat16_is_the_nearest() {
        for (value, bits) in [(1.0, 0x3f80), (1.003_906_2, 0x3f80), (1.011_718_8, 0x3f82), (f32::MAX, 0x7f80)] {
            assert_eq!(f32_to_bf16(value), bits, "{value}");
        }
        assert!(bf16_to_f32(f32_to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
        assert!((0..=u16::MAX).all(|bits| bf16_to_f32(bits).is_nan() || f32_to_bf16(bf16_to_f32(bits)) == bits));
    }
}
