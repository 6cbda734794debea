//! The most that tile products reach in blocks of 32 columns.

use super::super::avx512::ZmmRows;
use super::tiles::{self, SIDE};
use crate::generic::rows::DotIsa;
use crate::limits::peaks::{ACTIVATIONS_AT, BLOCKS, CODES_BYTES, Peak, RESULTS_AT};

/// See [`crate::limits::Peaks::integer`].
pub(super) static INTEGER: &[Peak] =
    &[Peak { multiply_adds: ROUNDS * BLOCKS * 32 * SIDE * SIDE, columns: 32, run: integer }];

/// Passes over the panel.
const ROUNDS: usize = 16;

/// Tile products of blocks of 32 columns, whose sums leave the tile register, as no product of the contract can do
/// without; and nothing of what a format does with them.
///
/// # Safety
/// The machine has AVX-512 and AMX with permission; `panel` is valid for reading and writing
/// [`crate::limits::peaks::PANEL_BYTES`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn integer(panel: *mut u8) {
    const { assert!(ROUNDS.is_multiple_of(2) && BLOCKS.is_multiple_of(2)) };
    // SAFETY: codes, activations and results lie within the panel.
    unsafe {
        tiles::begin();
        let results = panel.add(RESULTS_AT);
        for _ in 0..ROUNDS {
            for block in 0..BLOCKS {
                let codes = panel.add(block * CODES_BYTES);
                let activations = panel.add(ACTIVATIONS_AT + block * SIDE * 32);
                match block % 2 {
                    0 => tiles::sums::<0, false>(activations, codes, results),
                    _ => tiles::sums::<1, false>(activations, codes, results),
                }
            }
        }
        tiles::end();
        for t in 0..SIDE {
            let result = results.add(t * SIDE * 4);
            ZmmRows::store(ZmmRows::to_floats(ZmmRows::load_codes(result)), result);
        }
    }
}
