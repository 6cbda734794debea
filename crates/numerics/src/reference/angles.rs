//! Cosines and sines of positions (clause P1).

use crate::rope::Frequencies;

/// `out`: `[positions][2][pairs]`, for each position the cosines of all pairs, then their sines.
pub fn angles(frequencies: &Frequencies, positions: &[usize], out: &mut [f32]) {
    let pairs = frequencies.per_pair.len();
    for (row, position) in positions.iter().enumerate() {
        let (cosines, sines) = out[row * 2 * pairs..][..2 * pairs].split_at_mut(pairs);
        frequencies.fill_row(*position, cosines, sines);
    }
}
