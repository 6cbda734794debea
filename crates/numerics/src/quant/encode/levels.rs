//! The values that elements can have, in units of their scale, and the nearest of them (clause X3).

/// Adding and subtracting it rounds a number below 2^22 to the nearest integer, ties to even.
const ROUNDING: f32 = 12_582_912.0;

/// The nearest integer, ties to even; for magnitudes of 2^22 and more any integer.
pub(super) fn round(y: f32) -> f32 {
    (y + ROUNDING) - ROUNDING
}

/// Values to choose from.
pub(super) trait Levels: Copy {
    /// The value nearest to `y`.
    fn nearest(self, y: f32) -> f32;
}

/// All integers from one to another.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) least: f32,
    pub(super) most: f32,
}

impl Levels for Whole {
    #[inline(always)]
    fn nearest(self, y: f32) -> f32 {
        // Bounded first, so that the rounding is right whatever is given.
        let y = if y > self.least { y } else { self.least };
        let y = if y < self.most { y } else { self.most };
        round(y)
    }
}

/// The odd numbers from 1 on.
#[derive(Clone, Copy)]
pub(super) struct Odd {
    pub(super) most: f32,
}

impl Levels for Odd {
    #[inline(always)]
    fn nearest(self, y: f32) -> f32 {
        let half = Whole { least: 0.0, most: (self.most - 1.0) * 0.5 }.nearest((y - 1.0) * 0.5);
        half * 2.0 + 1.0
    }
}

/// A table in ascending order; of two equally near values the larger.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) values: &'a [f32],
}

impl Levels for Table<'_> {
    #[inline(always)]
    fn nearest(self, y: f32) -> f32 {
        let mut nearest = self.values[0];
        for pair in self.values.windows(2) {
            // Both halves are exact: table values are small multiples of 1/8.
            nearest = if y >= (pair[0] + pair[1]) * 0.5 { pair[1] } else { nearest };
        }
        nearest
    }
}
