//! Sixteen f32 side by side.

use hefu_numerics::functions::Real;

/// Lanes of a vector, the same on every chip.
pub const LANES: usize = 16;

/// Sixteen f32.
///
/// # Safety
/// An implementation's values may exist only on a machine that has its instructions; the functions that make one out of
/// nothing are therefore unsafe, and those of [`Real`], which need one to begin with, are not.
pub unsafe trait F32x16: Real {
    /// Vectors that an elementary function takes side by side ([`super::unrolled::Unrolled`]), as long as there
    /// are as many: 1, 2, 4 or 8.
    const TOGETHER: usize;

    /// `value` in every lane.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn splat(value: f32) -> Self;

    /// Reads 16 numbers.
    ///
    /// # Safety
    /// The machine has the instructions; `from` is valid for reading 16 numbers, of any alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// Reads 16 binary16 and widens them, exactly.
    ///
    /// # Safety
    /// The machine has the instructions; `from` is valid for reading 16 numbers, of any alignment.
    unsafe fn load_f16(from: *const u16) -> Self;

    /// Reads 16 bfloat16 and widens them, exactly.
    ///
    /// # Safety
    /// The machine has the instructions; `from` is valid for reading 16 numbers, of any alignment.
    unsafe fn load_bf16(from: *const u16) -> Self;

    /// Reads 16 signed bytes and widens them, exactly.
    ///
    /// # Safety
    /// The machine has the instructions; `from` is valid for reading 16 bytes.
    unsafe fn load_i8(from: *const i8) -> Self;

    /// Writes 16 numbers.
    ///
    /// # Safety
    /// `to` is valid for writing 16 numbers, of any alignment.
    unsafe fn store(self, to: *mut f32);

    /// Writes 16 numbers as binary16, rounded to nearest even.
    ///
    /// # Safety
    /// `to` is valid for writing 16 numbers, of any alignment.
    unsafe fn store_f16(self, to: *mut u16);

    /// The lanes as an array.
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut array = [0.0; LANES];
        // SAFETY: the array holds 16 numbers.
        unsafe { self.store(array.as_mut_ptr()) };
        array
    }

    /// The end of clause R2: 8 + 8, 4 + 4, 2 + 2, 1 + 1.
    #[inline(always)]
    fn tree_sum(self) -> f32 {
        let mut sums = self.to_array();
        let mut width = LANES / 2;
        while width > 0 {
            for j in 0..width {
                sums[j] += sums[j + width];
            }
            width /= 2;
        }
        sums[0]
    }

    /// The largest lane; lanes hold no NaN.
    #[inline(always)]
    fn largest(self) -> f32 {
        self.to_array().into_iter().fold(f32::NEG_INFINITY, |largest, x| if x > largest { x } else { largest })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use hefu_numerics::functions::exp;

    use super::{F32x16, LANES};

    /// Holds exponentials of numbers of all magnitudes against the scalar function, most of all where they are subnormal.
    ///
    /// # Safety
    /// The machine has the instructions of `L`.
    #[inline(always)]
    pub(crate) unsafe fn check_exponentials<L: F32x16>() {
        let everywhere = (0..u32::MAX).step_by(99_991).map(f32::from_bits);
        let subnormal = (0..200_000).map(|i| -87.0 - i as f32 * 1.0e-4);
        let numbers: Vec<f32> =
            everywhere.chain(subnormal).chain([88.7, 88.8, 89.0, -103.9, -104.0, 0.0, -0.0]).collect();
        for x in numbers.as_chunks::<LANES>().0 {
            // SAFETY: the machine has the instructions of `L`; a chunk has 16 numbers.
            let found = exp(unsafe { L::load(x.as_ptr()) }).to_array();
            for (&x, found) in x.iter().zip(found) {
                let expected = exp(x);
                assert!(expected.to_bits() == found.to_bits() || expected.is_nan() && found.is_nan(), "{x}: {found}");
            }
        }
    }
}
