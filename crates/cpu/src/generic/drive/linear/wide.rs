//! Products of large batches by kernels that multiply whole tiles.
//!
//! ```text
//! for each part of the tokens:                     activations that stay in a thread's second cache
//!     for each stretch of MOST_BLOCKS blocks:
//!         for each group of the thread's range:    weights taken apart into the first cache
//!             for each tile:  results += product   results carry the sums from stretch to stretch, in order
//! ```

use std::mem::MaybeUninit;
use std::ops::Range;

use hefu_numerics::ops::Team;

use super::{Kind, MAX_TILE, Product, Work, deal_ranges};
use crate::generic::ahead::AHEAD;
use crate::generic::kernels::{QUARTERS, Wide, WideProducts};
use crate::generic::panel::Tile;
use crate::generic::product::{TileJob, unpacked_bytes};
use crate::layout::{BLOCK, GROUP, QuantLayout};

/// Most blocks that are taken apart at a time, whole blocks of every file format: with the tile's activations they fit
/// in a first cache of 48 KiB.
pub(super) const MOST_BLOCKS: usize = 32;

/// Most bytes of the panel that are gone through for each group: half of a second cache, where it is small.
const MOST_PANEL_BYTES: usize = 1 << 20;

const _: () = assert!(MAX_TILE == GROUP);

impl Work<'_> {
    /// Works on all products' groups, of which there are `groups`. Threads are dealt groups of the first part of the
    /// tokens, then of the second and so on, so that each goes through few parts.
    pub(super) fn run_wide(&self, wide: &Wide, products: &[Product<'_>], groups: usize, team: &dyn Team) {
        let tiles = self.shape.tiles();
        let parts = self.panel_bytes.div_ceil(MOST_PANEL_BYTES).clamp(1, tiles.len());
        deal_ranges(team, parts * groups, &|range, thread| {
            // SAFETY: the kernels' instructions are there; ended below, on this thread.
            unsafe { (wide.begin)() };
            for part in range.start / groups..range.end.div_ceil(groups) {
                let own = tiles.len() * part / parts..tiles.len() * (part + 1) / parts;
                let range = overlap(&range, part * groups, groups);
                self.wide_part(wide, products, range, &tiles[own], thread);
            }
            // SAFETY: begun above.
            unsafe { (wide.end)() };
        });
    }

    /// Works on groups `range` of all products' groups in a row, for some tiles.
    fn wide_part(&self, wide: &Wide, products: &[Product<'_>], range: Range<usize>, tiles: &[Tile], thread: usize) {
        let mut before = 0;
        for product in products {
            let groups = overlap(&range, before, product.groups);
            match &product.kind {
                // All tokens at once, with the first of them.
                Kind::Float(_) if tiles[0].token > 0 => {}
                Kind::Float(_) => groups.for_each(|group| self.run(product, group, thread)),
                Kind::Quantised { .. } => self.wide_groups(wide, product, groups, tiles, thread),
            }
            before += product.groups;
        }
    }

    fn wide_groups(&self, wide: &Wide, product: &Product<'_>, groups: Range<usize>, tiles: &[Tile], thread: usize) {
        let kernels = (wide.products)(product.matrix.format.gguf_type);
        for first in (0..self.shape.blocks).step_by(MOST_BLOCKS) {
            let blocks = MOST_BLOCKS.min(self.shape.blocks - first);
            for group in groups.clone() {
                let job = self.take_apart(kernels, product, group, first, blocks, thread);
                for (index, tile) in tiles.iter().enumerate() {
                    // The first tile's work is the time for the weights of the next group to come.
                    let ahead = if index == 0 { job.ahead } else { (job.ahead.0, 0) };
                    self.wide_tile(kernels, product, group, &TileJob { ahead, ..job }, tile, first);
                }
            }
        }
    }

    /// Takes `blocks` blocks of a group apart, from block `first` on.
    fn take_apart(
        &self,
        kernels: &WideProducts,
        product: &Product<'_>,
        group: usize,
        first: usize,
        blocks: usize,
        thread: usize,
    ) -> TileJob {
        let Kind::Quantised { layout, quantised, minimum_factors_row, .. } = &product.kind else {
            unreachable!("only quantised products have kernels for whole tiles");
        };
        let [codes_bytes, scales_bytes, _] = unpacked_bytes(blocks, quantised.sub_block == 16);
        // SAFETY: each thread has its own piece behind the panel, large enough for any format; the kernels'
        // instructions are there.
        unsafe {
            let codes = self.scratch.at(self.panel_bytes + thread * self.unpacked);
            let (scales, minimums) = (codes.add(codes_bytes), codes.add(codes_bytes + scales_bytes));
            let packed = packed_job(product, layout, group, first, blocks);
            (kernels.unpack)(&packed, codes, scales, minimums);
            // Goes on where taking apart has stopped to ask.
            let ahead = packed.codes.wrapping_add(AHEAD + blocks * layout.block_bytes());
            TileJob {
                minimum_factors_at: *minimum_factors_row,
                codes,
                scales,
                minimums,
                ahead: (ahead, layout.block_bytes()),
                ..packed
            }
        }
    }

    /// Adds the product of one tile with the blocks that were taken apart, of which `first` is the first.
    fn wide_tile(
        &self,
        kernels: &WideProducts,
        product: &Product<'_>,
        group: usize,
        job: &TileJob,
        tile: &Tile,
        first: usize,
    ) {
        assert!(tile.size == MAX_TILE);
        let (row, rows, stride) = (group * GROUP, product.matrix.rows, tile.size * 4);
        let block_bytes = self.shape.rows() * stride;
        let job = TileJob {
            // SAFETY: the tile lies in the panel, with all its blocks.
            tile: unsafe { self.scratch.at(tile.at + first * block_bytes) },
            block_bytes,
            minimum_factors_at: job.minimum_factors_at * stride,
            ..*job
        };
        // SAFETY: the output holds `tokens x rows`.
        let in_place = unsafe { product.output.at(tile.token * rows + row) };
        let quarter = tile.size / QUARTERS;
        let kernel = kernels.tile[(tile.tokens - 1) / quarter];
        // A tile or a group that is filled up would write beyond the output.
        let is_last = first + job.blocks == self.shape.blocks;
        if tile.tokens.is_multiple_of(quarter) && row + GROUP <= rows {
            // SAFETY: the kernels' instructions are there; panel, group and results have the shapes that the job names;
            // nobody else writes these rows.
            unsafe {
                kernel(&TileJob { output: in_place, output_stride: rows, ..job }, first == 0);
                if is_last {
                    product.look(group, tile.tokens, in_place, rows);
                }
            }
            return;
        }
        let mut spare = MaybeUninit::<[f32; MAX_TILE * GROUP]>::zeroed();
        let results: *mut f32 = spare.as_mut_ptr().cast();
        if first > 0 {
            self.fetch(product, group, tile, results);
        }
        // SAFETY: as above.
        unsafe {
            kernel(&TileJob { output: results, output_stride: GROUP, ..job }, first == 0);
            if is_last {
                product.look(group, tile.tokens, results, GROUP);
            }
        }
        self.store(product, group, tile.token, tile.tokens, results);
    }

    /// Copies what [`Work::store`] has stored back to `[tokens][16]` results.
    fn fetch(&self, product: &Product<'_>, group: usize, tile: &Tile, results: *mut f32) {
        let (row, rows) = (group * GROUP, product.matrix.rows);
        for t in 0..tile.tokens {
            // SAFETY: the output holds `tokens x rows`; nobody else writes these; there are results for every token.
            unsafe {
                let from = product.output.at((tile.token + t) * rows + row);
                std::ptr::copy_nonoverlapping(from, results.add(t * GROUP), GROUP.min(rows - row));
            }
        }
    }
}

/// What of `range` lies among the `count` numbers from `first` on, counted from there.
fn overlap(range: &Range<usize>, first: usize, count: usize) -> Range<usize> {
    let within = |number: usize| number.clamp(first, first + count) - first;
    within(range.start)..within(range.end)
}

/// Names `blocks` packed blocks of a group, from block `first` on.
fn packed_job(product: &Product<'_>, layout: &QuantLayout, group: usize, first: usize, blocks: usize) -> TileJob {
    let weights = product.matrix.bytes()[group * product.group_bytes..][..product.group_bytes].as_ptr();
    let scales_at = first * BLOCK / layout.file_block * layout.scales_per_file_block;
    TileJob {
        blocks,
        tile: std::ptr::null(),
        block_bytes: 0,
        corrections_at: 0,
        minimum_factors_at: 0,
        // SAFETY: `weights` is a whole group, and block `first` begins a block of the file.
        codes: unsafe { weights.add(first * layout.codes_per_block) },
        // SAFETY: as above.
        scales: unsafe { weights.add(layout.scales_at(product.matrix.columns) + scales_at) },
        minimums: std::ptr::null(),
        output: std::ptr::null_mut(),
        output_stride: 0,
        ahead: (std::ptr::null(), 0),
    }
}
