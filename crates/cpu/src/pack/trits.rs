//! Codes whose two lower bits are 0, 1 or 2, five of them in a byte (drawn at [`crate::layout`]).
//!
//! `n` digits to base 3 are a number `v` below `3^n`, the first digit the greatest. Stored is the fraction `v / 3^n`, rounded up
//! to so many bits that multiplying by 3 gives one digit after the other as whole parts: nowhere a division.

use hefu_numerics::quant::Digits;

use super::{ColumnWords, pack_plane};
use crate::layout::{BLOCK, GROUP, LINE};

/// Groups of a block that are in its own line.
const OWN: usize = 5;

/// Where the lowest bits of the other groups lie among the codes that blocks share.
const LOWEST_AT: usize = 4 * LINE;

/// Where the bits of runs lie.
const RUNS_AT: usize = 5 * LINE;

/// Fractions of 256 for five digits.
static FIVE: [u8; 243] = fractions::<243>(256);

/// Fractions of 32 for three.
static THREE: [u8; 27] = fractions::<27>(32);

const fn fractions<const N: usize>(of: usize) -> [u8; N] {
    let mut fractions = [0; N];
    let mut v = 0;
    while v < N {
        fractions[v] = (v * of).div_ceil(N) as u8;
        v += 1;
    }
    fractions
}

/// Writes the codes of block `index` of a block of the file. `shared` was zero before its first block.
pub(super) fn pack(digits: Digits, words: &ColumnWords, index: usize, planes: &mut [u8], shared: &mut [u8]) {
    let (line, third) = planes.split_at_mut(LINE);
    let (nibbles, rest) = shared.split_at_mut(LOWEST_AT);
    let (lowest, runs) = rest.split_at_mut(RUNS_AT - LOWEST_AT);
    let nibbles = &mut nibbles[index / 2 * LINE..][..LINE];
    for row in 0..GROUP {
        // Four columns at once: what a byte holds stays below 243.
        let number = |groups: &[[u32; GROUP]]| groups.iter().fold(0, |v, word| v * 3 + (word[row] & 0x0303_0303));
        let (first, last) = (number(&words[..OWN]).to_le_bytes(), number(&words[OWN..]).to_le_bytes());
        for column in 0..4 {
            let at = row * 4 + column;
            let three = THREE[usize::from(last[column])];
            line[at] = FIVE[usize::from(first[column])];
            nibbles[at] |= three >> 1 << (index % 2 * 4);
            lowest[at] |= (three & 1) << index;
        }
        if digits == Digits::TritsAndRuns {
            let bits = (0..4).map(|run| (words[2 * run][row] >> 2 & 1) << run).sum::<u32>() as u8;
            runs[index / 2 * GROUP + row] |= bits << (index % 2 * 4);
        }
    }
    if digits == Digits::TritsAndBits {
        pack_plane::<1, 1>(words, 2, third);
    }
}

/// The codes of one row in block `index`.
pub(super) fn codes_of(digits: Digits, planes: &[u8], shared: &[u8], index: usize, row: usize) -> [u8; BLOCK] {
    let mut codes = [0; BLOCK];
    let run = match digits {
        Digits::TritsAndRuns => shared[RUNS_AT + index / 2 * GROUP + row] >> (index % 2 * 4),
        _ => 0,
    };
    for column in 0..4 {
        let at = row * 4 + column;
        let nibble = shared[index / 2 * LINE + at] >> (index % 2 * 4) & 15;
        let lowest = shared[LOWEST_AT + at] >> index & 1;
        let mut fraction = planes[at];
        for group in 0..BLOCK / 4 {
            if group == OWN {
                fraction = nibble << 4 | lowest << 3;
            }
            let third = match digits {
                Digits::TritsAndBits => planes[LINE + at] >> group & 1,
                _ => run >> (group / 2) & 1,
            };
            codes[group * 4 + column] = ((u16::from(fraction) * 3) >> 8) as u8 | third << 2;
            fraction = fraction.wrapping_mul(3);
        }
    }
    codes
}
