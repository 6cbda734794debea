//! Instructions that Rust has no stable function for.

use std::arch::aarch64::*;
use std::arch::asm;

/// Defines `name(start, a, b)`: the instruction adds products of the bytes of `a` and `b` to `start`.
macro_rules! adding {
    ($($(#[$doc:meta])* $name:ident($a:ty, $b:ty) = $instruction:literal;)*) => {
        $($(#[$doc])*
        ///
        /// # Safety
        /// The machine has the instruction.
        #[inline(always)]
        pub(super) unsafe fn $name(start: int32x4_t, a: $a, b: $b) -> int32x4_t {
            let mut sums = start;
            // SAFETY: the machine has the instruction; it works on registers alone.
            unsafe {
                asm!(
                    concat!($instruction, " {sums:v}.4s, {a:v}.16b, {b:v}.16b"),
                    sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            sums
        })*
    };
}

adding! {
    /// Four sums of four products of signed bytes.
    sdot(int8x16_t, int8x16_t) = "sdot";
    /// Four sums of four products of unsigned with signed bytes.
    usdot(uint8x16_t, int8x16_t) = "usdot";
    /// Of two rows of 8 bytes each: `[a0 b0, a0 b1, a1 b0, a1 b1]`.
    smmla(int8x16_t, int8x16_t) = "smmla";
}

/// As [`sdot`], with the four bytes of `LANE` of `b` for each sum.
///
/// # Safety
/// The machine has the instruction.
#[inline(always)]
pub(super) unsafe fn sdot_lane<const LANE: i32>(start: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    let mut sums = start;
    // SAFETY: the machine has the instruction; it works on registers alone.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// As [`usdot`], with the four bytes of `LANE` of `b` for each sum.
///
/// # Safety
/// The machine has the instruction.
#[inline(always)]
pub(super) unsafe fn usdot_lane<const LANE: i32>(start: int32x4_t, a: uint8x16_t, b: int8x16_t) -> int32x4_t {
    let mut sums = start;
    // SAFETY: the machine has the instruction; it works on registers alone.
    unsafe {
        asm!(
            "usdot {sums:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Eight binary16, widened.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
pub(super) unsafe fn widen_f16(halves: uint16x8_t) -> [float32x4_t; 2] {
    // SAFETY: the machine has NEON; these work on registers alone.
    unsafe {
        let (low, high): (float32x4_t, float32x4_t);
        asm!("fcvtl {to:v}.4s, {from:v}.4h", to = lateout(vreg) low, from = in(vreg) halves,
             options(pure, nomem, nostack, preserves_flags));
        asm!("fcvtl2 {to:v}.4s, {from:v}.8h", to = lateout(vreg) high, from = in(vreg) halves,
             options(pure, nomem, nostack, preserves_flags));
        [low, high]
    }
}

/// Four f32 as binary16, rounded to nearest even.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
pub(super) unsafe fn narrow_f16(floats: float32x4_t) -> uint16x4_t {
    // SAFETY: the machine has NEON; it works on registers alone.
    unsafe {
        let halves: uint16x4_t;
        asm!("fcvtn {to:v}.4h, {from:v}.4s", to = lateout(vreg) halves, from = in(vreg) floats,
             options(pure, nomem, nostack, preserves_flags));
        halves
    }
}
