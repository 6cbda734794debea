//! Arguments of a kernel for one matrix product.

use std::sync::atomic::AtomicBool;

use super::rows::DotIsa;
use crate::layout::LINE;

/// One tile's product with one group of 16 rows.
#[derive(Debug, Clone, Copy)]
pub struct TileJob {
    /// Blocks of 32 columns.
    pub blocks: usize,
    /// The tile in its panel.
    pub tile: *const u8,
    /// Bytes of a block in the tile.
    pub block_bytes: usize,
    /// Byte offset, in a block of the tile, of the corrections.
    pub corrections_at: usize,
    /// Byte offset of the minimums' factors.
    pub minimum_factors_at: usize,
    /// Where the group's codes begin, or, packed, the group itself.
    pub codes: *const u8,
    /// Where the group's scales begin; only of unpacked groups.
    pub scales: *const u8,
    /// Alike its minimums.
    pub minimums: *const u8,
    /// Groups that follow each other, as do their results; more than one only of packed groups.
    pub groups: usize,
    /// Bytes from a group's codes to the next group's, and, where they are unpacked, alike for scales and minimums.
    pub next_codes: usize,
    /// Results, 16 for each token of the tile and each group.
    pub output: *mut f32,
    /// Numbers from one token's results to the next one's.
    pub output_stride: usize,
    /// Prefetch of packed blocks: [`super::ahead::moves_on`].
    pub moves_on: bool,
    /// Set if a result is a NaN or an infinity; null if nobody wants to know. Looked at while results are in registers:
    /// once stored, those of many tokens may share the few places that one cache set has.
    pub not_finite: *const AtomicBool,
    /// Tiles that follow each other in the panel, as do their results; more than one only for wide kernels.
    pub tiles: usize,
    /// Bytes from one tile to the next.
    pub next_tile: usize,
    /// Prefetch while tiles are worked on; only for wide kernels.
    pub ahead: Ahead,
    /// Bytes from a result of the tile to one that is written soon; only for wide kernels.
    pub next_results: usize,
}

impl TileJob {
    /// A job of no tile and no group: no memory, no prefetch.
    pub const NONE: TileJob = TileJob {
        blocks: 0,
        tile: std::ptr::null(),
        block_bytes: 0,
        corrections_at: 0,
        minimum_factors_at: 0,
        codes: std::ptr::null(),
        scales: std::ptr::null(),
        minimums: std::ptr::null(),
        groups: 1,
        next_codes: 0,
        output: std::ptr::null_mut(),
        output_stride: 0,
        moves_on: false,
        not_finite: std::ptr::null(),
        tiles: 1,
        next_tile: 0,
        ahead: Ahead::NOTHING,
        next_results: 0,
    };

    /// Goes on to the next tile, behind one of `tokens` tokens.
    #[inline(always)]
    pub fn go_on(&mut self, tokens: usize) {
        self.tile = self.tile.wrapping_add(self.next_tile);
        self.output = self.output.wrapping_add(tokens * self.output_stride);
        self.ahead = self.ahead.of_tile(1, self.blocks);
    }
}

/// Memory that is asked for while tiles are worked on.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// Its beginning.
    pub from: *const u8,
    /// Bytes that are prefetched with each block.
    pub bytes: usize,
    /// During how many of the tiles.
    pub tiles: usize,
    /// True if it is prefetched into L1, instead of L2.
    pub is_near: bool,
}

impl Ahead {
    /// Nothing to ask for.
    pub const NOTHING: Ahead = Ahead { from: std::ptr::null(), bytes: 0, tiles: 0, is_near: false };

    /// Prefetch of tile `tile` and those behind it, each of so many blocks.
    #[inline(always)]
    pub fn of_tile(self, tile: usize, blocks: usize) -> Ahead {
        match self.tiles.saturating_sub(tile) {
            0 => Ahead::NOTHING,
            tiles => Ahead { from: self.from.wrapping_add(tile * self.bytes * blocks), tiles, ..self },
        }
    }

    /// Asks for what falls to block `index`.
    #[inline(always)]
    pub fn ask<R: DotIsa>(self, index: usize) {
        let at = self.from.wrapping_add(index * self.bytes);
        for line in (0..self.bytes).step_by(LINE) {
            let at = at.wrapping_add(line);
            if self.is_near { R::prefetch_near(at) } else { R::prefetch(at) }
        }
    }
}
