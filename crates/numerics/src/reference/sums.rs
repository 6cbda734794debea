//! The two orders in which sums are taken (clauses R1 and R2).

use crate::functions::fma;

/// `acc = +0; for i ascending: acc = fma(a[i], b[i], acc)`.
pub fn chain(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| fma(a, b, sum))
}

/// Sixteen stripes: stripe `j` starts at +0 and takes elements `j`, `j + 16`, ... ascending by `step(element, sum)`;
/// then halves are added, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
pub fn lane_sum16(x: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut stripes = [0.0f32; 16];
    for (i, &x) in x.iter().enumerate() {
        stripes[i % 16] = step(x, stripes[i % 16]);
    }
    for width in [8, 4, 2, 1] {
        for j in 0..width {
            stripes[j] += stripes[j + width];
        }
    }
    stripes[0]
}
