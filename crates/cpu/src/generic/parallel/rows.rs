//! Deals decoding rows to threads.

use crate::ops::Team;
use hefu_numerics::matrix::Matrix;

use super::{Shared, parallel_for};
use crate::generic::kernels::Kernels;
use crate::pack;

/// Rows of a piece that one thread takes at a time.
const PIECE: usize = 8;

/// See [`crate::ops::Ops::rows`].
pub fn rows(kernels: &Kernels, team: &dyn Team, matrix: &Matrix, rows: &[u32], factor: f32, output: &mut [f32]) {
    let columns = matrix.columns;
    assert!(output.len() == rows.len() * columns);
    let output = Shared(output.as_mut_ptr());
    parallel_for(team, rows.len().div_ceil(PIECE), &|piece, _| {
        let first = piece * PIECE;
        for (i, &row) in rows.iter().enumerate().skip(first).take(PIECE) {
            // SAFETY: rows do not overlap and lie within the output, which stays borrowed until `parallel_for` returns.
            let output = unsafe { std::slice::from_raw_parts_mut(output.at(i * columns), columns) };
            // A row is a few bytes of each line of its group, which lies wherever a token happens to: the next one's lines
            // are asked for a few at a time, as many at once would be left out.
            let next = rows.get(i + 1).map_or(&[][..], |&next| pack::group_of(matrix, next as usize));
            pack::row(matrix, row as usize, output, &|bytes| {
                if let Some(bytes) = next.get(bytes) {
                    // SAFETY: these kernels are handed out only where their instructions are.
                    unsafe { (kernels.fetch)(bytes.as_ptr(), bytes.len()) };
                }
            });
            output.iter_mut().for_each(|x| *x *= factor);
        }
    });
}
