//! Rows as large as others (clause N4).

use super::lane_sum16;
use crate::functions::fma;

/// Each row of `x`, of `width` elements, times the ratio of the root mean squares of the row of `like` and its own; the
/// mean of its own squares counts as `floor` at least.
pub fn match_magnitude(x: &[f32], like: &[f32], width: usize, floor: f32, out: &mut [f32]) {
    for ((x, like), out) in x.chunks_exact(width).zip(like.chunks_exact(width)).zip(out.chunks_exact_mut(width)) {
        let [own, target] = [x, like].map(|row| lane_sum16(row, |x, sum| fma(x, x, sum)) / width as f32);
        let own = if own < floor { floor } else { own };
        let factor = target.sqrt() / own.sqrt();
        for (x, out) in x.iter().zip(out) {
            *out = x * factor;
        }
    }
}
