//! Parts of heads (clause C1).

/// Elements `first` to `first + size` of each `head` consecutive elements.
pub fn slice(x: &[f32], head: usize, first: usize, size: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(head).zip(out.chunks_exact_mut(size)) {
        out.copy_from_slice(&x[first..first + size]);
    }
}
