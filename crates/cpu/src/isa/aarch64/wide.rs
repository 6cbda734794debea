//! Products of large batches (clause Q2), four tokens and eight rows at a time.
//!
//! ```text
//! for each half of a group, for each block:
//!     for each four rows:                   eight registers of weights
//!         four registers of sums:           exact, each of 32 columns
//!         four sums scaled and added
//! ```
//!
//! Weights were unpacked and put in the order in which the instruction takes them ([`Multiply`]); activations lie token by
//! token. So each register of either is read once for four tokens and eight rows.

use std::arch::aarch64::*;
use std::sync::atomic::Ordering;

use super::multiply::Multiply;
pub(super) use super::multiply::{ByElement, ByMatrix};
use crate::generic::format_consts::FormatConsts;
use crate::generic::format_consts::code_offset;
use crate::generic::job::TileJob;
use crate::generic::rows::DotIsa;
use crate::generic::take::{Block, take_block_and_ask};
use crate::generic::unroll::unroll;
use crate::layout::{GROUP, LINE};

/// Tokens of a tile.
pub(super) const TOKENS: usize = 4;
/// Rows of a set.
const ROWS: usize = 4;
/// Bytes of a set's weights of a block.
const SET: usize = ROWS * 32;

/// Unpacks blocks of a packed group: weights for codes, `[2 x 2 sets of four rows][`[`Multiply::arrange`]`]`.
///
/// # Safety
/// The machine has the instructions; the pointers are valid for the job's blocks.
#[inline(always)]
pub(super) unsafe fn unpack<R, M, const TYPE: u32>(from: &TileJob, codes: *mut u8, scales: *mut u8, minimums: *mut u8)
where
    R: DotIsa<Codes = [uint8x16_t; 4], Floats = [float32x4_t; 4]>,
    M: Multiply,
{
    let subs = FormatConsts::<TYPE>::SUBS;
    // SAFETY: the machine has the instructions; the pointers are valid for the job's blocks.
    unsafe {
        let offset = vdupq_n_u8(code_offset::<R>(FormatConsts::<TYPE>::QUANTISED));
        for index in 0..from.blocks {
            let block: Block<R> = take_block_and_ask::<R, TYPE>(from, 0, index, from.moves_on);
            unroll!(set < 4 => {
                let mut groups = [offset; 8];
                unroll!(g < 8 => { groups[g] = vsubq_u8(block.codes[g][set], offset); });
                let arranged = M::arrange(groups);
                unroll!(g < 8 => { vst1q_u8(codes.add(index * 8 * LINE + set * SET + g * 16), arranged[g]); });
            });
            for sub in 0..subs {
                let at = (index * subs + sub) * GROUP * 4;
                R::store(block.scales[sub], scales.add(at));
                if FormatConsts::<TYPE>::MINIMUM {
                    R::store(block.minimums[sub], minimums.add(at));
                }
            }
        }
    }
}

/// The product of the first `T` tokens of each tile with some blocks of a group.
///
/// # Safety
/// The machine has the instructions; the job's pointers are valid for its shape.
#[inline(always)]
pub(super) unsafe fn tiles<M: Multiply, const HALVES: bool, const MINIMUM: bool, const T: usize>(
    job: &TileJob,
    is_first: bool,
) {
    let mut job = *job;
    for _ in 0..job.tiles {
        for set in [0, 2] {
            // SAFETY: the machine has the instructions; the job's pointers are valid for its shape.
            unsafe { eight_rows::<M, HALVES, MINIMUM, T>(&job, set, is_first) };
        }
        job.go_on(T);
    }
}

/// Sets `set` and `set + 1` of one tile: makes the results, or adds to them unless these are the first blocks.
///
/// # Safety
/// As [`tiles`].
#[inline(always)]
unsafe fn eight_rows<M: Multiply, const HALVES: bool, const MINIMUM: bool, const T: usize>(
    job: &TileJob,
    set: usize,
    is_first: bool,
) {
    // SAFETY: what [`tiles`] asks holds.
    unsafe {
        let zero = vdupq_n_f32(0.0);
        let mut sums = [[zero; T]; 2];
        let place = |s: usize, t: usize| job.output.add(t * job.output_stride + (set + s) * ROWS);
        if !is_first {
            unroll!(s < 2 => {
                unroll!(t < T => { sums[s][t] = vld1q_f32(place(s, t)); });
                sums[s] = M::transpose(sums[s]);
            });
        }
        for index in 0..job.blocks {
            let tile = job.tile.add(index * job.block_bytes);
            let d = M::of_tokens(vld1q_f32(tile.cast()));
            let activations = M::activations::<T>(tile.add(TOKENS * 4).cast());
            let factors = [0, TOKENS * 4].map(|half| match MINIMUM && (HALVES || half == 0) {
                true => M::of_tokens(vld1q_f32(tile.add(job.minimum_factors_at + half).cast())),
                false => [zero; 4],
            });
            unroll!(s < 2 => {
                let codes = job.codes.add(index * 8 * LINE + (set + s) * SET);
                let mut weights = [vdupq_n_s8(0); 8];
                unroll!(g < 8 => { weights[g] = vld1q_s8(codes.add(g * 16).cast()); });
                if HALVES {
                    let scales = Scales::<M, MINIMUM>::of(job, index * 2, set + s);
                    scales.add::<T, 0, 4>(&weights, &activations, &d, &factors[0], &mut sums[s]);
                    let scales = Scales::<M, MINIMUM>::of(job, index * 2 + 1, set + s);
                    scales.add::<T, 4, 4>(&weights, &activations, &d, &factors[1], &mut sums[s]);
                } else {
                    let scales = Scales::<M, MINIMUM>::of(job, index, set + s);
                    scales.add::<T, 0, 8>(&weights, &activations, &d, &factors[0], &mut sums[s]);
                }
            });
        }
        unroll!(s < 2 => {
            let rows = M::transpose(sums[s]);
            unroll!(t < T => { vst1q_f32(place(s, t), rows[t]); });
        });
        find_not_finite(job, &sums);
    }
}

/// Scales and minimums of four rows of a sub-block.
struct Scales<M, const MINIMUM: bool> {
    scales: [float32x4_t; 2],
    minimums: [float32x4_t; 2],
    multiply: std::marker::PhantomData<M>,
}

impl<M: Multiply, const MINIMUM: bool> Scales<M, MINIMUM> {
    /// Those of sub-block `index`.
    ///
    /// # Safety
    /// As [`tiles`].
    #[inline(always)]
    unsafe fn of(job: &TileJob, index: usize, set: usize) -> Self {
        let at = index * GROUP * 4 + set * ROWS * 4;
        // SAFETY: what [`tiles`] asks holds.
        unsafe {
            let scales = M::of_rows(vld1q_f32(job.scales.add(at).cast()));
            let minimums = if MINIMUM { M::of_rows(vld1q_f32(job.minimums.add(at).cast())) } else { scales };
            Scales { scales, minimums, multiply: std::marker::PhantomData }
        }
    }

    /// Adds the products of `N` column groups from group `FROM` on to the sums.
    ///
    /// # Safety
    /// As [`tiles`].
    #[inline(always)]
    unsafe fn add<const T: usize, const FROM: usize, const N: usize>(
        &self,
        weights: &[int8x16_t; 8],
        activations: &[[int8x16_t; 2]; T],
        d: &[float32x4_t; 4],
        factors: &[float32x4_t; 4],
        sums: &mut [float32x4_t; T],
    ) {
        // SAFETY: what [`tiles`] asks holds.
        unsafe {
            unroll!(r < T => {
                let isum = vcvtq_f32_s32(M::sum::<r, T, FROM, N>(weights, activations));
                sums[r] = vfmaq_f32(sums[r], isum, vmulq_f32(self.scales[r % 2], d[r % 4]));
                if MINIMUM {
                    sums[r] = vfmaq_f32(sums[r], self.minimums[r % 2], factors[r % 4]);
                }
            });
        }
    }
}

/// Sets [`TileJob::not_finite`] if one of the sums is a NaN or an infinity.
#[inline(always)]
unsafe fn find_not_finite<const T: usize>(job: &TileJob, sums: &[[float32x4_t; T]; 2]) {
    // SAFETY: the machine has NEON; the pointer is null or valid.
    let Some(found) = (unsafe { job.not_finite.as_ref() }) else { return };
    // SAFETY: the machine has NEON.
    let are_finite = unsafe {
        let zero = vdupq_n_f32(0.0);
        let mut all = zero;
        // Zero times anything that is not finite is a NaN, which then stays.
        unroll!(s < 2 => { unroll!(t < T => { all = vfmaq_f32(all, sums[s][t], zero); }); });
        vminvq_u32(vceqq_f32(all, all)) != 0
    };
    if !are_finite {
        found.store(true, Ordering::Relaxed);
    }
}

/// Defines `WIDE` for an instruction set: `kernels!(target features, DotIsa type, Multiply type)`.
macro_rules! kernels {
    ($feature:literal, $rows:ty, $multiply:ty) => {
        static WIDE: $crate::generic::wide::Wide = $crate::generic::wide::Wide {
            tile: wide::TOKENS,
            groups: 1,
            blocks: 32,
            order: $crate::generic::wide::Order::Rows,
            panel_bytes: 256 << 10,
            by_token: true,
            begin: nothing,
            end: nothing,
            products: wide_products,
        };

        /// There is nothing to prepare.
        unsafe fn nothing() {}

        /// Unpacks blocks of a packed group.
        ///
        /// # Safety
        /// As [`wide::unpack`].
        #[target_feature(enable = $feature)]
        unsafe fn wide_unpack<const TYPE: u32>(from: &TileJob, codes: *mut u8, scales: *mut u8, minimums: *mut u8) {
            // SAFETY: what [`wide::unpack`] asks holds.
            unsafe { wide::unpack::<$rows, $multiply, TYPE>(from, codes, scales, minimums) }
        }

        /// The product of some tiles.
        ///
        /// # Safety
        /// As [`wide::tiles`].
        #[target_feature(enable = $feature)]
        unsafe fn wide_tiles<const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob, is_first: bool) {
            // SAFETY: what [`wide::tiles`] asks holds.
            unsafe { wide::tiles::<$multiply, HALVES, MINIMUM, T>(job, is_first) }
        }

        /// The kernels for a quantised format, by its GGUF type number.
        fn wide_products(number: u32) -> &'static $crate::generic::wide::WideProducts {
            macro_rules! of_type {
                ($t:literal) => {
                    const {
                        &$crate::generic::wide::WideProducts {
                            // More than the others have tiles for.
                            from: 3,
                            kernels: &[(
                                usize::MAX,
                                $crate::generic::wide::WideKernels {
                                    unpack: Some(wide_unpack::<$t>),
                                    tile: &[
                                        wide_tiles::<{ FormatConsts::<$t>::HALVES }, { FormatConsts::<$t>::MINIMUM }, 2>,
                                        wide_tiles::<{ FormatConsts::<$t>::HALVES }, { FormatConsts::<$t>::MINIMUM }, 4>,
                                    ],
                                },
                            )],
                        }
                    }
                };
            }
            $crate::generic::by_format::by_format!(number, of_type)
        }
    };
}

pub(super) use kernels;
