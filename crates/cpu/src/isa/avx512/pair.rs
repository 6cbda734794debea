//! Products with quantised weights (clause Q2) for two groups of rows at once.
//!
//! ```text
//! for each block:
//!     for each column group:                            two registers of codes
//!         for each token:  one activation in all lanes  two dot products
//!     for each token:  two sums scaled and added
//! ```
//!
//! An activation is read once for 32 rows instead of once for 16, and as many sums as there are registers for run side
//! by side, so that the time one dot product takes is hidden whatever the processor makes of their order.

use super::rows::ZmmRows;
use crate::generic::class::Class;
use crate::generic::kernels::by_format;
use crate::generic::product::{Block, TileJob, find_not_finite, take_block};
use crate::generic::rows::Rows;
use crate::generic::unroll::unroll;
use crate::generic::wide::{Order, Wide, WideProducts};
use crate::layout::{GROUP, LINE};

/// Tokens of a tile: two groups' sums of integers and of f32 leave registers for codes and an activation.
const TOKENS: usize = 6;

pub(super) static WIDE: Wide = Wide {
    tile: TOKENS,
    groups: 2,
    blocks: 32,
    order: Order::Rows,
    panel_bytes: 768 << 10,
    by_token: false,
    begin,
    end: begin,
    products,
};

type Codes = <ZmmRows as Rows>::Codes;
type Floats = <ZmmRows as Rows>::Floats;

/// There is nothing to prepare.
unsafe fn begin() {}

/// Takes blocks of a packed group apart.
///
/// # Safety
/// As [`crate::generic::unpacked::unpack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn unpack<const TYPE: u32, const IN_PLACE: bool>(
    from: &TileJob,
    codes: *mut u8,
    scales: *mut u8,
    minimums: *mut u8,
) {
    let subs = Class::<TYPE>::SUBS;
    for index in 0..from.blocks {
        // SAFETY: the caller's duty.
        unsafe {
            let block: Block<ZmmRows> = take_block::<ZmmRows, TYPE>(from, 0, index);
            if !IN_PLACE {
                unroll!(g < 8 => {
                    ZmmRows::store_codes(block.codes[g], codes.add((index * 8 + g) * LINE));
                });
            }
            for sub in 0..subs {
                let at = (index * subs + sub) * GROUP * 4;
                ZmmRows::store(block.scales[sub], scales.add(at));
                if Class::<TYPE>::MINIMUM {
                    ZmmRows::store(block.minimums[sub], minimums.add(at));
                }
            }
        }
    }
}

/// The product of the first `T` tokens of each tile with some blocks of two groups.
///
/// # Safety
/// The machine has AVX-512; the job's pointers are valid for its shape.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn tiles<const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob, is_first: bool) {
    let mut job = *job;
    for _ in 0..job.tiles {
        // SAFETY: the caller's duty.
        unsafe { tile::<HALVES, MINIMUM, T>(&job, is_first) };
        job.go_on(T);
    }
}

/// One tile's.
///
/// # Safety
/// As [`tiles`].
#[inline(always)]
unsafe fn tile<const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob, is_first: bool) {
    let (ahead, share, _) = job.ahead;
    // SAFETY: the caller's duty.
    unsafe {
        let mut sums: [[Floats; T]; 2] = [[ZmmRows::no_floats(); T]; 2];
        unroll!(t < T => {
            let to: *mut u8 = job.output.add(t * job.output_stride).cast();
            if !is_first {
                sums[0][t] = ZmmRows::load(to);
                sums[1][t] = ZmmRows::load(to.add(LINE));
            }
            // The places of the next tile's results, each in a line of its own.
            let next = to.wrapping_add(T * job.output_stride * 4);
            ZmmRows::prefetch_for_writing(next);
            ZmmRows::prefetch_for_writing(next.wrapping_add(LINE));
        });
        for index in 0..job.blocks {
            for line in (0..share).step_by(LINE) {
                ZmmRows::prefetch(ahead.wrapping_add(index * share + line));
            }
            if HALVES {
                add::<true, MINIMUM, 0, T>(job, index, &mut sums);
                add::<true, MINIMUM, 1, T>(job, index, &mut sums);
            } else {
                add::<false, MINIMUM, 0, T>(job, index, &mut sums);
            }
        }
        unroll!(t < T => {
            let to: *mut u8 = job.output.add(t * job.output_stride).cast();
            ZmmRows::store(sums[0][t], to);
            ZmmRows::store(sums[1][t], to.add(LINE));
        });
        find_not_finite::<ZmmRows, T>(job, &sums[0]);
        find_not_finite::<ZmmRows, T>(job, &sums[1]);
    }
}

/// Adds the products of a block, or of its half `HALF`, to the sums.
///
/// # Safety
/// As [`tiles`].
#[inline(always)]
unsafe fn add<const HALVES: bool, const MINIMUM: bool, const HALF: usize, const T: usize>(
    job: &TileJob,
    index: usize,
    sums: &mut [[Floats; T]; 2],
) {
    const STRIDE: usize = TOKENS * 4;
    let subs = 1 + usize::from(HALVES);
    // SAFETY: the caller's duty: two whole groups, and a whole block of the tile.
    unsafe {
        let tile = job.tile.add(index * job.block_bytes);
        let corrections = tile.add(job.corrections_at + HALF * STRIDE);
        let mut isums: [[Codes; T]; 2] = [[ZmmRows::no_sums(); T]; 2];
        // Formats with a minimum have codes without offset.
        if !MINIMUM {
            unroll!(t < T => {
                isums[0][t] = ZmmRows::broadcast_sum(corrections.add(t * 4));
                isums[1][t] = isums[0][t];
            });
        }
        let codes = job.codes.add(index * job.next_block + HALF * 4 * LINE);
        for g in 0..8 / subs {
            let own =
                [ZmmRows::load_codes(codes.add(g * LINE)), ZmmRows::load_codes(codes.add(job.next_codes + g * LINE))];
            let q = tile.add((1 + HALF * 4 + g) * STRIDE);
            unroll!(t < T => {
                let q = ZmmRows::broadcast_sum(q.add(t * 4));
                isums[0][t] = ZmmRows::dot_group(own[0], q, isums[0][t]);
                isums[1][t] = ZmmRows::dot_group(own[1], q, isums[1][t]);
            });
        }
        let at = (index * subs + HALF) * GROUP * 4;
        let factors = tile.add(job.minimum_factors_at + HALF * STRIDE);
        let scales = [ZmmRows::load(job.scales.add(at)), ZmmRows::load(job.scales.add(job.next_group + at))];
        let mut minimums = [ZmmRows::no_floats(); 2];
        if MINIMUM {
            minimums = [ZmmRows::load(job.minimums.add(at)), ZmmRows::load(job.minimums.add(job.next_group + at))];
        }
        unroll!(t < T => {
            let d = ZmmRows::broadcast(tile.add(t * 4));
            unroll!(r < 2 => {
                sums[r][t] = ZmmRows::fma(ZmmRows::to_floats(isums[r][t]), ZmmRows::mul(scales[r], d), sums[r][t]);
            });
            if MINIMUM {
                let factor = ZmmRows::broadcast(factors.add(t * 4));
                unroll!(r < 2 => { sums[r][t] = ZmmRows::fma(minimums[r], factor, sums[r][t]); });
            }
        });
    }
}

/// Whether a format's packed codes are what the kernels read.
const fn is_in_place(number: u32) -> bool {
    number == 8
}

/// The kernels for a quantised format, by its GGUF type number.
fn products(number: u32) -> &'static WideProducts {
    macro_rules! of_type {
        ($t:literal) => {
            const {
                &WideProducts {
                    unpack: unpack::<$t, { is_in_place($t) }>,
                    in_place: is_in_place($t),
                    from: if Class::<$t>::QUANTISED.has_sub_scales { 17 } else { 13 },
                    tile: &[
                        tiles::<{ Class::<$t>::HALVES }, { Class::<$t>::MINIMUM }, { TOKENS / 3 }>,
                        tiles::<{ Class::<$t>::HALVES }, { Class::<$t>::MINIMUM }, { TOKENS / 3 * 2 }>,
                        tiles::<{ Class::<$t>::HALVES }, { Class::<$t>::MINIMUM }, TOKENS>,
                    ],
                }
            }
        };
    }
    by_format!(number, of_type)
}
