//! The grids of the formats from IQ1 to IQ3: the rows of digits that runs of 8 or 4 elements may have.

mod lattice;
mod tables;

use super::bits::spread;

pub(super) use lattice::Lattice;
pub(super) use tables::{IQ1, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS};

/// A grid with a byte for each of 8 digits, which the table has in 2 bits each, from the low ones up.
pub(super) const fn eights<const N: usize>(table: &[u16; N]) -> [u64; N] {
    let mut grid = [0; N];
    let mut row = 0;
    while row < N {
        let mut i = 0;
        while i < 8 {
            grid[row] |= (table[row] as u64 >> (2 * i) & 3) << (8 * i);
            i += 1;
        }
        row += 1;
    }
    grid
}

/// A grid with a byte for each of 4 digits, which the table has in 3 bits each, from the low ones up.
pub(super) const fn fours<const N: usize>(table: &[u16; N]) -> [u32; N] {
    let mut grid = [0; N];
    let mut row = 0;
    while row < N {
        let mut i = 0;
        while i < 4 {
            grid[row] |= (table[row] as u32 >> (3 * i) & 7) << (8 * i);
            i += 1;
        }
        row += 1;
    }
    grid
}

/// Eight codes: two bits of digit, and a bit from `upper` each.
pub(super) fn put_eight(digits: u64, upper: u8, codes: &mut [u8]) {
    codes.copy_from_slice(&(digits | spread(upper) << 2).to_le_bytes());
}

/// Eight codes from two rows: three bits of digit, and a bit from `upper` each.
pub(super) fn put_four_and_four(digits: [u32; 2], upper: u8, codes: &mut [u8]) {
    let digits = u64::from(digits[0]) | u64::from(digits[1]) << 32;
    codes.copy_from_slice(&(digits | spread(upper) << 3).to_le_bytes());
}
