//! Clauses W2 and B3: a token's row of a table of binary16 numbers.

use super::case::{Case, Exercise, Word, case, numbers, source, whole};
use hefu_numerics::half::f16_to_f32;

const MISTAKES: &[&str] = &["column", "flushed", "no-infinity", "unsigned"];

pub(super) const EXERCISE: Exercise = Exercise { name: "embedding", clause: "W2", mistakes: MISTAKES, cases };

fn widened(bits: u16, mistake: &str) -> f32 {
    let sign = if bits & 0x8000 != 0 && mistake != "unsigned" { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 if mistake == "flushed" => 0.0,
        0 => libm::ldexp(fraction, -24),
        31 if mistake != "no-infinity" => {
            if fraction == 0.0 {
                f64::INFINITY
            } else {
                f64::NAN
            }
        }
        _ => libm::ldexp(1024.0 + fraction, exponent - 25),
    };
    (sign * magnitude) as f32
}

struct Table {
    name: &'static str,
    rows: usize,
    columns: usize,
    token: usize,
    bits: Vec<u16>,
}

impl Table {
    fn places(&self, mistake: &str) -> Vec<usize> {
        match mistake {
            "column" => (0..self.columns).map(|i| i % self.rows * self.columns + self.token % self.columns).collect(),
            _ => (0..self.columns).map(|i| self.token * self.columns + i).collect(),
        }
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(109, seed);
    let mut draw = |name, rows, columns, token| {
        let bits = (0..rows * columns).map(|_| source.bits() as u16).collect();
        Table { name, rows, columns, token, bits }
    };
    let special = vec![0x0000, 0x8000, 0x3c00, 0xc000, 0x0001, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x0400, 0x3555];
    let all = [
        Table { name: "by hand", rows: 2, columns: 3, token: 1, bits: vec![0x3c00, 0x4000, 0x4200, 0xbc00, 0x3800, 0] },
        Table { name: "special numbers", rows: 1, columns: 12, token: 0, bits: special },
        draw("four tokens", 4, 8, 2),
        draw("more tokens", 16, 20, 11),
    ];
    let to_case = |table: Table| {
        let places = [table.rows, table.columns, table.token].map(|number| whole(number as i64)).to_vec();
        let bits = table.bits.iter().map(|bits| Word::Text(format!("{bits:04x}"))).collect();
        let right: Vec<f32> = table.places("").into_iter().map(|at| f16_to_f32(table.bits[at])).collect();
        let mistaken = |mistake: &str| -> Vec<Word> {
            let places = table.places(mistake).into_iter();
            numbers(&places.map(|at| widened(table.bits[at], mistake)).collect::<Vec<_>>())
        };
        case(table.name, [places, bits].concat(), numbers(&right), MISTAKES, mistaken)
    };
    all.into_iter().map(to_case).collect()
}
