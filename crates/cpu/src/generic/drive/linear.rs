//! Deals matrix products to threads: groups of 16 rows at a time.

mod wide;

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Projection, Scratch, Team};
use hefu_numerics::quant::{Encoding, Float, Quantised};

use super::{Shared, deal, deal_ranges};
use crate::generic::ahead::moves_on;
use crate::generic::float_product::FLOAT_TILE;
use crate::generic::kernels::{Kernels, Products};
use crate::generic::panel::{Extra, PanelShape, Tile};
use crate::generic::product::TileJob;
use crate::generic::unpacked::unpacked_bytes;
use crate::layout::{BLOCK, GROUP, QuantLayout, group_bytes};

/// Most tokens that a tile of any instruction set has.
const MAX_TILE: usize = 16;

/// See [`hefu_numerics::ops::Ops::linear`].
pub fn linear(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    input: &[f32],
    tokens: usize,
    outputs: &mut [Projection<'_>],
) {
    let Some(columns) = outputs.first().map(|output| output.matrix.columns) else { return };
    assert!(input.len() >= tokens * columns);
    for Projection { matrix, output, .. } in outputs.iter() {
        assert!(matrix.columns == columns && output.len() >= tokens * matrix.rows);
        assert!(matrix.bytes().len() >= matrix.rows.div_ceil(GROUP) * group_bytes(matrix.format, columns));
    }
    if tokens == 0 {
        return;
    }
    let mut shape = PanelShape::default();
    let quantised = |output: &Projection<'_>| matches!(output.matrix.format.encoding, Encoding::Quantised(_));
    let any_quantised = outputs.iter().any(quantised);
    let wide = kernels.wide.filter(|wide| {
        let mut quantised = outputs.iter().filter(|output| quantised(output));
        quantised.all(|output| tokens >= (wide.products)(output.matrix.format.gguf_type).from) && any_quantised
    });
    shape.reset(columns / BLOCK, wide.is_some_and(|wide| wide.by_token));
    let products: Vec<Product<'_>> =
        outputs.iter_mut().map(|projection| Product::new(kernels, &mut shape, projection)).collect();
    let panel_bytes = if any_quantised {
        shape.cut(tokens, wide.map_or(kernels.tiles, |wide| std::slice::from_ref(&wide.tile)))
    } else {
        0
    };
    let (unpacked_blocks, unpacked_groups) =
        wide.map_or((shape.blocks, 1), |wide| (wide.blocks.min(shape.blocks), wide.groups));
    let unpacked = unpacked_groups * unpacked_bytes(unpacked_blocks, true).iter().sum::<usize>();
    let scratch = Shared(scratch.reserve(panel_bytes + unpacked * team.threads()));
    if any_quantised {
        fill(kernels, team, &shape, input, scratch);
    }
    let work = Work { kernels, shape: &shape, input, tokens, scratch, panel_bytes, unpacked, moves_on: moves_on() };
    let groups: usize = products.iter().map(|product| product.groups).sum();
    match wide {
        Some(wide) => work.run_wide(wide, &products, team),
        None => deal_ranges(team, groups, &|range, thread| {
            range.for_each(|group| work.run_in_turn(&products, group, thread));
        }),
    }
}

/// Most bytes of a thread's stretch that it is told of beforehand: a part of the second cache, beside what the work until
/// then needs there.
const MOST_ANNOUNCED: usize = 192 * 1024;

/// See [`hefu_numerics::ops::Ops::announce`]: each thread's stretch begins where `deal_ranges` lets it begin.
pub fn announce(team: &dyn Team, matrices: &[&Matrix]) {
    let threads = team.threads();
    let groups: usize = matrices.iter().map(|matrix| matrix.rows.div_ceil(GROUP)).sum();
    for thread in 0..threads {
        let mut first = groups * thread / threads;
        let count = groups * (thread + 1) / threads - first;
        for matrix in matrices {
            let (its_groups, bytes) = (matrix.rows.div_ceil(GROUP), group_bytes(matrix.format, matrix.columns));
            if first < its_groups {
                let end = (first + count).min(its_groups);
                let stretch = matrix.bytes().get(first * bytes..end * bytes).unwrap_or_default();
                team.will_read(thread, &stretch[..stretch.len().min(MOST_ANNOUNCED)]);
                break;
            }
            first -= its_groups;
        }
    }
}

/// Blocks of tokens that are worth another thread.
const WORTH_SHARING: usize = 128;

/// Fills the panel at `scratch`.
fn fill(kernels: &Kernels, team: &dyn Team, shape: &PanelShape, input: &[f32], scratch: Shared<u8>) {
    let tiles = shape.tiles();
    // Pieces of each tile: where there are few tiles, as in decoding, their blocks are dealt.
    let size = tiles.iter().map(|tile| tile.size).sum::<usize>() * shape.blocks;
    let pieces = (size / WORTH_SHARING).min(2 * team.threads()).div_ceil(tiles.len()).clamp(1, shape.blocks.max(1));
    deal(team, tiles.len() * pieces, &|i, _| {
        let (tile, piece) = (&tiles[i / pieces], i % pieces);
        let blocks = shape.blocks * piece / pieces..shape.blocks * (piece + 1) / pieces;
        // SAFETY: the kernels' instructions are there; the panel lies in `scratch`; each block is filled by one job.
        unsafe { (kernels.fill_tile)(shape, tile, blocks, input, scratch.at(0)) };
    });
}

/// One matrix of a call.
struct Product<'a> {
    matrix: &'a Matrix,
    output: Shared<f32>,
    groups: usize,
    group_bytes: usize,
    kind: Kind,
    not_finite: Option<&'a AtomicBool>,
}

enum Kind {
    Float(Float),
    Quantised {
        layout: QuantLayout,
        products: &'static Products,
        quantised: &'static Quantised,
        corrections_row: usize,
        minimum_factors_row: usize,
    },
}

impl<'a> Product<'a> {
    fn new(kernels: &Kernels, shape: &mut PanelShape, projection: &'a mut Projection<'_>) -> Product<'a> {
        let matrix = projection.matrix;
        let kind = match &matrix.format.encoding {
            Encoding::Float(kind) => Kind::Float(*kind),
            Encoding::Quantised(quantised) => {
                let halves = quantised.sub_block == 16;
                let offset = if shape.is_by_token() { 0 } else { (kernels.code_offset)(quantised) };
                let require =
                    |wanted: bool, extra, shape: &mut PanelShape| if wanted { shape.require(extra) } else { 0 };
                Kind::Quantised {
                    layout: QuantLayout::new(quantised, matrix.format.block_elements),
                    products: (kernels.products)(matrix.format.gguf_type),
                    quantised,
                    corrections_row: require(offset > 0, Extra::Correction { offset, halves }, shape),
                    minimum_factors_row: require(quantised.has_minimum, Extra::MinimumFactor { halves }, shape),
                }
            }
        };
        Product {
            matrix,
            output: Shared(projection.output.as_mut_ptr()),
            groups: matrix.rows.div_ceil(GROUP),
            group_bytes: group_bytes(matrix.format, matrix.columns),
            kind,
            not_finite: projection.not_finite,
        }
    }

    /// [`TileJob::not_finite`].
    fn not_finite(&self) -> *const AtomicBool {
        self.not_finite.map_or(std::ptr::null(), std::ptr::from_ref)
    }
}

/// What every piece of a call shares.
struct Work<'a> {
    kernels: &'a Kernels,
    shape: &'a PanelShape,
    input: &'a [f32],
    tokens: usize,
    /// The panel, then per thread a group taken apart.
    scratch: Shared<u8>,
    panel_bytes: usize,
    unpacked: usize,
    moves_on: bool,
}

impl Work<'_> {
    /// Group `index` of all products' groups in a row.
    fn run_in_turn(&self, products: &[Product<'_>], mut index: usize, thread: usize) {
        for product in products {
            if index < product.groups {
                return self.run(product, index, thread);
            }
            index -= product.groups;
        }
    }

    fn run(&self, product: &Product<'_>, group: usize, thread: usize) {
        let weights = &product.matrix.bytes()[group * product.group_bytes..][..product.group_bytes];
        match &product.kind {
            Kind::Float(kind) => self.float(product, *kind, weights, group),
            Kind::Quantised { layout, products, quantised, corrections_row, minimum_factors_row } => {
                let job = TileJob {
                    blocks: self.shape.blocks,
                    tile: std::ptr::null(),
                    block_bytes: 0,
                    corrections_at: *corrections_row,
                    minimum_factors_at: *minimum_factors_row,
                    codes: weights.as_ptr(),
                    next_block: layout.codes_per_block,
                    scales: std::ptr::null(),
                    minimums: std::ptr::null(),
                    next_codes: product.group_bytes,
                    next_group: product.group_bytes,
                    output: std::ptr::null_mut(),
                    output_stride: 0,
                    moves_on: self.moves_on,
                    not_finite: product.not_finite(),
                    ahead: (std::ptr::null(), 0),
                };
                match self.shape.tiles() {
                    [tile] => self.tile(product, group, &job, tile, products.packed),
                    tiles => self.tiles(product, group, &job, tiles, products, quantised, thread),
                }
            }
        }
    }

    /// Many tiles: the group is taken apart once.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one group's work")]
    fn tiles(
        &self,
        product: &Product<'_>,
        group: usize,
        packed: &TileJob,
        tiles: &[Tile],
        products: &Products,
        quantised: &Quantised,
        thread: usize,
    ) {
        let [codes_bytes, scales_bytes, _] = unpacked_bytes(self.shape.blocks, quantised.sub_block == 16);
        // SAFETY: each thread has its own piece behind the panel, large enough for any format; the kernels'
        // instructions are there.
        let job = unsafe {
            let codes = self.scratch.at(self.panel_bytes + thread * self.unpacked);
            let (scales, minimums) = (codes.add(codes_bytes), codes.add(codes_bytes + scales_bytes));
            (products.unpack)(packed, codes, scales, minimums);
            TileJob { codes, scales, minimums, ..*packed }
        };
        for tile in tiles {
            self.tile(product, group, &job, tile, products.unpacked);
        }
    }

    fn tile(&self, product: &Product<'_>, group: usize, job: &TileJob, tile: &Tile, kernels: &[unsafe fn(&TileJob)]) {
        assert!(tile.size <= MAX_TILE);
        let mut spare = MaybeUninit::<[f32; MAX_TILE * GROUP]>::uninit();
        let (first, rows) = (group * GROUP, product.matrix.rows);
        // A tile or a group that is filled up would write beyond the output.
        let is_whole = tile.tokens == tile.size && first + GROUP <= rows;
        // SAFETY: the output holds `tokens x rows`; a tile that is not whole stays within that too.
        let in_place = unsafe { product.output.at(tile.token * rows + first) };
        let stride = tile.size * 4;
        let job = TileJob {
            // SAFETY: the tile lies in the panel.
            tile: unsafe { self.scratch.at(tile.at) },
            block_bytes: self.shape.rows() * stride,
            corrections_at: job.corrections_at * stride,
            minimum_factors_at: job.minimum_factors_at * stride,
            output: if is_whole { in_place } else { spare.as_mut_ptr().cast() },
            output_stride: if is_whole { rows } else { GROUP },
            ..*job
        };
        // SAFETY: the kernels' instructions are there; panel, group and results have the shapes that the job names;
        // nobody else writes these rows.
        unsafe { kernels[tile.size_index](&job) };
        if !is_whole {
            self.store(product, group, tile.token, tile.tokens, job.output);
        }
    }

    /// Copies `[tokens][16]` results to their rows of the output.
    fn store(&self, product: &Product<'_>, group: usize, token: usize, tokens: usize, results: *const f32) {
        let (first, rows) = (group * GROUP, product.matrix.rows);
        let count = GROUP.min(rows - first);
        for t in 0..tokens {
            // SAFETY: the caller has filled the results; the output holds `tokens x rows`; nobody else writes these.
            unsafe {
                let to = product.output.at((token + t) * rows + first);
                std::ptr::copy_nonoverlapping(results.add(t * GROUP), to, count);
            }
        }
    }

    fn float(&self, product: &Product<'_>, kind: Float, weights: &[u8], group: usize) {
        let columns = product.matrix.columns;
        let mut results = [0.0f32; FLOAT_TILE * GROUP];
        for token in (0..self.tokens).step_by(FLOAT_TILE) {
            let tokens = FLOAT_TILE.min(self.tokens - token);
            let input = self.input[token * columns..].as_ptr();
            // SAFETY: the kernels' instructions are there; weights, input and results have these shapes.
            unsafe {
                (self.kernels.float_tile)(kind, weights.as_ptr(), columns, input, tokens, results.as_mut_ptr());
            }
            if let Some(found) = product.not_finite
                && !results[..tokens * GROUP].iter().all(|result| result.is_finite())
            {
                found.store(true, Ordering::Relaxed);
            }
            self.store(product, group, token, tokens, results.as_ptr());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hefu_numerics::quant::FORMATS;

    use super::*;

    /// Threads that only listen.
    struct Listeners(usize, Mutex<Vec<(usize, Vec<u8>)>>);

    impl Team for Listeners {
        fn threads(&self) -> usize {
            self.0
        }

        fn run(&self, _: &(dyn Fn(usize) + Sync)) {}

        fn will_read(&self, thread: usize, bytes: &[u8]) {
            self.1.lock().unwrap().push((thread, bytes.to_vec()));
        }
    }

    #[test]
    fn each_thread_is_told_of_the_beginning_of_its_own_stretch() {
        let format = FORMATS.iter().find(|format| format.name == "F32").unwrap();
        // Two matrices of 3 and 5 groups; each byte is its group's number.
        let bytes = group_bytes(format, 64);
        let matrix = |groups: std::ops::Range<u8>| {
            let memory: Vec<u8> = groups.flat_map(|group| std::iter::repeat_n(group, bytes)).collect();
            let (rows, range) = (memory.len() / bytes * GROUP, 0..memory.len());
            Matrix { format, rows, columns: 64, memory: Arc::new(memory), range }
        };
        let matrices = [&matrix(0..3), &matrix(3..8)];
        let told = |threads| {
            let team = Listeners(threads, Mutex::default());
            announce(&team, &matrices);
            let told = team.1.into_inner().unwrap();
            let spans = told.iter().map(|(thread, bytes)| (*thread, bytes.first().copied(), bytes.len()));
            spans.collect::<Vec<_>>()
        };
        // A stretch ends with its matrix at the latest.
        assert_eq!(told(1), [(0, Some(0), 3 * bytes)]);
        assert_eq!(told(2), [(0, Some(0), 3 * bytes), (1, Some(4), 4 * bytes)]);
        assert_eq!(told(4)[2..], [(2, Some(4), 2 * bytes), (3, Some(6), 2 * bytes)]);
        assert_eq!(told(9).len(), 9, "also those that have nothing to do");
        let large = matrix(0..64);
        let team = Listeners(1, Mutex::default());
        announce(&team, &[&large]);
        assert_eq!(team.1.into_inner().unwrap()[0].1.len(), MOST_ANNOUNCED);
        announce(&Listeners(2, Mutex::default()), &[]);
    }
}
