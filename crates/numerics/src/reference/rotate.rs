//! Rotation of heads (clause P2).

use crate::functions::fma;
use crate::program::RopeStyle;

/// Rotates `pairs` pairs of every head, from its element `first` on, and leaves the other elements as they are. `x` and
/// `out`: `[rows][heads][head]`; `angles`: `[rows][2][pairs]`, cosines and then sines.
pub fn rotate(x: &[f32], head: usize, first: usize, style: RopeStyle, angles: &[f32], pairs: usize, out: &mut [f32]) {
    out.copy_from_slice(x);
    if angles.is_empty() {
        return;
    }
    let width = x.len() / (angles.len() / (2 * pairs));
    for (row, angles) in out.chunks_exact_mut(width).zip(angles.chunks_exact(2 * pairs)) {
        let (cosines, sines) = angles.split_at(pairs);
        for head in row.chunks_exact_mut(head) {
            for (i, (&cosine, &sine)) in cosines.iter().zip(sines).enumerate() {
                let (a, b) = match style {
                    RopeStyle::NeoX => (first + i, first + i + pairs),
                    RopeStyle::Interleaved => (first + 2 * i, first + 2 * i + 1),
                };
                let (x, y) = (head[a], head[b]);
                head[a] = fma(x, cosine, -(y * sine));
                head[b] = fma(x, sine, y * cosine);
            }
        }
    }
}
