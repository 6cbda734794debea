//! Products with quantised weights (clause Q2), a tile of 16 tokens and 16 rows at a time.

use std::arch::x86_64::{_mm512_set1_epi8, _mm512_sub_epi8};
use std::mem::MaybeUninit;

use super::super::avx512::ZmmRows;
use super::tiles::{SIDE, SUMS_BYTES, sums};
use crate::generic::by_format::by_format;
use crate::generic::format_consts::{FormatConsts, code_offset};
use crate::generic::job::TileJob;
use crate::generic::product::find_not_finite;
use crate::generic::rows::DotIsa;
use crate::generic::take::Block;
use crate::generic::take::take_block_and_ask;
use crate::generic::unroll::unroll;
use crate::generic::wide::{WideKernels, WideProducts};
use crate::layout::{GROUP, LINE};

/// A register of f32, one per row.
type Floats = <ZmmRows as DotIsa>::Floats;

/// Unpacks blocks of a packed group, as [`crate::generic::unpacked::unpack`] does, but with weights for codes.
///
/// # Safety
/// The machine has AVX-512; the pointers are valid for the job's blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn unpack<const TYPE: u32>(from: &TileJob, codes: *mut u8, scales: *mut u8, minimums: *mut u8) {
    let subs = FormatConsts::<TYPE>::SUBS;
    let offset = _mm512_set1_epi8(code_offset::<ZmmRows>(FormatConsts::<TYPE>::QUANTISED) as i8);
    for index in 0..from.blocks {
        // SAFETY: the machine has AVX-512; the pointers are valid for the job's blocks.
        unsafe {
            let block: Block<ZmmRows> = take_block_and_ask::<ZmmRows, TYPE>(from, 0, index, from.moves_on);
            unroll!(g < 8 => {
                ZmmRows::store_codes(_mm512_sub_epi8(block.codes[g], offset), codes.add((index * 8 + g) * LINE));
            });
            for sub in 0..subs {
                let at = (index * subs + sub) * GROUP * 4;
                ZmmRows::store(block.scales[sub], scales.add(at));
                if FormatConsts::<TYPE>::MINIMUM {
                    ZmmRows::store(block.minimums[sub], minimums.add(at));
                }
            }
        }
    }
}

/// Sums of one block, of each half if halves have scales of their own.
#[repr(C, align(64))]
struct Sums(MaybeUninit<[u8; 2 * SUMS_BYTES]>);

/// The product of the first `T` tokens of each tile with some blocks of a group.
///
/// # Safety
/// The machine has AVX-512 and AMX, and the thread's tiles are ready; the job's pointers are valid for its shape.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn tiles<const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob, is_first: bool) {
    let mut job = *job;
    for _ in 0..job.tiles {
        // SAFETY: the machine has AVX-512 and AMX, and the thread's tiles are ready; the job's pointers are valid for
        // its shape.
        unsafe { tile::<HALVES, MINIMUM, T>(&job, is_first) };
        job.go_on(T);
    }
}

/// One tile's: makes the results, or adds to them unless these
/// are the first blocks.
///
/// # Safety
/// As [`tiles`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn tile<const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob, is_first: bool) {
    let mut buffers = [const { Sums(MaybeUninit::uninit()) }; 2];
    let buffers: [*mut u8; 2] = [(&raw mut buffers[0]).cast(), (&raw mut buffers[1]).cast()];
    // SAFETY: what [`tiles`] asks holds.
    unsafe {
        let mut acc: [Floats; T] = [ZmmRows::no_floats(); T];
        if !is_first {
            unroll!(t < T => {
                acc[t] = ZmmRows::load(job.output.add(t * job.output_stride).cast());
            });
        }
        // The places of the next tile's results. Tiles of sums are stored all the time, and stores become visible in
        // order: one that waits for its place would hold all of them up.
        unroll!(t < SIDE => {
            ZmmRows::prefetch_for_writing(job.output.wrapping_add((SIDE + t) * job.output_stride).cast());
        });
        begin_block::<0, HALVES>(job, 0, buffers[0]);
        let mut index = 0;
        while index + 2 < job.blocks {
            begin_block::<1, HALVES>(job, index + 1, buffers[1]);
            add_block::<HALVES, MINIMUM, T>(job, index, buffers[0], &mut acc);
            begin_block::<0, HALVES>(job, index + 2, buffers[0]);
            add_block::<HALVES, MINIMUM, T>(job, index + 1, buffers[1], &mut acc);
            index += 2;
        }
        if index + 1 < job.blocks {
            begin_block::<1, HALVES>(job, index + 1, buffers[1]);
        }
        add_block::<HALVES, MINIMUM, T>(job, index, buffers[0], &mut acc);
        if index + 1 < job.blocks {
            add_block::<HALVES, MINIMUM, T>(job, index + 1, buffers[1], &mut acc);
        }
        unroll!(t < T => {
            ZmmRows::store(acc[t], job.output.add(t * job.output_stride).cast());
        });
        find_not_finite::<ZmmRows, T>(job, &acc);
    }
}

/// Lets the tile unit compute the integer sums of block `index`.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn begin_block<const SUMS: usize, const HALVES: bool>(job: &TileJob, index: usize, to: *mut u8) {
    job.ahead.ask::<ZmmRows>(index);
    // SAFETY: what [`tile`] asks holds; activations follow the scales of 16 tokens.
    unsafe {
        let activations = job.tile.add(index * job.block_bytes + SIDE * 4);
        let weights = job.codes.add(index * 8 * LINE);
        if HALVES {
            sums::<0, true>(activations, weights, to);
            sums::<1, true>(activations.add(16), weights.add(4 * LINE), to.add(SUMS_BYTES));
        } else {
            sums::<SUMS, false>(activations, weights, to);
        }
    }
}

/// Adds the scaled sums of block `index` to the accumulators.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn add_block<const HALVES: bool, const MINIMUM: bool, const T: usize>(
    job: &TileJob,
    index: usize,
    sums: *const u8,
    acc: &mut [Floats; T],
) {
    let subs = 1 + usize::from(HALVES);
    let at = index * subs * GROUP * 4;
    // SAFETY: what [`tile`] asks holds.
    unsafe {
        let tile = job.tile.add(index * job.block_bytes);
        for sub in 0..subs {
            let scale = ZmmRows::load(job.scales.add(at + sub * GROUP * 4));
            let minimum =
                if MINIMUM { ZmmRows::load(job.minimums.add(at + sub * GROUP * 4)) } else { ZmmRows::no_floats() };
            let factors = tile.add(job.minimum_factors_at + sub * SIDE * 4);
            let sums = sums.add(sub * SUMS_BYTES);
            unroll!(t < T => {
                let isum = ZmmRows::to_floats(ZmmRows::load_codes(sums.add(t * LINE)));
                acc[t] = ZmmRows::fma(isum, ZmmRows::mul(scale, ZmmRows::broadcast(tile.add(t * 4))), acc[t]);
                if MINIMUM {
                    acc[t] = ZmmRows::fma(minimum, ZmmRows::broadcast(factors.add(t * 4)), acc[t]);
                }
            });
        }
    }
}

/// The kernels for a quantised format, by its GGUF type number.
pub(super) fn products(number: u32) -> &'static WideProducts {
    macro_rules! of_type {
        ($t:literal) => {
            const {
                &WideProducts {
                    // Measured: with fewer tokens the dot products of AVX-512 are as fast.
                    from: 17,
                    kernels: &[(
                        usize::MAX,
                        WideKernels {
                            unpack: Some(unpack::<$t>),
                            tile: &[
                                tiles::<{ FormatConsts::<$t>::HALVES }, { FormatConsts::<$t>::MINIMUM }, { SIDE / 4 }>,
                                tiles::<
                                    { FormatConsts::<$t>::HALVES },
                                    { FormatConsts::<$t>::MINIMUM },
                                    { SIDE / 4 * 2 },
                                >,
                                tiles::<
                                    { FormatConsts::<$t>::HALVES },
                                    { FormatConsts::<$t>::MINIMUM },
                                    { SIDE / 4 * 3 },
                                >,
                                tiles::<{ FormatConsts::<$t>::HALVES }, { FormatConsts::<$t>::MINIMUM }, SIDE>,
                            ],
                        },
                    )],
                }
            }
        };
    }
    by_format!(number, of_type)
}
