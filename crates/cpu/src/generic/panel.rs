//! Quantised activations, laid out for the product kernels.
//!
//! The tokens of a batch are cut into tiles. A tile of `T` tokens holds, for each block of 32 columns, rows of `T`
//! numbers of 4 bytes, one per token:
//!
//! ```text
//! row 0       scale d
//! rows 1..=8  four activations of column group g, signed bytes
//! then        the extra rows that the formats in use ask for
//! ```
//!
//! so that a kernel walks through one stretch of memory, with constant distances between tokens. For kernels that
//! multiply whole tiles, the activations lie token by token instead, `[T][32]`, in the place of rows 1 to 8.

/// Rows that every block has: the scale and eight column groups.
pub const COMMON_ROWS: usize = 9;

/// A row (or two, one per half of the block) that only some formats need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// `-offset * sum of q`, as i32: what unsigned codes add to a sum too much.
    Correction {
        /// The codes' offset.
        offset: u8,
        /// Per 16 columns instead of per 32.
        halves: bool,
    },
    /// `-(d * sum of q)`, as f32: the factor of a minimum.
    MinimumFactor {
        /// Per 16 columns instead of per 32.
        halves: bool,
    },
}

impl Extra {
    fn rows(self) -> usize {
        let (Extra::Correction { halves, .. } | Extra::MinimumFactor { halves }) = self;
        1 + usize::from(halves)
    }
}

/// The shape of a panel.
#[derive(Debug, Clone, Default)]
pub struct PanelShape {
    /// Blocks of 32 columns.
    pub blocks: usize,
    /// True if activations lie token by token.
    pub(super) by_token: bool,
    pub(super) extras: Vec<Extra>,
    tiles: Vec<Tile>,
}

/// One tile of a panel.
#[derive(Debug, Clone, Copy)]
pub struct Tile {
    /// First token.
    pub token: usize,
    /// Tokens, at most `size`; the others are zero.
    pub tokens: usize,
    /// Tokens that the kernel works on.
    pub size: usize,
    /// Index of that tile size among the instruction set's.
    pub size_index: usize,
    /// Where it begins in the panel, in bytes.
    pub at: usize,
}

impl PanelShape {
    /// Clears the shape for `blocks` blocks, keeping its memory. `by_token`: for kernels that multiply whole tiles.
    pub fn reset(&mut self, blocks: usize, by_token: bool) {
        self.blocks = blocks;
        self.by_token = by_token;
        self.extras.clear();
        self.tiles.clear();
    }

    /// True if activations lie token by token.
    pub fn is_by_token(&self) -> bool {
        self.by_token
    }

    /// The index of the first row of `extra`, which is added if it is not there yet.
    pub fn require(&mut self, extra: Extra) -> usize {
        let mut row = COMMON_ROWS;
        for &present in &self.extras {
            if present == extra {
                return row;
            }
            row += present.rows();
        }
        self.extras.push(extra);
        row
    }

    /// The rows that formats have asked for, in their order.
    pub fn extras(&self) -> &[Extra] {
        &self.extras
    }

    /// Rows per block.
    pub fn rows(&self) -> usize {
        COMMON_ROWS + self.extras.iter().map(|extra| extra.rows()).sum::<usize>()
    }

    /// Cuts `tokens` into tiles of the given sizes (ascending); returns the bytes of the panel.
    pub fn cut(&mut self, tokens: usize, sizes: &[usize]) -> usize {
        let (mut token, mut at) = (0, 0);
        while token < tokens {
            let left = tokens - token;
            let size_index = sizes.iter().position(|&size| size >= left).unwrap_or(sizes.len() - 1);
            let size = sizes[size_index];
            let tokens = match left.checked_sub(size) {
                // One tile and a few more tokens: two of about the same size, as kernels of few tokens wait for their sums.
                Some(more) if !self.by_token && sizes.len() == 1 && 0 < more && more < size / 2 => left.div_ceil(2),
                _ => left.min(size),
            };
            self.tiles.push(Tile { token, tokens, size, size_index, at });
            token += tokens;
            at += self.tile_bytes(size);
        }
        at
    }

    /// Bytes of a tile of `size` tokens.
    pub fn tile_bytes(&self, size: usize) -> usize {
        (self.blocks * self.rows() * size * 4).next_multiple_of(64)
    }

    /// The tiles.
    pub fn tiles(&self) -> &[Tile] {
        &self.tiles
    }
}

/// Where activations lie: `[tokens][stride]`, of tokens and blocks from the first ones on.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The activations.
    pub rows: &'a [f32],
    /// Numbers from one token's to the next one's.
    pub stride: usize,
    /// The first token.
    pub first_token: usize,
    /// The first block of 32 columns.
    pub first_block: usize,
}

impl<'a> Source<'a> {
    /// Whole rows of a batch's tokens.
    pub fn whole(rows: &'a [f32], shape: &PanelShape) -> Source<'a> {
        Source { rows, stride: shape.blocks * 32, first_token: 0, first_block: 0 }
    }

    /// A token's activations from the first block on.
    #[inline(always)]
    pub fn row(&self, token: usize) -> &'a [f32] {
        &self.rows[(token - self.first_token) * self.stride..][..self.stride]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_token_once() {
        for tokens in 0..70 {
            let mut shape = PanelShape::default();
            shape.reset(3, false);
            let bytes = shape.cut(tokens, &[1, 2, 4, 8, 12]);
            let mut next = 0;
            for tile in shape.tiles() {
                assert_eq!(tile.token, next);
                assert!(tile.tokens <= tile.size && tile.at + shape.tile_bytes(tile.size) <= bytes);
                next += tile.tokens;
            }
            assert_eq!(next, tokens);
        }
    }

    #[test]
    fn the_last_two_tiles_of_one_size_are_cut_evenly() {
        let tokens = |count, by_token| {
            let mut shape = PanelShape::default();
            shape.reset(3, by_token);
            shape.cut(count, &[6]);
            shape.tiles().iter().map(|tile| tile.tokens).collect::<Vec<_>>()
        };
        assert_eq!(tokens(14, false), [6, 4, 4]);
        assert_eq!(tokens(13, false), [6, 4, 3]);
        assert_eq!(tokens(15, false), [6, 6, 3]);
        assert_eq!(tokens(12, false), [6, 6]);
        assert_eq!(tokens(2, false), [2]);
        assert_eq!(tokens(13, true), [6, 6, 1], "a tile unit takes as long for few tokens");
    }

    #[test]
    fn an_extra_row_is_there_once() {
        let mut shape = PanelShape::default();
        shape.reset(1, true);
        let halves = shape.require(Extra::Correction { offset: 32, halves: true });
        let minimum = shape.require(Extra::MinimumFactor { halves: false });
        assert_eq!((halves, minimum, shape.rows()), (9, 11, 12));
        assert_eq!(shape.require(Extra::Correction { offset: 32, halves: true }), 9);
    }
}
