//! Products of a gate and what it opens, with the activation as soon as both are there.
//!
//! ```text
//! for each part of the tokens and each few rows:
//!     gate's product, up's product           in the L2 cache of the thread
//!     activation(gate) * up                  there too
//!     to the panel of the next product       integers and scales, a third of the bytes
//! ```
//!
//! Where that product reads no such panel, what was made goes to memory as it is.

use crate::activations::{ActivationBuffer, Activations};
use crate::ops::{Activation, GatedProduct, Team};
use crate::scratch::Scratch;

use super::{Kind, Memory, Plan, Product, Shared, Work, parallel_ranges};
use crate::generic::elementwise::GateRows;
use crate::generic::kernels::Kernels;
use crate::generic::panel::{PanelShape, Source, Tile};
use crate::generic::parallel::elementwise;
use crate::generic::wide::Order;
use crate::layout::{BLOCK, GROUP};

/// See [`crate::ops::Ops::gated`].
pub fn gated(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Activations<'_>,
    tokens: usize,
    gated: &GatedProduct<'_>,
    ffn_hidden: &mut ActivationBuffer,
) {
    let GatedProduct { gate, up, activation, down } = *gated;
    let rows = gate.rows;
    assert!(up.rows == rows && down.columns == rows);
    let Some(mut plan) = Plan::new(kernels, &[gate, up], tokens) else { return };
    if is_together(&plan) {
        let next = Plan::new(kernels, &[down], tokens).filter(|next| is_read_alike(&plan, next));
        let last = match &next {
            Some(next) => Last::Panel(&next.shape, Shared(ffn_hidden.as_packed(next.panel_bytes, 0))),
            None => Last::Rows(Shared(ffn_hidden.as_rows(tokens * rows).as_mut_ptr()), rows),
        };
        let together = Together::new(&plan, team.threads(), activation, last);
        let memory = Memory::new(&plan, scratch, input, together.numbers() * 4 * team.threads(), team);
        let work = plan.begin(kernels, input, tokens, memory, team);
        return together.run(&work, &plan.products, team);
    }
    let output = ffn_hidden.as_rows(tokens * rows);
    let memory = Memory::new(&plan, scratch, input, tokens * rows * 4, team);
    plan.products[0].output = Shared(output.as_mut_ptr());
    plan.products[1].output = memory.more.cast();
    plan.begin(kernels, input, tokens, memory, team).run_all(&plan.products, team);
    // SAFETY: the product has filled as many numbers.
    let up = unsafe { std::slice::from_raw_parts(memory.more.cast::<f32>().at(0), tokens * rows) };
    elementwise::gate(kernels, team, activation, output, up);
}

/// True if both products are worked out side by side. A single tile goes through one matrix after the other, as each
/// then is one stream from memory; and kernels that go through all rows before the next columns have no results until
/// the end.
fn is_together(plan: &Plan<'_>) -> bool {
    let are_quantised = plan.products.iter().all(|product| matches!(product.kind, Kind::Quantised { .. }));
    are_quantised && plan.shape.tiles().len() > 1 && plan.wide.is_none_or(|wide| wide.order == Order::Rows)
}

/// True if the next product reads a panel of the same tiles, whose blocks are whole units of these rows.
fn is_read_alike(plan: &Plan<'_>, next: &Plan<'_>) -> bool {
    let are_units_blocks = plan.wide.is_some_and(|wide| wide.groups * GROUP == BLOCK);
    let tiles = |plan: &Plan<'_>| plan.shape.tiles().iter().map(|tile| tile.size).collect::<Vec<_>>();
    are_units_blocks && next.wide.is_some() && tiles(plan) == tiles(next)
}

/// Where results go at last.
#[derive(Clone, Copy)]
enum Last<'a> {
    /// Rows of so many numbers.
    Rows(Shared<f32>, usize),
    /// The panel of the next product.
    Panel(&'a PanelShape, Shared<u8>),
}

/// Two products computed side by side.
struct Together<'a> {
    activation: Activation,
    last: Last<'a>,
    /// Parts that the tokens are cut into.
    parts: usize,
    /// Tokens of the largest part.
    tokens: usize,
    /// Rows of a unit.
    unit: usize,
    /// Units that are worked on for all tokens of a part before the next ones: blocks of a panel are filled two at a time.
    units: usize,
}

impl<'a> Together<'a> {
    fn new(plan: &Plan<'_>, threads: usize, activation: Activation, last: Last<'a>) -> Self {
        let tiles = plan.shape.tiles();
        let parts = plan.wide.map_or(1, |wide| wide.parts(plan.panel_bytes, tiles.len(), threads));
        let most = tiles.iter().map(|tile| tile.size).max().unwrap_or(0);
        let unit = plan.wide.map_or(1, |wide| wide.groups) * GROUP;
        let units = if matches!(last, Last::Panel(..)) { 4 } else { 1 };
        Together { activation, last, parts, tokens: tiles.len().div_ceil(parts) * most, unit, units }
    }

    /// Numbers of one thread's results: the gate's of all units, the hidden values of one.
    fn numbers(&self) -> usize {
        self.tokens * self.unit * (self.units + 1)
    }

    fn run(&self, work: &Work<'_>, products: &[Product<'_>], team: &dyn Team) {
        let steps = products[0].matrix.rows.div_ceil(self.unit * self.units);
        let tiles = work.shape.tiles();
        parallel_ranges(team, self.parts * steps, &|range, thread| {
            work.begin_wide();
            for index in range {
                let (part, step) = (index / steps, index % steps);
                let tiles = tiles.len() * part / self.parts..tiles.len() * (part + 1) / self.parts;
                Step { together: self, work, products, tiles, step, thread }.run();
            }
            work.end_wide();
        });
    }
}

/// Some units for the tokens of a part.
struct Step<'a> {
    together: &'a Together<'a>,
    work: &'a Work<'a>,
    products: &'a [Product<'a>],
    tiles: std::ops::Range<usize>,
    step: usize,
    thread: usize,
}

impl Step<'_> {
    fn run(&self) {
        let Together { unit, units, .. } = *self.together;
        let all = self.products[0].matrix.rows.div_ceil(unit);
        let own = self.step * units..all.min((self.step + 1) * units);
        own.clone().for_each(|unit| self.open(unit));
        if let Last::Panel(shape, panel) = self.together.last {
            let (tiles, stride) = (self.tiles(), unit * units);
            // SAFETY: the results of these tokens were made just now.
            let rows = unsafe { std::slice::from_raw_parts(self.results(), self.tokens() * stride) };
            let source = Source { rows, stride, first_token: tiles[0].token, first_block: own.start };
            for tile in &shape.tiles()[self.tiles.clone()] {
                // SAFETY: the kernels' instructions are there; the panel has this shape; nobody else fills these blocks.
                unsafe { (self.work.kernels.fill_tile)(shape, tile, own.clone(), &source, panel.at(0)) };
            }
        }
    }

    fn tiles(&self) -> &[Tile] {
        &self.work.shape.tiles()[self.tiles.clone()]
    }

    fn tokens(&self) -> usize {
        self.tiles().iter().map(|tile| tile.tokens).sum()
    }

    /// The thread's results: `[tokens][rows of all units]`, then `[tokens][rows of one]`.
    fn results(&self) -> *mut f32 {
        // SAFETY: each thread has a piece of its own.
        unsafe { self.work.memory.more.cast::<f32>().at(self.thread * self.together.numbers()) }
    }

    /// Works one unit of both products out, and what is made of them.
    fn open(&self, unit: usize) {
        let Together { activation, last, tokens: most, unit: width, units, .. } = *self.together;
        let (row, rows, gate_stride) = (unit * width, self.products[0].matrix.rows, width * units);
        let first = (self.tiles()[0].token, self.step * gate_stride);
        // SAFETY: within the thread's results.
        let up = unsafe { self.results().add(most * gate_stride) };
        let outputs = [(self.results(), gate_stride, first), (up, width, (first.0, row))];
        let [gate_product, up_product] = [0, 1].map(|index| {
            let (output, stride, first) = outputs[index];
            Product { output: Shared(output), stride, first, rows: row + width, ..self.products[index] }
        });
        self.work.unit(&gate_product, unit, self.tiles(), self.thread, (&up_product, unit));
        self.work.unit(&up_product, unit, self.tiles(), self.thread, (&gate_product, unit + 1));
        // SAFETY: within the thread's results.
        let gate = unsafe { self.results().add(row - first.1) };
        let (output, stride) = match last {
            // SAFETY: the output holds all tokens and rows.
            Last::Rows(output, stride) => (unsafe { output.at(first.0 * stride + row) }, stride),
            Last::Panel(..) => (gate, gate_stride),
        };
        let (count, tokens) = (width.min(rows - row), self.tokens());
        let job = GateRows { activation, gate, gate_stride, up, width, count, tokens, output, stride };
        // SAFETY: the kernels' instructions are there; the products have filled the results of these tokens and rows;
        // the output holds them, and nobody else writes them.
        unsafe { (self.work.kernels.gate_rows)(&job) };
    }
}
