//! Groups of rows that are unpacked once, for many tiles.

use super::format_consts::FormatConsts;
use super::job::TileJob;
use super::product::Source;
use super::rows::DotIsa;
use super::take::Block;
use super::take::{take_block, take_block_and_ask};
use super::unroll::unroll;
use crate::layout::{GROUP, LINE};

/// From codes that [`unpack`] took apart.
pub struct Unpacked<const BITS: u32, const HALVES: bool, const MINIMUM: bool>;

// SAFETY: reads only what `unpack` wrote.
unsafe impl<R: DotIsa, const BITS: u32, const HALVES: bool, const MINIMUM: bool> Source<R>
    for Unpacked<BITS, HALVES, MINIMUM>
{
    const BITS: u32 = BITS;
    const HALVES: bool = HALVES;
    const MINIMUM: bool = MINIMUM;

    #[inline(always)]
    unsafe fn block(job: &TileJob, first_row: usize, index: usize) -> Block<R> {
        let subs = 1 + usize::from(HALVES);
        // SAFETY: `unpack` wrote 8 lines of codes and `subs` rows of scales per block.
        unsafe {
            let codes = job.codes.add(index * 8 * LINE + first_row * 4);
            let mut block =
                Block { codes: [R::load_codes(codes); 8], scales: [R::no_floats(); 2], minimums: [R::no_floats(); 2] };
            unroll!(g < 8 => {
                block.codes[g] = R::load_codes(codes.add(g * LINE));
            });
            for sub in 0..subs {
                let at = (index * subs + sub) * GROUP * 4 + first_row * 4;
                block.scales[sub] = R::load(job.scales.add(at));
                if MINIMUM {
                    block.minimums[sub] = R::load(job.minimums.add(at));
                }
            }
            block
        }
    }
}

/// Bytes that [`unpack`] writes for a group: codes, scales, minimums.
pub fn unpacked_bytes(blocks: usize, halves: bool) -> [usize; 3] {
    let scales = blocks * (1 + usize::from(halves)) * GROUP * 4;
    [blocks * 8 * LINE, scales, scales]
}

/// Unpacks a packed group once, for many tiles. `from` names the packed codes and scales; `codes`, `scales` and
/// `minimums` are where they go. `ASKS`: for what comes later, too.
///
/// # Safety
/// The machine has the instructions of `R`; the pointers are valid for a whole group ([`unpacked_bytes`]).
#[inline(always)]
pub unsafe fn unpack<R: DotIsa, const TYPE: u32, const ASKS: bool>(
    from: &TileJob,
    codes: *mut u8,
    scales: *mut u8,
    minimums: *mut u8,
) {
    let subs = FormatConsts::<TYPE>::SUBS;
    for index in 0..from.blocks {
        for half in 0..GROUP / R::WIDTH {
            let row = half * R::WIDTH;
            // SAFETY: the machine has the instructions of `R`; the pointers are valid for a whole group
            // ([`unpacked_bytes`]).
            unsafe {
                let block: Block<R> = match ASKS {
                    true => take_block_and_ask::<R, TYPE>(from, row, index, from.moves_on),
                    false => take_block::<R, TYPE>(from, row, index),
                };
                unroll!(g < 8 => {
                    R::store_codes(block.codes[g], codes.add((index * 8 + g) * LINE + row * 4));
                });
                for sub in 0..subs {
                    let at = (index * subs + sub) * GROUP * 4 + row * 4;
                    R::store(block.scales[sub], scales.add(at));
                    if FormatConsts::<TYPE>::MINIMUM {
                        R::store(block.minimums[sub], minimums.add(at));
                    }
                }
            }
        }
    }
}
