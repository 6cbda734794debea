//! From digits to the rows of a grid: the row that has them, or those that come near.

use std::sync::OnceLock;

/// Rows that count as near are those at this many of the least distances.
const NEAREST_DISTANCES: usize = 3;

/// Most rows that count as near, in ascending order of distance and row.
const MOST_NEAR: usize = 24;

/// No row has these digits.
const NONE: u16 = u16::MAX;

/// A grid's rows with the way back from digits to rows, which is made when it is first asked for.
pub(in crate::quant) struct Lattice {
    rows: &'static [u16],
    /// Bits of one digit.
    bits: u32,
    /// Values of the digits, in ascending order.
    pub(in crate::quant) levels: &'static [i8],
    found: OnceLock<Found>,
}

struct Found {
    /// For each pattern its row, or [`NONE`].
    row: Vec<u16>,
    /// For each pattern the beginning and end of its part of `near`.
    part: Vec<[u32; 2]>,
    near: Vec<u16>,
}

impl Lattice {
    /// Rows of 8 digits of 2 bits.
    pub(in crate::quant) const fn eights(rows: &'static [u16], levels: &'static [i8]) -> Lattice {
        Lattice { rows, bits: 2, levels, found: OnceLock::new() }
    }

    /// Rows of 4 digits of 3 bits.
    pub(in crate::quant) const fn fours(rows: &'static [u16], levels: &'static [i8]) -> Lattice {
        Lattice { rows, bits: 3, levels, found: OnceLock::new() }
    }

    /// Elements of a run.
    pub(in crate::quant) fn run(&self) -> usize {
        if self.bits == 2 { 8 } else { 4 }
    }

    /// A run's digits as one number, the first in the lowest bits.
    pub(in crate::quant) fn pattern(&self, digits: &[u8]) -> usize {
        let mask = (1 << self.bits) - 1;
        digits.iter().rev().fold(0, |pattern, digit| pattern << self.bits | usize::from(digit & mask))
    }

    /// The digit of element `i`.
    pub(in crate::quant) fn digit(&self, pattern: u16, i: usize) -> u8 {
        (pattern >> (self.bits * i as u32) & ((1 << self.bits) - 1)) as u8
    }

    /// The number of the row with the digits of these codes; 0 where there is none.
    pub(in crate::quant) fn row_of(&self, codes: &[u8]) -> u16 {
        let row = self.found().row[self.pattern(codes)];
        if row == NONE { 0 } else { row }
    }

    /// The digits of the rows to choose from for a pattern: itself if it is a row, else those near it.
    pub(in crate::quant) fn near(&self, pattern: usize) -> &[u16] {
        let found = self.found();
        let [begin, end] = found.part[pattern];
        &found.near[begin as usize..end as usize]
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| self.find())
    }

    fn find(&self) -> Found {
        let patterns = 1 << (self.bits as usize * self.run());
        let mut found = Found { row: vec![NONE; patterns], part: vec![[0; 2]; patterns], near: Vec::new() };
        for (number, row) in self.rows.iter().enumerate() {
            found.row[usize::from(*row)] = number as u16;
        }
        let rows: Vec<[i32; 8]> = self.rows.iter().map(|row| self.values(*row)).collect();
        let is_pattern =
            |pattern: &usize| (0..self.run()).all(|i| usize::from(self.digit(*pattern as u16, i)) < self.levels.len());
        let mut by_distance = Vec::new();
        for pattern in (0..patterns).filter(is_pattern) {
            let begin = found.near.len() as u32;
            if found.row[pattern] == NONE {
                self.add_near(pattern as u16, &rows, &mut by_distance, &mut found.near);
            } else {
                found.near.push(pattern as u16);
            }
            found.part[pattern] = [begin, found.near.len() as u32];
        }
        found
    }

    fn add_near(&self, pattern: u16, rows: &[[i32; 8]], by_distance: &mut Vec<(i32, usize)>, near: &mut Vec<u16>) {
        let values = self.values(pattern);
        let distance = |row: &[i32; 8]| row.iter().zip(&values).map(|(a, b)| (a - b) * (a - b)).sum::<i32>();
        by_distance.clear();
        by_distance.extend(rows.iter().enumerate().map(|(number, row)| (distance(row), number)));
        if by_distance.len() > MOST_NEAR {
            by_distance.select_nth_unstable(MOST_NEAR);
            by_distance.truncate(MOST_NEAR);
        }
        by_distance.sort_unstable();
        let (mut distances, mut last) = (0, -1);
        for &(distance, number) in by_distance.iter() {
            if distance != last {
                (distances, last) = (distances + 1, distance);
            }
            if distances > NEAREST_DISTANCES {
                break;
            }
            near.push(self.rows[number]);
        }
    }

    fn values(&self, pattern: u16) -> [i32; 8] {
        let mut values = [0; 8];
        for (i, value) in values.iter_mut().take(self.run()).enumerate() {
            *value = self.levels.get(usize::from(self.digit(pattern, i))).map_or(0, |level| i32::from(*level));
        }
        values
    }
}
