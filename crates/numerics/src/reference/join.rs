//! Heads put together (clause C2).

/// Each head of `out` is the heads of all parts, one after the other. `parts`: rows of `size` elements for each head, and
/// that size.
pub fn join(parts: &[(&[f32], usize)], out: &mut [f32]) {
    let size: usize = parts.iter().map(|(_, size)| size).sum();
    for (head, mut out) in out.chunks_exact_mut(size).enumerate() {
        for (part, size) in parts {
            let (to, rest) = out.split_at_mut(*size);
            to.copy_from_slice(&part[head * size..][..*size]);
            out = rest;
        }
    }
}
