//! Deals norms, rotations and single elements to threads.

use hefu_numerics::ops::{Activation, Rotation, Team};

use super::{Shared, deal};
use crate::generic::kernels::Kernels;

/// Below this many elements a second thread costs more than it saves.
const WORTH_SHARING: usize = 8192;

/// Elements of a piece that one thread takes at a time.
const PIECE: usize = 4096;

/// See [`hefu_numerics::ops::Ops::rms_norm`].
pub fn rms_norm(kernels: &Kernels, team: &dyn Team, input: &[f32], gain: &[f32], epsilon: f32, output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    let width = gain.len();
    let rows_per_piece = (PIECE / width).max(1);
    by_pieces(team, output, rows_per_piece * width, &|at, output| {
        for (i, output) in output.chunks_exact_mut(width).enumerate() {
            let input = &input[at + i * width..][..width];
            // SAFETY: these kernels are handed out only where their instructions are.
            unsafe { (kernels.rms_norm)(input, gain, epsilon, output) };
        }
    });
}

/// See [`hefu_numerics::ops::Ops::rope`].
pub fn rope(kernels: &Kernels, team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]) {
    assert!(rotation.tokens > 0 && heads.len().is_multiple_of(rotation.tokens));
    let per_token = heads.len() / rotation.tokens;
    let half = rotation.cosines.len() / rotation.tokens;
    assert!(rotation.sines.len() == rotation.cosines.len() && 2 * half <= rotation.head_size);
    let tokens_per_piece = (PIECE / per_token).max(1);
    by_pieces(team, heads, tokens_per_piece * per_token, &|at, heads| {
        for (i, heads) in heads.chunks_exact_mut(per_token).enumerate() {
            let row = (at / per_token + i) * half;
            let (cosines, sines) = (&rotation.cosines[row..][..half], &rotation.sines[row..][..half]);
            // SAFETY: these kernels are handed out only where their instructions are.
            unsafe { (kernels.rope)(heads, rotation.head_size, cosines, sines, rotation.pairs) };
        }
    });
}

/// See [`hefu_numerics::ops::Ops::gate`].
pub fn gate(kernels: &Kernels, team: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len());
    by_pieces(team, gate, PIECE, &|at, gate| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.gate)(activation, gate, &up[at..][..gate.len()]) };
    });
}

/// See [`hefu_numerics::ops::Ops::add`].
pub fn add(kernels: &Kernels, team: &dyn Team, sum: &mut [f32], addend: &[f32]) {
    assert_eq!(sum.len(), addend.len());
    by_pieces(team, sum, PIECE, &|at, sum| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.add)(sum, &addend[at..][..sum.len()]) };
    });
}

/// Calls `work(at, piece)` for pieces of `data` of `piece` elements (the last may be shorter).
fn by_pieces(team: &dyn Team, data: &mut [f32], piece: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    if data.len() < WORTH_SHARING {
        return work(0, data);
    }
    let length = data.len();
    let shared = Shared(data.as_mut_ptr());
    deal(team, length.div_ceil(piece), &|i, _| {
        let at = i * piece;
        // SAFETY: pieces do not overlap and lie within `data`, which stays borrowed until `deal` returns.
        let piece = unsafe { std::slice::from_raw_parts_mut(shared.at(at), piece.min(length - at)) };
        work(at, piece);
    });
}
