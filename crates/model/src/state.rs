//! Working memory of the forward pass.

use std::sync::{Mutex, PoisonError};

use hefu_numerics::buffer::Buffer;
use hefu_numerics::ops::{Scratch, Team};
use hefu_numerics::prepared::Prepared;
use hefu_numerics::rope::Frequencies;

use crate::blocks::experts::Routing;

/// Buffers that the forward pass reuses from batch to batch. They grow to the largest batch seen
/// ([`Config::state_bytes`](crate::Config::state_bytes)) and then are only written; between batches they hold the rows
/// whose logits were wanted.
#[derive(Default)]
pub struct State {
    pub(crate) scratch: Scratch,
    /// `[rows][width]`: the residual stream; after a batch, of the wanted rows.
    pub(crate) residual: Buffer,
    /// `[rows][width]`: input of a part.
    pub(crate) normed: Prepared,
    /// `[rows][width]`: output of a part.
    pub(crate) mixed: Buffer,
    /// `[rows][key-value heads][key size]`.
    pub(crate) keys: Buffer,
    /// `[rows][key-value heads][value size]`.
    pub(crate) values: Buffer,
    /// One for each rotation of the model.
    pub(crate) tables: Vec<Table>,
    /// `[rows][heads][key size]`.
    pub(crate) queries: Buffer,
    /// `[rows][heads][value size]`.
    pub(crate) attended: Buffer,
    /// `[rows][inner width]`: what gate and up make.
    pub(crate) opened: Prepared,
    pub(crate) routing: Routing,
    /// Rows of `residual` whose logits were wanted.
    pub(crate) wanted: usize,
    /// `[rows asked for][vocabulary]`.
    pub(crate) logits: Buffer,
}

/// Cosines and sines of a batch's rows, `[rows][pairs]` each.
#[derive(Default)]
pub(crate) struct Table {
    cosines: Buffer,
    sines: Buffer,
    length: usize,
}

/// Rows that are worth another thread.
const WORTH_SHARING: usize = 16;

impl Table {
    /// Fills the table for rows at these positions; threads take stretches of them.
    pub(crate) fn fill(&mut self, team: &dyn Team, frequencies: &Frequencies, positions: &[usize]) {
        let pairs = frequencies.per_pair.len();
        self.length = positions.len() * pairs;
        let (cosines, sines) = (self.cosines.sized(self.length), self.sines.sized(self.length));
        if pairs == 0 {
            return;
        }
        let stretch = positions.len().div_ceil(team.threads()).max(WORTH_SHARING);
        let columns = cosines.chunks_mut(stretch * pairs).zip(sines.chunks_mut(stretch * pairs));
        let parts: Vec<_> = positions.chunks(stretch).zip(columns.map(Mutex::new)).collect();
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

    /// Cosines and sines.
    pub(crate) fn columns(&self) -> (&[f32], &[f32]) {
        (&self.cosines[..self.length], &self.sines[..self.length])
    }
}

impl State {
    /// Empty buffers.
    pub fn new() -> Self {
        State::default()
    }

    /// Bytes that the buffers have grown to, the device's scratch memory not counted.
    pub fn bytes(&self) -> usize {
        let tables = self.tables.iter().flat_map(|table| [&table.cosines, &table.sines]);
        let buffers =
            [&self.residual, &self.mixed, &self.keys, &self.values, &self.queries, &self.attended, &self.logits];
        let prepared = self.normed.bytes() + self.opened.bytes().max(self.opened.device_bytes());
        tables.chain(buffers).map(Buffer::bytes).sum::<usize>() + prepared + self.routing.bytes()
    }

    /// Rows of the last batch whose logits were wanted.
    pub fn wanted(&self) -> usize {
        self.wanted
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({} rows)", self.wanted)
    }
}
