//! Packing: all rows of all matrices, in pieces, by all threads, in the order of the file.
//!
//! The memory to fill is cut into one slice per piece beforehand, so that threads own what they write. Reading in the
//! file's order keeps a mapped file's read-ahead useful, and small pieces let the caller drop the pages of the file as
//! soon as they have been read, so that file and packed weights are never both resident.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use hefu_numerics::ops::{Ops, Team};
use hefu_numerics::quant::Format;

use super::binder::Placement;

/// Bytes of the file in one piece, about.
const PIECE_BYTES: usize = 1 << 20;

/// Called after every piece with the file (of a split model) and the range of its bytes that have been read.
pub(super) type Packed<'p> = &'p (dyn Fn(usize, Range<usize>) + Sync);

/// Packs every placement into its place in `region`. Placements are in ascending order of place and do not overlap.
pub(super) fn pack(
    ops: &'static Ops,
    team: &dyn Team,
    placements: &[Placement<'_>],
    region: &mut [u8],
    packed: Packed<'_>,
) {
    let mut pieces = cut(ops, placements, region);
    // Taken from the end, so that the first byte of the file comes first.
    pieces.sort_unstable_by_key(|piece| std::cmp::Reverse((piece.shard, piece.offset)));
    let pieces = Mutex::new(pieces);
    team.run(&|_| {
        while let Some(piece) = next(&pieces) {
            (ops.pack)(piece.format, piece.rows, piece.columns, piece.source, piece.target);
            packed(piece.shard, piece.offset..piece.offset + piece.source.len());
        }
    });
}

/// Some rows, a multiple of the device's group unless they are the last of their matrix.
struct Piece<'a, 'r> {
    format: &'static Format,
    rows: usize,
    columns: usize,
    source: &'a [u8],
    shard: usize,
    offset: usize,
    target: &'r mut [u8],
}

fn next<'a, 'r>(pieces: &Mutex<Vec<Piece<'a, 'r>>>) -> Option<Piece<'a, 'r>> {
    pieces.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn cut<'a, 'r>(ops: &Ops, placements: &[Placement<'a>], mut region: &'r mut [u8]) -> Vec<Piece<'a, 'r>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for placement in placements {
        let (_, after) = region.split_at_mut(placement.target.start - at);
        let (mut target, after) = after.split_at_mut(placement.target.len());
        (region, at) = (after, placement.target.end);
        let row_bytes = placement.source.len() / placement.rows;
        let group = ops.row_group.max(1);
        let step = (PIECE_BYTES / row_bytes).next_multiple_of(group).max(group);
        for start in (0..placement.rows).step_by(step) {
            let rows = step.min(placement.rows - start);
            let source = start * row_bytes..(start + rows) * row_bytes;
            // The last piece takes what is left: groups are filled up.
            let bytes = (ops.packed_bytes)(placement.format, rows, placement.columns);
            let (first, rest) = target.split_at_mut(bytes);
            target = rest;
            pieces.push(Piece {
                format: placement.format,
                rows,
                columns: placement.columns,
                source: &placement.source[source.clone()],
                shard: placement.shard,
                offset: placement.offset + source.start,
                target: first,
            });
        }
    }
    pieces
}
