//! Temperature of attention by position (clause P4).

/// `1 + factor * log(1 + floor(position / length))` for each position, in f64 and rounded once.
pub fn temperature(length: usize, factor: f32, positions: &[usize], out: &mut [f32]) {
    for (position, out) in positions.iter().zip(out) {
        let passed = (position / length) as f64;
        *out = (1.0 + f64::from(factor) * libm::log(1.0 + passed)) as f32;
    }
}
