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
//! by side, so that the time one dot product takes is hidden whatever the processor makes of their order. Codes were taken
//! apart before, or are on the way ([`Origin`]).

use std::sync::atomic::{Ordering, compiler_fence};

use hefu_numerics::quant::{Digits, SubScales};

use super::rows::ZmmRows;
use crate::generic::by_format::by_format;
use crate::generic::format_consts::FormatConsts;
use crate::generic::job::TileJob;
use crate::generic::product::find_not_finite;
use crate::generic::rows::DotIsa;
use crate::generic::take::{take_group, take_scales};
use crate::generic::unpacked;
use crate::generic::unroll::unroll;
use crate::generic::wide::{Order, Wide, WideKernels, WideProducts};
use crate::layout::{BLOCK, GROUP, LINE};

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

type Codes = <ZmmRows as DotIsa>::Codes;
type Floats = <ZmmRows as DotIsa>::Floats;

/// There is nothing to prepare.
unsafe fn begin() {}

/// Unpacks blocks of a packed group.
///
/// # Safety
/// As [`unpacked::unpack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn unpack<const TYPE: u32>(from: &TileJob, codes: *mut u8, scales: *mut u8, minimums: *mut u8) {
    // SAFETY: what [`unpacked::unpack`] asks holds.
    unsafe { unpacked::unpack::<ZmmRows, TYPE, false>(from, codes, scales, minimums) }
}

/// Source of codes and scales.
///
/// # Safety
/// Functions may be called only on a machine with AVX-512 and with a job whose pointers are valid.
unsafe trait Origin {
    /// True if 16 columns share a scale.
    const HALVES: bool;
    /// True if there are minimums.
    const MINIMUM: bool;
    /// True if codes are unpacked on their way.
    const PACKED: bool;

    /// Column group `g` of block `index`, of the first or the second group of rows.
    unsafe fn codes(job: &TileJob, index: usize, place: usize, g: usize) -> Codes;

    /// Scale and minimum of half `half` of a block.
    unsafe fn scales(job: &TileJob, index: usize, place: usize, half: usize) -> (Floats, Floats);
}

/// From what [`unpack`] wrote.
struct Unpacking<const HALVES: bool, const MINIMUM: bool>;

// SAFETY: reads only what `unpack` wrote.
unsafe impl<const HALVES: bool, const MINIMUM: bool> Origin for Unpacking<HALVES, MINIMUM> {
    const HALVES: bool = HALVES;
    const MINIMUM: bool = MINIMUM;
    const PACKED: bool = false;

    #[inline(always)]
    unsafe fn codes(job: &TileJob, index: usize, place: usize, g: usize) -> Codes {
        // SAFETY: the machine has AVX-512.
        unsafe { ZmmRows::load_codes(job.codes.add((index * 8 + g) * LINE + place * job.next_codes)) }
    }

    #[inline(always)]
    unsafe fn scales(job: &TileJob, index: usize, place: usize, half: usize) -> (Floats, Floats) {
        let at = (index * (1 + usize::from(HALVES)) + half) * GROUP * 4 + place * job.next_codes;
        // SAFETY: the machine has AVX-512.
        unsafe {
            let minimum = if MINIMUM { ZmmRows::load(job.minimums.add(at)) } else { ZmmRows::no_floats() };
            (ZmmRows::load(job.scales.add(at)), minimum)
        }
    }
}

/// Straight from the packed planes.
struct Straight<const TYPE: u32>;

// SAFETY: reads only within the two groups that the job's pointers name.
unsafe impl<const TYPE: u32> Origin for Straight<TYPE> {
    const HALVES: bool = FormatConsts::<TYPE>::HALVES;
    const MINIMUM: bool = FormatConsts::<TYPE>::MINIMUM;
    const PACKED: bool = true;

    #[inline(always)]
    unsafe fn codes(job: &TileJob, index: usize, place: usize, g: usize) -> Codes {
        let layout = FormatConsts::<TYPE>::LAYOUT;
        // SAFETY: the machine has AVX-512.
        unsafe { take_group::<ZmmRows, TYPE>(job.codes.add(layout.codes_at(index) + place * job.next_codes), g) }
    }

    #[inline(always)]
    unsafe fn scales(job: &TileJob, index: usize, place: usize, half: usize) -> (Floats, Floats) {
        let layout = FormatConsts::<TYPE>::LAYOUT;
        let at = index / layout.blocks() * layout.file_block_bytes() + layout.scales_at() + place * job.next_codes;
        // SAFETY: the machine has AVX-512.
        unsafe {
            let (scales, minimums) =
                take_scales::<ZmmRows, TYPE>(job.codes.add(at), 0, index * BLOCK % layout.file_block);
            (scales[half], minimums[half])
        }
    }
}

/// The product of the first `T` tokens of each tile with some blocks of two groups.
///
/// # Safety
/// The machine has AVX-512; the job's pointers are valid for its shape.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn tiles<O: Origin, const T: usize>(job: &TileJob, is_first: bool) {
    let mut job = *job;
    for _ in 0..job.tiles {
        // SAFETY: the machine has AVX-512; the job's pointers are valid for its shape.
        unsafe { tile::<O, T>(&job, is_first) };
        job.go_on(T);
    }
}

/// One tile's.
///
/// # Safety
/// As [`tiles`].
#[inline(always)]
unsafe fn tile<O: Origin, const T: usize>(job: &TileJob, is_first: bool) {
    // SAFETY: what [`tiles`] asks holds.
    unsafe {
        let mut sums: [[Floats; T]; 2] = [[ZmmRows::no_floats(); T]; 2];
        unroll!(t < T => {
            let to: *mut u8 = job.output.add(t * job.output_stride).cast();
            if !is_first {
                sums[0][t] = ZmmRows::load(to);
                sums[1][t] = ZmmRows::load(to.add(LINE));
            }
            // Each token's results lie in lines of their own, far from each other, and stores become visible one after the
            // other.
            let next = to.wrapping_add(job.next_results);
            ZmmRows::prefetch_for_writing(next);
            ZmmRows::prefetch_for_writing(next.wrapping_add(LINE));
        });
        for index in 0..job.blocks {
            job.ahead.ask::<ZmmRows>(index);
            if O::HALVES {
                add::<O, 0, T>(job, index, &mut sums);
                add::<O, 1, T>(job, index, &mut sums);
            } else {
                add::<O, 0, T>(job, index, &mut sums);
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
unsafe fn add<O: Origin, const HALF: usize, const T: usize>(job: &TileJob, index: usize, sums: &mut [[Floats; T]; 2]) {
    const STRIDE: usize = TOKENS * 4;
    let subs = 1 + usize::from(O::HALVES);
    // SAFETY: the machine has AVX-512; two whole groups, and a whole block of the tile.
    unsafe {
        let tile = job.tile.add(index * job.block_bytes);
        let corrections = tile.add(job.corrections_at + HALF * STRIDE);
        let mut isums: [[Codes; T]; 2] = [[ZmmRows::no_sums(); T]; 2];
        // Formats with a minimum have codes without offset.
        if !O::MINIMUM {
            unroll!(t < T => {
                isums[0][t] = ZmmRows::broadcast_sum(corrections.add(t * 4));
                isums[1][t] = isums[0][t];
            });
        }
        for g in 0..8 / subs {
            let g = HALF * 4 + g;
            let own = [O::codes(job, index, 0, g), O::codes(job, index, 1, g)];
            let q = tile.add((1 + g) * STRIDE);
            unroll!(t < T => {
                let q = ZmmRows::broadcast_sum(q.add(t * 4));
                isums[0][t] = ZmmRows::dot_group(own[0], q, isums[0][t]);
                isums[1][t] = ZmmRows::dot_group(own[1], q, isums[1][t]);
            });
            if O::PACKED {
                // Or all groups' codes would be unpacked at once, for which there are no registers.
                compiler_fence(Ordering::SeqCst);
            }
        }
        let factors = tile.add(job.minimum_factors_at + HALF * STRIDE);
        let parts = [O::scales(job, index, 0, HALF), O::scales(job, index, 1, HALF)];
        unroll!(t < T => {
            let d = ZmmRows::broadcast(tile.add(t * 4));
            unroll!(r < 2 => {
                sums[r][t] = ZmmRows::fma(ZmmRows::to_floats(isums[r][t]), ZmmRows::mul(parts[r].0, d), sums[r][t]);
            });
            if O::MINIMUM {
                let factor = ZmmRows::broadcast(factors.add(t * 4));
                unroll!(r < 2 => { sums[r][t] = ZmmRows::fma(parts[r].1, factor, sums[r][t]); });
            }
        });
    }
}

/// Most tiles whose codes are unpacked on the way, each time anew, while the dot products run: none where a scale is
/// for 16 columns, or where codes are looked up and a scale is a product; few where it is a product, as that takes a
/// multiplier; not too many where codes have a fifth bit. Measured on Zen 5, as is from how many tokens these kernels are
/// faster than those for one group. Digits to base 3 come one from the other, all groups at once.
const fn straight<const TYPE: u32>() -> usize {
    let description = FormatConsts::<TYPE>::QUANTISED;
    match (!matches!(description.sub_scales, SubScales::None), description.code_bits) {
        _ if !matches!(description.digits, Digits::Bits) => 0,
        (true, _) if FormatConsts::<TYPE>::HALVES || !FormatConsts::<TYPE>::MINIMUM => 0,
        (true, _) => 5,
        (false, 5) => 20,
        _ => usize::MAX,
    }
}

/// The kernels for a quantised format, by its GGUF type number.
fn products(number: u32) -> &'static WideProducts {
    macro_rules! of_type {
        ($t:literal) => {
            const {
                let unpacking = kernels::<Unpacking<{ FormatConsts::<$t>::HALVES }, { FormatConsts::<$t>::MINIMUM }>>(
                    Some(unpack::<$t>),
                );
                &match straight::<$t>() {
                    0 => WideProducts { from: 17, kernels: &[(usize::MAX, unpacking)] },
                    usize::MAX => WideProducts { from: 9, kernels: &[(usize::MAX, kernels::<Straight<$t>>(None))] },
                    most => {
                        let straight = kernels::<Straight<$t>>(None);
                        WideProducts { from: 9, kernels: &[(most, straight), (usize::MAX, unpacking)] }
                    }
                }
            }
        };
    }
    by_format!(number, of_type)
}

/// The kernels with codes from one place.
const fn kernels<O: Origin>(unpack: Option<unsafe fn(&TileJob, *mut u8, *mut u8, *mut u8)>) -> WideKernels {
    WideKernels { unpack, tile: &[tiles::<O, { TOKENS / 3 }>, tiles::<O, { TOKENS / 3 * 2 }>, tiles::<O, TOKENS>] }
}
