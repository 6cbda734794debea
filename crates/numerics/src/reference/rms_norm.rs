//! Root-mean-square norm (clause N1; Zhang and Sennrich, arXiv 1910.07467).
//!
//! ```text
//! mean   = (x[0]² + x[1]² + …) / n      summed in sixteen stripes (clause R2), each product fused with its sum
//! factor = 1 / sqrt(mean + epsilon)
//! out[i] = x[i] * factor * gain[i]      in this order, each rounded
//! ```
//!
//! Sums of floats depend on their order, so the clause fixes it: element `i` goes to stripe `i mod 16`, and the stripes are
//! added as a tree. Sixteen is what the widest registers hold; a narrower machine keeps several registers, a scalar one an
//! array, and all get the same bits.
//!
//! This is the shortest way from a clause to a kernel, and every operation takes it:
//!
//! 1. the clause: `docs/readers/numerics.md`, N1;
//! 2. the loop: this file; it is the oracle and may not become clever;
//! 3. the operation, with its shapes checked before anything runs: [`Op::RmsNorm`](crate::program::Op::RmsNorm),
//!    `program/check`;
//! 4. the cases whose digests every device must reproduce: `norm` in `conformance/elements.rs`, published in
//!    `golden/conformance`;
//! 5. the kernels: `generic/elementwise/norm.rs` in `crates/cpu`, written once for registers of any width and compiled for
//!    each instruction set; `kernels/norms.cl` in `crates/opencl`.

use super::lane_sum16;
use crate::functions::fma;

/// The norm of each `size` consecutive elements; `gain` has as many, all 1 where there is none.
pub fn rms_norm(x: &[f32], size: usize, gain: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let mean = lane_sum16(x, |x, sum| fma(x, x, sum)) / size as f32;
        let factor = 1.0 / (mean + epsilon).sqrt();
        for i in 0..size {
            out[i] = x[i] * factor * gain.map_or(1.0, |gain| gain[i]);
        }
    }
}
