//! Several registers' lanes at once.

use hefu_numerics::functions::Real;

use super::lanes::{LANES, Lanes};

/// `N` times sixteen f32, on which a function works step by step: while one register's operation takes its time, the
/// next one's is under way. One after the other, a processor would have to look far ahead to find as much to do.
#[derive(Debug, Clone, Copy)]
pub struct Side<L, const N: usize>([L; N]);

impl<L: Lanes, const N: usize> Side<L, N> {
    /// Reads `16 N` numbers.
    ///
    /// # Safety
    /// The machine has the instructions of `L`; `from` is valid for reading as many numbers.
    #[inline(always)]
    pub unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's duty.
        unsafe { Side::load_apart(from, LANES) }
    }

    /// Reads 16 numbers from each of `N` places, `stride` numbers apart.
    ///
    /// # Safety
    /// The machine has the instructions of `L`; all of it is there to be read.
    #[inline(always)]
    pub unsafe fn load_apart(from: *const f32, stride: usize) -> Self {
        // SAFETY: the caller's duty.
        unsafe {
            let mut all = [L::splat(0.0); N];
            for (i, lanes) in all.iter_mut().enumerate() {
                *lanes = L::load(from.add(i * stride));
            }
            Side(all)
        }
    }

    /// The registers.
    #[inline(always)]
    pub fn each(self) -> [L; N] {
        self.0
    }

    /// The same lanes in all registers.
    #[inline(always)]
    pub fn same(lanes: L) -> Self {
        Side([lanes; N])
    }
}

/// An operation on each register, with those of other operands.
macro_rules! each {
    ($self:ident $($other:ident)*: $operation:ident) => {{
        let mut all = $self.0;
        for i in 0..N {
            all[i] = all[i].$operation($($other.0[i]),*);
        }
        Side(all)
    }};
}

impl<L: Lanes, const N: usize> Real for Side<L, N> {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        Side([self.0[0].constant(value); N])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(self other: add)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(self other: sub)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(self other: mul)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        each!(self other: div)
    }

    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        each!(self factor addend: fma)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        each!(self other: max)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        each!(self other: min)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        each!(self: abs)
    }

    #[inline(always)]
    fn neg(self) -> Self {
        each!(self: neg)
    }

    #[inline(always)]
    fn if_less(self, bound: Self, below: Self, otherwise: Self) -> Self {
        each!(self bound below otherwise: if_less)
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        each!(self: power_of_two)
    }
}
