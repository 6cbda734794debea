//! Cosines and sines of a batch's rows.

use std::sync::{Mutex, PoisonError};

use crate::ops::Team;
use hefu_numerics::rope::Frequencies;

/// Rows that are worth another thread.
const MIN_PARALLEL_ROWS: usize = 16;

/// Fills `[cosines of all rows][sines of all rows]` for rows at these positions; threads take runs of them.
pub(super) fn fill(team: &dyn Team, frequencies: &Frequencies, positions: &[usize], angles: &mut [f32]) {
    let pairs = frequencies.per_pair.len();
    let (cosines, sines) = angles.split_at_mut(positions.len() * pairs);
    if pairs == 0 {
        return;
    }
    let run = positions.len().div_ceil(team.threads()).max(MIN_PARALLEL_ROWS);
    let columns = cosines.chunks_mut(run * pairs).zip(sines.chunks_mut(run * pairs));
    let parts: Vec<_> = positions.chunks(run).zip(columns.map(Mutex::new)).collect();
    let fill = |thread: usize| {
        let Some((positions, columns)) = parts.get(thread) else { return };
        let mut columns = columns.lock().unwrap_or_else(PoisonError::into_inner);
        let (cosines, sines) = &mut *columns;
        let rows = cosines.chunks_exact_mut(pairs).zip(sines.chunks_exact_mut(pairs));
        positions.iter().zip(rows).for_each(|(&position, row)| frequencies.fill_row(position, row.0, row.1));
    };
    match &parts[..] {
        [_, _, ..] => team.run(&fill),
        _ => fill(0),
    }
}
