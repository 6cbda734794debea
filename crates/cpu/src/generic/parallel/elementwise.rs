//! Deals norms, rotations and single elements to threads.

use std::ops::Range;

use crate::ops::{Activation, AddNorms, FusedNorm, Norm, Rotation, Team};

use super::linear::prepare;
use super::{Shared, parallel_ranges};
use crate::generic::kernels::Kernels;

/// Below this many elements a second thread costs more than it saves.
const MIN_PARALLEL_WORK: usize = 8192;

/// Elements of a piece that one thread takes at a time.
const PIECE: usize = 4096;

/// Rows that a kernel takes side by side.
const ROWS_TOGETHER: usize = 4;

/// See [`crate::ops::Ops::rms_norm`].
pub fn rms_norm(kernels: &Kernels, team: &dyn Team, norm: Norm<'_>, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    by_rows(team, output, norm.gain.len(), &|at, output| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.rms_norm)(&norm, &input[at..][..output.len()], output) };
    });
}

/// See [`crate::ops::Ops::rope`].
pub fn rope(kernels: &Kernels, team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]) {
    assert!(rotation.tokens > 0 && heads.len().is_multiple_of(rotation.tokens));
    let per_token = heads.len() / rotation.tokens;
    let half = rotation.cosines.len() / rotation.tokens;
    assert!(rotation.sines.len() == rotation.cosines.len() && 2 * half <= rotation.head_size);
    assert!(per_token.is_multiple_of(rotation.head_size));
    by_rows(team, heads, per_token, &|at, heads| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.rope)(rotation, at / per_token, per_token / rotation.head_size, heads) };
    });
}

/// See [`crate::ops::Ops::gate`].
pub fn gate(kernels: &Kernels, team: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len());
    by_pieces(team, gate, PIECE, &|at, gate| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.gate)(activation, gate, &up[at..][..gate.len()]) };
    });
}

/// See [`crate::ops::Ops::add`].
pub fn add(kernels: &Kernels, team: &dyn Team, sum: &mut [f32], addend: &[f32], around: AddNorms<'_>) {
    assert_eq!(sum.len(), addend.len());
    let AddNorms { before, after } = around;
    let add = |at: usize, sum: &mut [f32]| {
        // SAFETY: these kernels are handed out only where their instructions are.
        unsafe { (kernels.add)(sum, &addend[at..][..sum.len()], before) };
    };
    match (before, after) {
        (None, None) => by_pieces(team, sum, PIECE, &add),
        (Some(norm), None) => by_rows(team, sum, norm.gain.len(), &add),
        (_, Some(FusedNorm { norm, output, readers })) => {
            let (width, length) = (norm.gain.len(), sum.len());
            assert!(width > 0 && length.is_multiple_of(width));
            let add_and_norm = |at: usize, sum: &mut [f32], normed: &mut [f32]| {
                add(at, sum);
                // SAFETY: as above.
                unsafe { (kernels.rms_norm)(&norm, sum, normed) };
            };
            let all = Shared(sum.as_mut_ptr());
            let make = |tokens: Range<usize>, normed: &mut [f32]| {
                let at = tokens.start * width;
                // SAFETY: no two tiles have a token in common; theirs are rows of the sum, which stays borrowed.
                let sum = unsafe { std::slice::from_raw_parts_mut(all.at(at), tokens.len() * width) };
                add_and_norm(at, sum, normed);
            };
            if prepare(kernels, team, readers, length / width, output, &make) {
                return;
            }
            let output = Shared(output.as_rows(length).as_mut_ptr());
            by_rows(team, sum, width, &|at, sum| {
                // SAFETY: rows do not overlap; the output is as long as the sum.
                let normed = unsafe { std::slice::from_raw_parts_mut(output.at(at), sum.len()) };
                add_and_norm(at, sum, normed);
            });
        }
    }
}

/// Calls `work(at, rows)` for some rows of `data` at a time, of `width` elements each.
pub(crate) fn by_rows(team: &dyn Team, data: &mut [f32], width: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    if width == 0 {
        return;
    }
    let most = (PIECE / width).max(1).next_multiple_of(ROWS_TOGETHER);
    let share = (data.len() / width).div_ceil(team.threads());
    by_pieces(team, data, most.min(share).max(1) * width, work);
}

/// Calls `work(at, piece)` for pieces of `data` of `piece` elements (the last may be shorter).
fn by_pieces(team: &dyn Team, data: &mut [f32], piece: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    if data.len() < MIN_PARALLEL_WORK {
        return work(0, data);
    }
    let length = data.len();
    let shared = Shared(data.as_mut_ptr());
    // Each thread begins with its own part, so that what one operation wrote lies near for the next.
    parallel_ranges(team, length.div_ceil(piece), &|pieces, _| {
        for i in pieces {
            let at = i * piece;
            // SAFETY: pieces do not overlap and lie within `data`, which stays borrowed until `parallel_ranges` returns.
            let piece = unsafe { std::slice::from_raw_parts_mut(shared.at(at), piece.min(length - at)) };
            work(at, piece);
        }
    });
}
