//! Products of large batches by kernels that take many rows or tokens at once.
//!
//! ```text
//! for each part of the tokens:                  activations that stay in a thread's L2
//!     for each unit of the thread's range:      a few groups of rows
//!         for each stretch of blocks:           weights, in L1; most are unpacked for it
//!             for each tile:  results += product   results carry the sums from stretch to stretch, in order
//! ```
//!
//! or all units of a stretch before the next stretch ([`Order`]).

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::ops::Team;

use super::{Kind, MAX_TILE, Product, Work, overlap, parallel_ranges};
use crate::generic::ahead::{AHEAD, moves_on};
use crate::generic::job::{Ahead, TileJob};
use crate::generic::panel::Tile;
use crate::generic::unpacked::unpacked_bytes;
use crate::generic::wide::{MAX_WIDE_GROUPS, Order, Wide, WideKernels};
use crate::layout::GROUP;

impl Work<'_> {
    /// Works on all products' rows. Threads are assigned units of the first part of the tokens, then of the second and so
    /// on, so that each goes through few parts.
    pub(super) fn run_wide(&self, wide: &Wide, products: &[Product<'_>], team: &dyn Team) {
        let tiles = self.shape.tiles();
        let parts = wide.parts(self.panel_bytes, tiles.len(), team.threads());
        let units: usize = products.iter().map(|product| wide.units(product.groups)).sum();
        parallel_ranges(team, parts * units, &|range, thread| {
            // SAFETY: the kernels' instructions are there; ended below, on this thread.
            unsafe { (wide.begin)() };
            for part in range.start / units..range.end.div_ceil(units) {
                let own = tiles.len() * part / parts..tiles.len() * (part + 1) / parts;
                let range = overlap(&range, part * units, units);
                self.wide_part(wide, products, range, &tiles[own], thread);
            }
            // SAFETY: begun above.
            unsafe { (wide.end)() };
        });
    }

    /// Makes the calling thread ready for [`Work::unit`].
    pub(super) fn begin_wide(&self) {
        if let Some(wide) = self.wide {
            // SAFETY: the kernels' instructions are there; ended on the same thread.
            unsafe { (wide.begin)() };
        }
    }

    /// Ends what [`Work::begin_wide`] began.
    pub(super) fn end_wide(&self) {
        if let Some(wide) = self.wide {
            // SAFETY: begun on this thread.
            unsafe { (wide.end)() };
        }
    }

    /// Works on one unit of a quantised matrix, or one group where there are no wide kernels, for some tiles. `next` is the
    /// unit, of this or another matrix, that the thread works on after that.
    pub(super) fn unit(
        &self,
        product: &Product<'_>,
        unit: usize,
        tiles: &[Tile],
        thread: usize,
        next: (&Product<'_>, usize),
    ) {
        match self.wide {
            Some(wide) => {
                let kernels = (wide.products)(product.matrix.format.gguf_type).kernels(tiles.len());
                Pass { work: self, wide, kernels, product, tiles, thread, next: Some(next) }.run(unit..unit + 1);
            }
            None => self.run(product, unit..unit + 1, thread),
        }
    }

    /// Works on units `range` of all products' units in a row, for some tiles.
    fn wide_part(&self, wide: &Wide, products: &[Product<'_>], range: Range<usize>, tiles: &[Tile], thread: usize) {
        let mut before = 0;
        for product in products {
            let units = wide.units(product.groups);
            let own = overlap(&range, before, units);
            match &product.kind {
                // All tokens at once, with the first of them.
                Kind::Float(_) if tiles[0].token > 0 => {}
                Kind::Float(_) => {
                    let groups = own.start * wide.groups..(own.end * wide.groups).min(product.groups);
                    self.run(product, groups, thread);
                }
                Kind::Quantised { .. } => {
                    let kernels = (wide.products)(product.matrix.format.gguf_type).kernels(tiles.len());
                    Pass { work: self, wide, kernels, product, tiles, thread, next: None }.run(own);
                }
            }
            before += units;
        }
    }
}

/// Tiles during whose work the next weights are asked for: all at once they would hold up those that are needed now.
const ASKING_TILES: usize = 3;

/// So few tiles leave room in L1 for the weights of the next unit, and the results that are written soon are
/// those of the next unit, not of the next tile.
const FEW_TILES: usize = 6;

/// One thread's work on one matrix, for some tiles.
struct Pass<'a> {
    work: &'a Work<'a>,
    wide: &'a Wide,
    kernels: &'static WideKernels,
    product: &'a Product<'a>,
    tiles: &'a [Tile],
    thread: usize,
    /// The unit that follows; if `None`, the next one of the same matrix.
    next: Option<(&'a Product<'a>, usize)>,
}

impl Pass<'_> {
    fn run(&self, units: Range<usize>) {
        let stretches = || (0..self.work.shape.blocks).step_by(self.wide.blocks);
        match self.wide.order {
            Order::Rows => units.for_each(|unit| stretches().for_each(|first| self.stretch(unit, first))),
            Order::Blocks => stretches().for_each(|first| units.clone().for_each(|unit| self.stretch(unit, first))),
        }
    }

    /// Adds the products of a unit's blocks from block `first` on.
    fn stretch(&self, unit: usize, first: usize) {
        let job = self.unpacked_job(unit, first);
        let group = unit * self.wide.groups;
        // A tile or a unit that is filled up would write beyond the output.
        let fits = (group + self.wide.groups) * GROUP <= self.product.rows;
        let whole = self.tiles.iter().take_while(|tile| fits && tile.tokens == tile.size).count();
        let (whole, others) = self.tiles.split_at(whole);
        if let Some(tile) = whole.first() {
            self.tile(group, &TileJob { tiles: whole.len(), ..job }, tile, first);
        }
        for (index, tile) in others.iter().enumerate() {
            let ahead = job.ahead.of_tile(whole.len() + index, job.blocks);
            self.tile(group, &TileJob { ahead, ..job }, tile, first);
        }
    }

    /// The job of a unit's blocks from block `first` on, which are unpacked for it if need be.
    fn unpacked_job(&self, unit: usize, first: usize) -> TileJob {
        let (product, work, wide) = (self.product, self.work, self.wide);
        let Kind::Quantised { layout, quantised, corrections_row, minimum_factors_row, .. } = &product.kind else {
            unreachable!("only quantised products have kernels for whole tiles");
        };
        let blocks = wide.blocks.min(work.shape.blocks - first);
        let [codes_bytes, scales_bytes, minimums_bytes] = unpacked_bytes(blocks, quantised.sub_block == 16);
        let next_group = codes_bytes + scales_bytes + minimums_bytes;
        let group = unit * wide.groups;
        let ahead_bytes = wide.groups * layout.block_bytes();
        let start = product.matrix.bytes()[group * product.group_bytes..].as_ptr();
        let ahead = match wide.order {
            Order::Rows => self.next_unit(unit).wrapping_add(first * ahead_bytes),
            // Goes on where unpacking has stopped to ask.
            Order::Blocks => start.wrapping_add(layout.codes_at(first) + AHEAD + blocks * ahead_bytes),
        };
        let codes = work.unpacked(self.thread);
        let job = TileJob {
            blocks,
            corrections_at: *corrections_row,
            minimum_factors_at: *minimum_factors_row,
            moves_on: work.moves_on,
            next_tile: work.shape.tile_bytes(wide.tile),
            ahead: self.ahead(ahead, ahead_bytes),
            next_results: if self.tiles.len() <= FEW_TILES {
                wide.groups * GROUP * 4
            } else {
                wide.tile * product.stride * 4
            },
            ..TileJob::NONE
        };
        let Some(unpack) = self.kernels.unpack else {
            // A unit without a last group takes the one before once more; nobody sees its results.
            let next_codes = if group + wide.groups <= product.groups { product.group_bytes } else { 0 };
            return TileJob { codes: product.packed_job(group, first, blocks).codes, next_codes, ..job };
        };
        for place in 0..wide.groups {
            let group = (group + place).min(product.groups - 1);
            let packed = product.packed_job(group, first, blocks);
            // SAFETY: each thread's piece is large enough for any format; the kernels' instructions are there.
            unsafe {
                let codes = codes.add(place * next_group);
                let (scales, minimums) = (codes.add(codes_bytes), codes.add(codes_bytes + scales_bytes));
                unpack(&packed, codes, scales, minimums);
            }
        }
        TileJob {
            codes,
            next_codes: next_group,
            // SAFETY: as above.
            scales: unsafe { codes.add(codes_bytes) },
            // SAFETY: as above.
            minimums: unsafe { codes.add(codes_bytes + scales_bytes) },
            ..job
        }
    }

    /// Where the unit begins that follows `unit`; past the end if there is none.
    fn next_unit(&self, unit: usize) -> *const u8 {
        let (product, unit) = self.next.unwrap_or((self.product, unit + 1));
        product.matrix.bytes().as_ptr().wrapping_add(unit * self.wide.groups * product.group_bytes)
    }

    /// The first tiles' work is the time for the weights of the next unit to come: each asks for a part.
    fn ahead(&self, from: *const u8, bytes: usize) -> Ahead {
        let tiles = ASKING_TILES.min(self.tiles.len());
        let is_near = self.tiles.len() <= FEW_TILES && !self.work.moves_on;
        Ahead { from, bytes: bytes.div_ceil(tiles), tiles, is_near }
    }

    /// Adds the product of one tile, or of several whole ones of which `tile` is the first, with the blocks that were taken
    /// apart, of which `first` is the first, for the groups from `group` on.
    fn tile(&self, group: usize, job: &TileJob, tile: &Tile, first: usize) {
        assert!(tile.size <= MAX_TILE && tile.size == self.wide.tile && self.wide.groups <= MAX_WIDE_GROUPS);
        let (product, work) = (self.product, self.work);
        let (row, width) = (group * GROUP, self.wide.groups * GROUP);
        let stride = tile.size * 4;
        let block_bytes = work.shape.rows() * stride;
        let job = TileJob {
            // SAFETY: the tile lies in the panel, with all its blocks.
            tile: unsafe { work.memory.panel.at(tile.at + first * block_bytes) },
            block_bytes,
            corrections_at: job.corrections_at * stride,
            minimum_factors_at: job.minimum_factors_at * stride,
            not_finite: if first + job.blocks == work.shape.blocks { product.not_finite() } else { std::ptr::null() },
            ..*job
        };
        // SAFETY: the output holds the tile's tokens and rows.
        let in_place = unsafe { product.place(tile.token, row) };
        let part = tile.size / self.kernels.tile.len();
        let kernel = self.kernels.tile[(tile.tokens - 1) / part];
        if tile.tokens.is_multiple_of(part) && row + width <= product.rows {
            // SAFETY: the kernels' instructions are there; panel, groups and results have the shapes that the job names;
            // nobody else writes these rows.
            unsafe { kernel(&TileJob { output: in_place, output_stride: product.stride, ..job }, first == 0) };
            return;
        }
        let mut spare = MaybeUninit::<[f32; MAX_TILE * GROUP * MAX_WIDE_GROUPS]>::zeroed();
        let results: *mut f32 = spare.as_mut_ptr().cast();
        let count = width.min(product.rows - row);
        for t in (0..tile.tokens).filter(|_| first > 0) {
            // SAFETY: the output holds these; nobody else writes them; there are results for every token.
            unsafe { std::ptr::copy_nonoverlapping(in_place.add(t * product.stride), results.add(t * width), count) };
        }
        // SAFETY: as above.
        unsafe { kernel(&TileJob { output: results, output_stride: width, ..job }, first == 0) };
        for t in 0..tile.tokens {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(results.add(t * width), in_place.add(t * product.stride), count) };
        }
    }
}

impl Product<'_> {
    /// Names `blocks` packed blocks of a group, from block `first` on.
    fn packed_job(&self, group: usize, first: usize, blocks: usize) -> TileJob {
        let Kind::Quantised { layout, .. } = &self.kind else {
            unreachable!("only quantised products are packed in blocks");
        };
        let weights = self.group(group).as_ptr();
        TileJob {
            blocks,
            // SAFETY: `weights` is a whole group, and block `first` begins a block of the file.
            codes: unsafe { weights.add(layout.codes_at(first)) },
            next_codes: self.group_bytes,
            moves_on: moves_on(),
            ..TileJob::NONE
        }
    }
}
