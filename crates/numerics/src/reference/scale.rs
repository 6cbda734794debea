//! Elements times factors (clause F8).

/// `out[i] = x[i] * factors[i div (width / count)]` for each row, where `count` factors belong to a row of `width` elements.
/// `factors`: `[rows][count]`, or `[count]` for all rows.
pub fn scale(x: &[f32], width: usize, factors: &[f32], count: usize, out: &mut [f32]) {
    let part = width / count;
    for (row, (x, out)) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        let first = if factors.len() == count { 0 } else { row * count };
        for (i, (x, out)) in x.iter().zip(out).enumerate() {
            *out = x * factors[first + i / part];
        }
    }
}
