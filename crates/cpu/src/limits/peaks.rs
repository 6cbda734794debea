//! Kernels that do one thing as fast as an instruction set can.
//!
//! They are built from the same [`F32x16`] and [`DotIsa`] as the kernels of the forward pass, so that each limit is one of
//! the instructions in use, and they work on a panel of 16 KiB that stays in L1:
//!
//! ```text
//! codes of 8 blocks | activations of 8 blocks | results
//! ```

use crate::generic::lanes::{F32x16, LANES};
use crate::generic::rows::DotIsa;
use crate::generic::unroll::unroll;

/// Bytes of the panel that a peak kernel works on: fits in every L1.
pub(crate) const PANEL_BYTES: usize = 16 * 1024;

/// Blocks of 32 columns in the panel.
pub(crate) const BLOCKS: usize = 8;

/// Bytes of a block's codes: 8 column groups of at most 64 bytes.
pub(crate) const CODES_BYTES: usize = 512;

/// Most tokens of a tile.
const MOST_TOKENS: usize = 16;

/// Offset of the activations.
pub(crate) const ACTIVATIONS_AT: usize = BLOCKS * CODES_BYTES;

/// Offset of the results.
pub(crate) const RESULTS_AT: usize = ACTIVATIONS_AT + BLOCKS * MOST_TOKENS * 32;

const _: () = assert!(RESULTS_AT + MOST_TOKENS * 64 <= PANEL_BYTES);

/// Passes of [`float`] over its numbers.
const ROUNDS: usize = 8;

/// Sets of lanes that [`float`] reads per round.
const STEPS: usize = ACTIVATIONS_AT / (LANES * size_of::<f32>());

/// Bytes that [`read`] takes of a stream before it turns to the next one.
const STRETCH: usize = 256;

/// Most streams that [`read`] is made for.
const MOST_STREAMS: usize = 4;

/// [`read`] takes whole numbers of this many bytes.
pub(crate) const READ_UNIT: usize = STRETCH * MOST_STREAMS;

/// The peak kernels of one instruction set, each in several forms of which the fastest counts.
#[derive(Debug)]
pub struct Peaks {
    /// Byte products added to 32-bit sums, one form for each tile size.
    pub(crate) integer: &'static [Peak],
    /// f32 fused multiply-adds, by number of independent sums.
    pub(crate) float: &'static [Peak],
    /// Reading, by number of streams: start, bytes (a multiple of [`READ_UNIT`]) and where 64 bytes of result go.
    pub(crate) read: &'static [unsafe fn(*const u8, usize, *mut u8)],
}

impl Peaks {
    /// In how many ways memory can be read: which is the fastest is for each machine to show.
    pub fn ways_to_read(&self) -> usize {
        self.read.len()
    }
}

/// A kernel on a panel.
#[derive(Debug)]
pub(crate) struct Peak {
    /// Multiply-adds of one call.
    pub(crate) multiply_adds: usize,
    /// Columns that each of the sums left at the end runs over; for kernels of bytes.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the kernel does is held by a test"))]
    pub(crate) columns: usize,
    /// The kernel; it takes the panel.
    pub(crate) run: unsafe fn(*mut u8),
}

/// Multiply-adds of one call of [`integer`].
pub(crate) const fn integer_work<R: DotIsa>(tokens: usize) -> usize {
    BLOCKS * 32 * R::WIDTH * tokens
}

/// Multiply-adds of one call of [`float`].
pub(crate) const fn float_work(sums: usize) -> usize {
    ROUNDS * STEPS * LANES * sums
}

/// The dot products of `T` tokens with [`R::WIDTH`](DotIsa::WIDTH) rows of 256 columns, and nothing of what a format adds
/// to them. Codes have 4 bits, the width that no instruction set is slower with than with another.
///
/// # Safety
/// The machine has the instructions of `R`; `panel` is valid for reading and writing [`PANEL_BYTES`].
#[inline(always)]
pub(crate) unsafe fn integer<R: DotIsa, const T: usize>(panel: *mut u8) {
    const { assert!(T <= MOST_TOKENS) };
    // SAFETY: codes, activations and results lie within the panel.
    unsafe {
        let mut sums = [R::no_sums(); T];
        for block in 0..BLOCKS {
            let from = panel.add(block * CODES_BYTES);
            let mut codes = [R::load_codes(from); 8];
            unroll!(g < 8 => {
                codes[g] = R::load_codes(from.add(g * 64));
            });
            let activations = panel.add(ACTIVATIONS_AT + block * T * 32);
            unroll!(t < T => {
                sums[t] = R::dot::<4, 0, 8>(&codes, activations.add(t * 4), T * 4, sums[t]);
            });
        }
        unroll!(t < T => {
            R::store(R::to_floats(sums[t]), panel.add(RESULTS_AT + t * 64));
        });
    }
}

/// Fused multiply-adds to `N` independent sums.
///
/// # Safety
/// The machine has the instructions of `L`; `panel` is valid for reading and writing [`PANEL_BYTES`].
#[inline(always)]
pub(crate) unsafe fn float<L: F32x16, const N: usize>(panel: *mut u8) {
    const { assert!(N <= MOST_TOKENS) };
    // SAFETY: everything lies within the panel.
    unsafe {
        let numbers = panel.cast::<f32>();
        let factor = L::load(numbers);
        let mut sums = [factor; N];
        // Different starts: equal sums would be computed once.
        unroll!(n < N => {
            sums[n] = L::load(numbers.add(n * LANES));
        });
        for _ in 0..ROUNDS {
            for step in 0..STEPS {
                let x = L::load(numbers.add(step * LANES));
                unroll!(n < N => {
                    sums[n] = x.fma(factor, sums[n]);
                });
            }
        }
        unroll!(n < N => {
            sums[n].store(panel.add(RESULTS_AT + n * 64).cast());
        });
    }
}

/// Reads `bytes` bytes as `S` streams side by side, and leaves something that depends on all of them at `result`.
///
/// # Safety
/// The machine has the instructions of `R`; `from` is valid for reading `bytes`, a multiple of [`READ_UNIT`], and
/// `result` for writing 64.
#[inline(always)]
pub(crate) unsafe fn read<R: DotIsa, const S: usize>(from: *const u8, bytes: usize, result: *mut u8) {
    const { assert!(S <= MOST_STREAMS && STRETCH.is_multiple_of(4 * 4 * R::WIDTH)) };
    let width = 4 * R::WIDTH;
    let stream = bytes / S;
    // SAFETY: the streams are the parts of what the caller vouches for.
    unsafe {
        let mut seen = [R::load_codes(from); 4];
        for at in (0..stream).step_by(STRETCH) {
            unroll!(s < S => {
                let from = from.add(s * stream + at);
                for i in (0..STRETCH / width).step_by(4) {
                    unroll!(j < 4 => {
                        seen[j] = R::or(seen[j], R::load_codes(from.add((i + j) * width)));
                    });
                }
            });
        }
        let seen = R::or(R::or(seen[0], seen[1]), R::or(seen[2], seen[3]));
        R::store_codes(seen, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::ISAS;

    #[repr(align(64))]
    struct Panel([u8; PANEL_BYTES]);

    #[test]
    fn integer_kernels_add_up_every_product() {
        for isa in ISAS.iter().filter_map(crate::select::Isa::peaks) {
            for peak in isa.integer {
                let mut panel = Panel([0; PANEL_BYTES]);
                panel.0[..ACTIVATIONS_AT].fill(3);
                panel.0[ACTIVATIONS_AT..RESULTS_AT].fill(254);
                // SAFETY: `peaks` gives only what the machine has; the panel is whole.
                unsafe { (peak.run)(panel.0.as_mut_ptr()) };
                let first: [u8; 4] = panel.0[RESULTS_AT..][..4].try_into().unwrap();
                // So many columns of 3 times -2.
                let expected = -6.0 * peak.columns as f32;
                assert_eq!(f32::from_ne_bytes(first), expected);
                let results = panel.0[RESULTS_AT..].chunks_exact(4);
                let sums = results.filter(|bytes| f32::from_ne_bytes((*bytes).try_into().unwrap()) == expected).count();
                let times = if peak.columns < BLOCKS * 32 { peak.multiply_adds / (sums * peak.columns) } else { 1 };
                assert_eq!(peak.multiply_adds, times * sums * peak.columns, "every sum has so many products");
            }
        }
    }

    #[test]
    fn float_kernels_do_what_is_counted() {
        for isa in ISAS.iter().filter_map(crate::select::Isa::peaks) {
            for peak in isa.float {
                let mut panel = Panel([0; PANEL_BYTES]);
                for bytes in panel.0[..ACTIVATIONS_AT].chunks_exact_mut(4) {
                    bytes.copy_from_slice(&1.0_f32.to_ne_bytes());
                }
                // SAFETY: as above.
                unsafe { (peak.run)(panel.0.as_mut_ptr()) };
                let results = panel.0[RESULTS_AT..].chunks_exact(4);
                let done: f32 = results
                    .map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap()))
                    .map(|x| (x - 1.0).max(0.0))
                    .sum();
                assert_eq!(done as usize, peak.multiply_adds, "every multiply-add adds 1 to a sum that began with 1");
            }
        }
    }

    #[test]
    fn reading_sees_every_byte() {
        for isa in ISAS.iter().filter_map(crate::select::Isa::peaks) {
            for read in isa.read {
                for at in [0, 255, 256, 1000, READ_UNIT * 3 - 1] {
                    let mut bytes = vec![0; READ_UNIT * 3];
                    bytes[at] = 5;
                    let mut result = [0; 64];
                    // SAFETY: the machine has the instructions; both are as long as the kernel asks.
                    unsafe { read(bytes.as_ptr(), bytes.len(), result.as_mut_ptr()) };
                    assert!(result.contains(&5), "byte {at}");
                }
            }
        }
    }
}
