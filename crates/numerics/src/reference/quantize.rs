//! Activations become 8-bit integers, 32 at a time (clause Q1).

/// A block whose largest magnitude is below this counts as zero: the reciprocal of its scale would overflow.
pub const TINY: f32 = 7.888_609e-31; // 2^-100

/// 32 activations: `x_i` is about `scale * q_i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedBlock {
    /// From -127 to 127.
    pub q: [i8; 32],
    /// `max |x| / 127`; 0 if all of the block counts as zero; NaN if any of it is no finite number.
    pub scale: f32,
}

/// Quantises up to 32 activations.
pub fn quantize_block(x: &[f32]) -> QuantizedBlock {
    let (integers, scale) = quantize(x);
    let mut q = [0; 32];
    q[..x.len()].copy_from_slice(&integers);
    QuantizedBlock { q, scale }
}

/// Quantises any number of them, with one scale.
pub fn quantize(x: &[f32]) -> (Vec<i8>, f32) {
    // Magnitudes compare like their bits, and so an infinity or a NaN is larger than every number.
    let largest = x.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
    if largest >= f32::INFINITY.to_bits() {
        return (vec![0; x.len()], f32::NAN);
    }
    let largest = f32::from_bits(largest);
    if largest < TINY {
        return (vec![0; x.len()], 0.0);
    }
    let inverse = 127.0 / largest;
    (x.iter().map(|x| (x * inverse).round_ties_even() as i8).collect(), largest / 127.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_to_even_and_keeps_the_ends() {
        let mut x = [0.0; 32];
        (x[0], x[1], x[2], x[3]) = (127.0, 0.5, 1.5, -126.5);
        let block = quantize_block(&x);
        assert_eq!((block.scale, &block.q[..4]), (1.0, &[127, 0, 2, -126][..]));
    }

    #[test]
    fn extremes_neither_overflow_nor_pass_unseen() {
        assert_eq!(quantize_block(&[1.0e-40; 32]), QuantizedBlock { q: [0; 32], scale: 0.0 });
        assert_eq!(quantize_block(&[f32::MAX; 32]).q, [127; 32]);
        assert_eq!(quantize_block(&[-TINY; 32]).q, [-127; 32]);
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let mut x = [1.0; 32];
            x[17] = bad;
            assert!(quantize_block(&x).scale.is_nan());
        }
    }
}
