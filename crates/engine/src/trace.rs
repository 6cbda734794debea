//! Traces: a digest of what every layer hands on at every position.
//!
//! Two who compute the same answer have the same trace. Where they do not, the first digest that differs, position by
//! position and layer by layer, is where they part: all that this output is made of comes before it and was the same.
//! `docs/auditors/receipts.md` says how a trace becomes one digest in a receipt.

use hefu_numerics::device::{Error, Executable};
use hefu_numerics::program::{Program, Rows, Value};
use hefu_numerics::team::Team;
use sha2::{Digest as _, Sha256};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Rows that are read together; bounds the memory, changes nothing else.
const READ_AT_ONCE: usize = 16;

/// SHA-256 of a row of numbers as little-endian binary32.
pub type Digest = [u8; 32];

/// Digests of some positions in a row, all layers of a position before the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    layers: usize,
    digests: Vec<Digest>,
}

/// The digests of positions that were computed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The first of the positions.
    pub position: usize,
    /// Their digests.
    pub trace: Trace,
}

/// A place of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Tokens before it.
    pub position: usize,
    /// Layers before it.
    pub layer: usize,
}

impl Trace {
    /// These digests, `[positions][layers]`; `None` if they do not fill every position.
    pub fn new(layers: usize, digests: Vec<Digest>) -> Option<Self> {
        let fills = digests.len().checked_rem(layers) == Some(0);
        fills.then_some(Self { layers, digests })
    }

    /// Layers of each position.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.digests.len().checked_div(self.layers).unwrap_or(0)
    }

    /// All digests.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Takes what was computed next. A position that is there already is replaced, and with it all that follow.
    pub fn take(&mut self, piece: &Piece) {
        if self.digests.is_empty() {
            self.layers = piece.trace.layers;
        }
        if piece.trace.layers == self.layers && piece.position <= self.positions() {
            self.digests.truncate(piece.position * self.layers);
            self.digests.extend_from_slice(&piece.trace.digests);
        }
    }

    /// Its first positions, at most so many.
    #[must_use]
    pub fn first(mut self, positions: usize) -> Self {
        self.digests.truncate(positions.saturating_mul(self.layers));
        self
    }

    /// The first place, among those that both have, where they differ.
    pub fn first_difference(&self, other: &Self) -> Option<Place> {
        let at = self.digests.iter().zip(&other.digests).position(|(a, b)| a != b)?;
        Some(Place { position: at.checked_div(self.layers)?, layer: at.checked_rem(self.layers)? })
    }
}

/// Taker of digests of a program's layers.
#[derive(Debug)]
pub(crate) struct Tracer {
    outputs: Vec<Output>,
    /// `[layers][rows][width]` of the rows that are read together.
    numbers: Vec<f32>,
}

/// The output of a layer.
#[derive(Debug, Clone, Copy)]
struct Output {
    value: Value,
    rows: Rows,
    width: usize,
}

impl Tracer {
    /// For a program whose layers' outputs are probes.
    pub(crate) fn new(program: &Program) -> Self {
        let output = |value| {
            let spec = program.value(value);
            Output { value, rows: spec.rows, width: spec.numbers() }
        };
        Self { outputs: program.layer_outputs().into_iter().map(output).collect(), numbers: Vec::new() }
    }

    /// The digests of some rows of the last batch, which are all wanted: by their numbers among all rows, and among those
    /// wanted.
    pub(crate) fn trace(
        &mut self,
        executable: &dyn Executable,
        team: &dyn Team,
        rows: Range<usize>,
        wanted: Range<usize>,
    ) -> Result<Trace, Error> {
        let mut digests = Vec::with_capacity(rows.len() * self.outputs.len());
        for first in (0..rows.len()).step_by(READ_AT_ONCE) {
            let count = READ_AT_ONCE.min(rows.len() - first);
            self.read(executable, rows.start + first, wanted.start + first, count)?;
            digests.extend(self.digests(team, count));
        }
        Ok(Trace { layers: self.outputs.len(), digests })
    }

    fn read(&mut self, executable: &dyn Executable, row: usize, wanted: usize, count: usize) -> Result<(), Error> {
        self.numbers.resize(self.outputs.iter().map(|output| output.width * count).sum(), 0.0);
        let mut rest = &mut self.numbers[..];
        for output in &self.outputs {
            let (to, others) = rest.split_at_mut(output.width * count);
            let first = if output.rows == Rows::All { row } else { wanted };
            executable.read(output.value, first..first + count, to)?;
            rest = others;
        }
        Ok(())
    }

    /// `[rows][layers]` of the rows that were read.
    fn digests(&self, team: &dyn Team, count: usize) -> Vec<Digest> {
        let mut leaves = Vec::with_capacity(count * self.outputs.len());
        for row in 0..count {
            let mut from = 0;
            for output in &self.outputs {
                leaves.push(&self.numbers[from + row * output.width..][..output.width]);
                from += count * output.width;
            }
        }
        let threads = team.threads().clamp(1, leaves.len().max(1));
        let found = Mutex::new(vec![Digest::default(); leaves.len()]);
        team.run(&|thread| {
            let own = (thread..leaves.len()).step_by(threads).filter(|_| thread < threads);
            let mut bytes = Vec::new();
            let own: Vec<_> = own.map(|leaf| (leaf, digest(leaves[leaf], &mut bytes))).collect();
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            own.into_iter().for_each(|(leaf, digest)| found[leaf] = digest);
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of a row; `bytes` is room for it.
fn digest(row: &[f32], bytes: &mut Vec<u8>) -> Digest {
    bytes.clear();
    bytes.extend(row.iter().flat_map(|number| number.to_le_bytes()));
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(layers: usize, digests: &[u8]) -> Trace {
        Trace::new(layers, digests.iter().map(|byte| [*byte; 32]).collect()).unwrap()
    }

    #[test]
    fn pieces_follow_each_other() {
        let mut all = Trace::default();
        assert_eq!(all.positions(), 0);
        for (position, digests) in [(0, &[1, 2, 3, 4, 9, 9][..]), (2, &[5, 6]), (3, &[7, 8])] {
            all.take(&Piece { position, trace: trace(2, digests) });
        }
        assert_eq!(all, trace(2, &[1, 2, 3, 4, 5, 6, 7, 8]));
        // Digests after a gap, or of another model, are no part of it.
        all.take(&Piece { position: 5, trace: trace(2, &[1, 1]) });
        all.take(&Piece { position: 4, trace: trace(3, &[1, 1, 1]) });
        assert_eq!(all.positions(), 4);
        assert_eq!(all.clone().first(5), all);
        assert_eq!(all.first(3), trace(2, &[1, 2, 3, 4, 5, 6]));
        assert!(Trace::new(2, vec![[0; 32]; 3]).is_none() && Trace::new(0, Vec::new()).is_none());
    }

    #[test]
    fn the_first_difference_is_by_position_and_then_by_layer() {
        let one = trace(3, &[1, 2, 3, 4, 5, 6]);
        for (at, place) in [(0, (0, 0)), (2, (0, 2)), (4, (1, 1))] {
            let mut other = one.clone();
            other.digests[at] = [0; 32];
            other.digests[5] = [0; 32];
            let (position, layer) = place;
            assert_eq!(one.first_difference(&other), Some(Place { position, layer }));
        }
        assert_eq!(one.first_difference(&one.clone().first(1)), None);
    }

    #[test]
    fn a_row_has_the_digest_of_its_bytes() {
        let known = Sha256::digest([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
        assert_eq!(digest(&[1.0, -2.0], &mut vec![7]), <Digest>::from(known));
    }
}
