//! Difference of the row before and each row (clause D7).

/// `out = x[t - 1] - x[t]`, of rows as long as `state`, which is the row before the first and becomes the last.
pub fn token_shift(x: &[f32], state: &mut [f32], out: &mut [f32]) {
    for (x, out) in x.chunks_exact(state.len()).zip(out.chunks_exact_mut(state.len())) {
        for i in 0..state.len() {
            out[i] = state[i] - x[i];
            state[i] = x[i];
        }
    }
}
