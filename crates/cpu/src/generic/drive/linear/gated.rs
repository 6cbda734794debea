//! Products of a gate and what it opens, with the activation as soon as both are there.
//!
//! Where a batch has several tiles, a thread works out the same few rows of both matrices for all tokens, which stay in
//! its second cache until the activation has made one number of two: only that one goes to memory.

use hefu_numerics::ops::{Activation, Gated, Scratch, Team};

use super::{Kind, Plan, Product, Shared, Work, deal_ranges};
use crate::generic::drive::elementwise;
use crate::generic::elementwise::GateRows;
use crate::generic::kernels::{Kernels, Order};
use crate::layout::GROUP;

/// See [`hefu_numerics::ops::Ops::gated`].
pub fn gated(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    input: &[f32],
    tokens: usize,
    gated: Gated<'_>,
) {
    let Gated { gate, up, activation, output } = gated;
    let rows = gate.rows;
    assert!(up.rows == rows && output.len() >= tokens * rows);
    let Some(mut plan) = Plan::new(kernels, team, &[gate, up], input, tokens) else { return };
    let output = &mut output[..tokens * rows];
    let numbers = if is_together(&plan) { Together::new(&plan).numbers() * team.threads() } else { tokens * rows };
    let scratch = Shared(scratch.reserve(plan.bytes.next_multiple_of(64) + numbers * 4));
    // SAFETY: as many bytes lie behind those of the plan.
    let spare: Shared<f32> = Shared(unsafe { scratch.at(plan.bytes.next_multiple_of(64)) }.cast());
    if is_together(&plan) {
        let work = plan.begin(kernels, team, input, tokens, scratch);
        let output = Shared(output.as_mut_ptr());
        return Together::new(&plan).run(&work, &plan.products, team, spare, (activation, output));
    }
    plan.products[0].output = Shared(output.as_mut_ptr());
    plan.products[1].output = spare;
    plan.begin(kernels, team, input, tokens, scratch).run_all(&plan.products, team);
    // SAFETY: the product has filled as many numbers.
    let up = unsafe { std::slice::from_raw_parts(spare.at(0), numbers) };
    elementwise::gate(kernels, team, activation, output, up);
}

/// Whether both products are worked out side by side. A single tile goes through one matrix after the other, as each
/// then is one stream from memory; and kernels that go through all rows before the next columns have no results until
/// the end.
fn is_together(plan: &Plan<'_>) -> bool {
    let are_quantised = plan.products.iter().all(|product| matches!(product.kind, Kind::Quantised { .. }));
    are_quantised && plan.shape.tiles().len() > 1 && plan.wide.is_none_or(|wide| wide.order == Order::Rows)
}

/// How two products are worked out side by side.
struct Together {
    /// Parts that the tokens are cut into.
    parts: usize,
    /// Tokens of the largest part.
    tokens: usize,
    /// Rows of a unit.
    width: usize,
}

impl Together {
    fn new(plan: &Plan<'_>) -> Together {
        let tiles = plan.shape.tiles();
        let parts = plan.wide.map_or(1, |wide| wide.parts(plan.panel_bytes, tiles.len()));
        let most = tiles.iter().map(|tile| tile.size).max().unwrap_or(0);
        let width = plan.wide.map_or(1, |wide| wide.groups) * GROUP;
        Together { parts, tokens: tiles.len().div_ceil(parts) * most, width }
    }

    /// Numbers of one thread's results of both products.
    fn numbers(&self) -> usize {
        2 * self.tokens * self.width
    }

    /// `results`: [`Together::numbers`] for each thread; `last`: the function, and where its results go.
    fn run(
        &self,
        work: &Work<'_>,
        products: &[Product<'_>],
        team: &dyn Team,
        results: Shared<f32>,
        last: (Activation, Shared<f32>),
    ) {
        let units = products[0].matrix.rows.div_ceil(self.width);
        let tiles = work.shape.tiles();
        deal_ranges(team, self.parts * units, &|range, thread| {
            work.begin_wide();
            for index in range {
                let (part, unit) = (index / units, index % units);
                let tiles = &tiles[tiles.len() * part / self.parts..tiles.len() * (part + 1) / self.parts];
                let place = (tiles[0].token, unit * self.width);
                let tokens = tiles.iter().map(|tile| tile.tokens).sum();
                // SAFETY: each thread has a piece of its own.
                let results = [0, 1].map(|i| unsafe { results.at(thread * self.numbers() + i * self.numbers() / 2) });
                for (product, results) in products.iter().zip(results) {
                    let (output, rows) = (Shared(results), place.1 + self.width);
                    let product = Product { output, stride: self.width, first: place, rows, ..*product };
                    work.unit(&product, unit, tiles, thread);
                }
                self.finish(work, results, place, [tokens, products[0].matrix.rows], last);
            }
            work.end_wide();
        });
    }

    /// Makes one number of two, for the tokens of a part and the rows of a unit, of which `place` is the first. `rows`: of
    /// the whole output.
    fn finish(
        &self,
        work: &Work<'_>,
        results: [*mut f32; 2],
        place: (usize, usize),
        [tokens, rows]: [usize; 2],
        last: (Activation, Shared<f32>),
    ) {
        let (activation, output) = last;
        let job = GateRows {
            activation,
            gate: results[0],
            up: results[1],
            width: self.width,
            count: self.width.min(rows - place.1),
            tokens,
            // SAFETY: the output holds `tokens x rows`.
            output: unsafe { output.at(place.0 * rows + place.1) },
            stride: rows,
        };
        // SAFETY: the kernels' instructions are there; the products have filled the results of these tokens and rows;
        // the output holds them, and nobody else writes them.
        unsafe { (work.kernels.gate_rows)(&job) };
    }
}
