//! Deals matrix products to threads: groups of 16 rows at a time.

mod float;
mod gated;
mod prefetch;
mod prepare;
mod wide;

pub use gated::gated;
pub use prefetch::prefetch;
pub use prepare::prepare;

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use crate::activations::Activations;
use crate::ops::{Projection, Team};
use crate::scratch::Scratch;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::{Encoding, Float, Quantised};

use super::{Shared, overlap, parallel_ranges};
use crate::generic::ahead::moves_on;
use crate::generic::job::TileJob;
use crate::generic::kernels::{Kernels, Products};
use crate::generic::panel::{Extra, PanelShape, Source, Tile};
use crate::generic::unpacked::unpacked_bytes;
use crate::generic::wide::Wide;
use crate::layout::{BLOCK, GROUP, QuantLayout, group_bytes};

/// Most tokens that a tile of any instruction set has.
const MAX_TILE: usize = 16;

/// See [`crate::ops::Ops::linear`].
pub fn linear(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Activations<'_>,
    tokens: usize,
    outputs: &mut [Projection<'_>],
) {
    for Projection { matrix, output, .. } in outputs.iter() {
        assert!(output.len() >= tokens * matrix.rows);
    }
    let matrices: Vec<&Matrix> = outputs.iter().map(|output| output.matrix).collect();
    let Some(mut plan) = Plan::new(kernels, &matrices, tokens) else { return };
    for (product, projection) in plan.products.iter_mut().zip(outputs) {
        product.output = Shared(projection.output.as_mut_ptr());
        product.not_finite = projection.not_finite;
    }
    let memory = Memory::new(&plan, scratch, input, 0, team);
    plan.begin(kernels, input, tokens, memory, team).run_all(&plan.products, team);
}

/// Memory of some products.
#[derive(Clone, Copy)]
struct Memory {
    panel: Shared<u8>,
    /// Each thread's groups unpacked.
    unpacked: Shared<u8>,
    /// Whatever else was asked for.
    more: Shared<u8>,
}

impl Memory {
    /// Reserves what a plan needs, unless its input is a panel already, and `more` bytes. All three begin at multiples of 64.
    fn new(plan: &Plan<'_>, scratch: &mut Scratch, input: Activations<'_>, more: usize, team: &dyn Team) -> Memory {
        let panel_bytes = if input.rows().is_some() { plan.panel_bytes } else { 0 };
        let unpacked = plan.unpacked_bytes * team.threads();
        let start = Shared(scratch.reserve(panel_bytes + unpacked + more));
        // SAFETY: within what was reserved.
        let [unpacked, more] = [panel_bytes, panel_bytes + unpacked].map(|at| Shared(unsafe { start.at(at) }));
        let panel = match input {
            Activations::Packed(packed) if input.rows().is_none() => {
                let panel = packed.packed(plan.panel_bytes);
                // Only read from then on.
                Shared(panel.expect("what was made for these matrices has the size of their panel").cast_mut())
            }
            _ => start,
        };
        Memory { panel, unpacked, more }
    }
}

/// Products with one shared input, before there is memory for them.
struct Plan<'a> {
    shape: PanelShape,
    wide: Option<&'static Wide>,
    products: Vec<Product<'a>>,
    panel_bytes: usize,
    /// Bytes of one thread's groups unpacked.
    unpacked_bytes: usize,
}

impl<'a> Plan<'a> {
    /// `None` if there is nothing to do.
    fn new(kernels: &Kernels, matrices: &[&'a Matrix], tokens: usize) -> Option<Self> {
        let columns = matrices.first()?.columns;
        for matrix in matrices {
            assert!(matrix.columns == columns);
            assert!(matrix.bytes().len() >= matrix.rows.div_ceil(GROUP) * group_bytes(matrix.format, columns));
        }
        if tokens == 0 {
            return None;
        }
        let mut shape = PanelShape::default();
        let is_quantised = |matrix: &&&Matrix| matches!(matrix.format.encoding, Encoding::Quantised(_));
        let any_quantised = matrices.iter().any(|matrix| is_quantised(&matrix));
        let wide = kernels.wide.filter(|wide| {
            let mut quantised = matrices.iter().filter(is_quantised);
            quantised.all(|matrix| tokens >= (wide.products)(matrix.format.gguf_type).from) && any_quantised
        });
        shape.reset(columns / BLOCK, wide.is_some_and(|wide| wide.by_token));
        let products = matrices.iter().map(|matrix| Product::new(kernels, &mut shape, matrix)).collect();
        let tiles = wide.map_or(kernels.tiles, |wide| std::slice::from_ref(&wide.tile));
        let panel_bytes = if any_quantised { shape.cut(tokens, tiles) } else { 0 };
        let (blocks, groups) = wide.map_or((shape.blocks, 1), |wide| (wide.blocks.min(shape.blocks), wide.groups));
        let unpacked_bytes = groups * unpacked_bytes(blocks, true).iter().sum::<usize>();
        Some(Plan { shape, wide, products, panel_bytes, unpacked_bytes })
    }

    /// Whatever the pieces of the work share, once the panel is filled from the input.
    fn begin<'w>(
        &'w self,
        kernels: &'w Kernels,
        input: Activations<'w>,
        tokens: usize,
        memory: Memory,
        team: &dyn Team,
    ) -> Work<'w> {
        let Plan { shape, wide, panel_bytes, unpacked_bytes, .. } = self;
        let (wide, panel_bytes, unpacked_bytes) = (*wide, *panel_bytes, *unpacked_bytes);
        let rows = input.rows();
        for product in &self.products {
            assert!(rows.is_none_or(|rows| rows.len() >= tokens * product.matrix.columns));
        }
        let input = rows.unwrap_or_default();
        let work =
            Work { kernels, wide, shape, input, tokens, memory, panel_bytes, unpacked_bytes, moves_on: moves_on() };
        if rows.is_some() {
            work.fill(team);
        }
        work
    }
}

/// Blocks of tokens that are worth another thread.
const MIN_PARALLEL_WORK: usize = 128;

/// One matrix of a call.
#[derive(Clone, Copy)]
struct Product<'a> {
    matrix: &'a Matrix,
    /// `[tokens][stride]`, of tokens and rows from `first` on.
    output: Shared<f32>,
    stride: usize,
    first: (usize, usize),
    /// Rows that may be written, counted from the matrix's first.
    rows: usize,
    groups: usize,
    group_bytes: usize,
    kind: Kind,
    not_finite: Option<&'a AtomicBool>,
}

#[derive(Clone, Copy)]
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
    /// A product whose output is nowhere yet.
    fn new(kernels: &Kernels, shape: &mut PanelShape, matrix: &'a Matrix) -> Product<'a> {
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
            output: Shared(std::ptr::null_mut()),
            stride: matrix.rows,
            first: (0, 0),
            rows: matrix.rows,
            groups: matrix.rows.div_ceil(GROUP),
            group_bytes: group_bytes(matrix.format, matrix.columns),
            kind,
            not_finite: None,
        }
    }

    /// Where the result of a token and a row goes.
    ///
    /// # Safety
    /// The output holds that token and row.
    unsafe fn place(&self, token: usize, row: usize) -> *mut f32 {
        // SAFETY: the output holds that token and row.
        unsafe { self.output.at((token - self.first.0) * self.stride + row - self.first.1) }
    }

    /// The bytes of a group.
    fn group(&self, group: usize) -> &'a [u8] {
        &self.matrix.bytes()[group * self.group_bytes..][..self.group_bytes]
    }

    /// [`TileJob::not_finite`].
    fn not_finite(&self) -> *const AtomicBool {
        self.not_finite.map_or(std::ptr::null(), std::ptr::from_ref)
    }
}

/// Data that every piece of a call shares.
struct Work<'a> {
    kernels: &'a Kernels,
    wide: Option<&'static Wide>,
    shape: &'a PanelShape,
    input: &'a [f32],
    tokens: usize,
    memory: Memory,
    panel_bytes: usize,
    unpacked_bytes: usize,
    moves_on: bool,
}

impl Work<'_> {
    /// Fills the panel from the input.
    fn fill(&self, team: &dyn Team) {
        if self.panel_bytes == 0 {
            return;
        }
        let (shape, tiles) = (self.shape, self.shape.tiles());
        let source = Source::whole(self.input, shape);
        // Pieces of each tile: where there are few tiles, as in decoding, their blocks are assigned.
        let size = tiles.iter().map(|tile| tile.size).sum::<usize>() * shape.blocks;
        let pieces =
            (size / MIN_PARALLEL_WORK).min(2 * team.threads()).div_ceil(tiles.len()).clamp(1, shape.blocks.max(1));
        parallel_ranges(team, tiles.len() * pieces, &|range, _| {
            for i in range {
                let (tile, piece) = (&tiles[i / pieces], i % pieces);
                let blocks = shape.blocks * piece / pieces..shape.blocks * (piece + 1) / pieces;
                // SAFETY: the kernels' instructions are there; the panel is there; each block is filled by one job.
                unsafe { (self.kernels.fill_tile)(shape, tile, blocks, &source, self.memory.panel.at(0)) };
            }
        });
    }

    /// Where a thread takes groups apart.
    fn unpacked(&self, thread: usize) -> *mut u8 {
        // SAFETY: there are as many bytes for each thread.
        unsafe { self.memory.unpacked.at(thread * self.unpacked_bytes) }
    }

    fn run_all(&self, products: &[Product<'_>], team: &dyn Team) {
        let groups: usize = products.iter().map(|product| product.groups).sum();
        match self.wide {
            Some(wide) => self.run_wide(wide, products, team),
            None => parallel_ranges(team, groups, &|range, thread| {
                let mut before = 0;
                for product in products {
                    self.run(product, overlap(&range, before, product.groups), thread);
                    before += product.groups;
                }
            }),
        }
    }

    /// Works on some groups, for all tokens.
    fn run(&self, product: &Product<'_>, groups: Range<usize>, thread: usize) {
        match (&product.kind, self.shape.tiles()) {
            (Kind::Float(kind), _) => groups.for_each(|group| self.float(product, *kind, group)),
            (Kind::Quantised { products, .. }, [tile]) => {
                // Filled-up columns would be written beyond the output.
                let fits = if tile.tokens == tile.size { product.rows / GROUP } else { 0 };
                let end = groups.end.min(fits).max(groups.start);
                if groups.start < end {
                    let job = TileJob { groups: end - groups.start, ..self.packed(product, groups.start) };
                    self.tile(product, groups.start, &job, tile, products.packed);
                }
                for group in end..groups.end {
                    self.tile(product, group, &self.packed(product, group), tile, products.packed);
                }
            }
            (Kind::Quantised { products, quantised, .. }, tiles) => {
                for group in groups {
                    self.tiles(product, group, &self.packed(product, group), tiles, products, quantised, thread);
                }
            }
        }
    }

    /// The job of a packed group, for no tile yet.
    fn packed(&self, product: &Product<'_>, group: usize) -> TileJob {
        let Kind::Quantised { corrections_row, minimum_factors_row, .. } = product.kind else {
            unreachable!("only quantised products read a panel");
        };
        TileJob {
            blocks: self.shape.blocks,
            corrections_at: corrections_row,
            minimum_factors_at: minimum_factors_row,
            codes: product.group(group).as_ptr(),
            next_codes: product.group_bytes,
            moves_on: self.moves_on,
            not_finite: product.not_finite(),
            ..TileJob::NONE
        }
    }

    /// Many tiles: the group is unpacked once.
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
            let codes = self.unpacked(thread);
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
        let first = group * GROUP;
        // A tile or a group that is filled up would write beyond the output.
        let is_whole = tile.tokens == tile.size && first + GROUP <= product.rows;
        // SAFETY: the output holds the tile's tokens and rows; a tile that is not whole stays within that too.
        let in_place = unsafe { product.place(tile.token, first) };
        let stride = tile.size * 4;
        let job = TileJob {
            // SAFETY: the tile lies in the panel.
            tile: unsafe { self.memory.panel.at(tile.at) },
            block_bytes: self.shape.rows() * stride,
            corrections_at: job.corrections_at * stride,
            minimum_factors_at: job.minimum_factors_at * stride,
            output: if is_whole { in_place } else { spare.as_mut_ptr().cast() },
            output_stride: if is_whole { product.stride } else { GROUP },
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
        let first = group * GROUP;
        let count = GROUP.min(product.rows - first);
        for t in 0..tokens {
            // SAFETY: the caller has filled the results; the output holds these tokens and rows; nobody else writes them.
            unsafe {
                let to = product.place(token + t, first);
                std::ptr::copy_nonoverlapping(results.add(t * GROUP), to, count);
            }
        }
    }
}
