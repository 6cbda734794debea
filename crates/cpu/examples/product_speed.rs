//! Speed of the matrix products, per format and batch, on one thread or more.
//!
//! ```text
//! cargo run --release -p hefu-cpu --example product_speed -- [THREADS [ISA [KIB [COLUMNS [ONLY]]]]]
//! ```
//!
//! `KIB` is the size of the weights: with more than the caches hold, memory is measured, with a few hundred the kernels
//! themselves. The shortest of many runs counts, so that what else the machine does matters little. `ONLY` names a format.

use std::time::{Duration, Instant};

use hefu_cpu::activations::Activations;
use hefu_cpu::ops::{Ops, Projection, Team};
use hefu_cpu::scratch::Scratch;
use hefu_cpu::{HugeAllocator, Pool, select};
use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::FORMATS;
use shared::matrix;

mod shared;

/// As in the program.
#[global_allocator]
static ALLOCATOR: HugeAllocator = HugeAllocator;

/// Bytes of weights that are timed at once.
const PART: usize = 3 << 20;

const BATCHES: [usize; 8] = [1, 4, 8, 12, 16, 32, 64, 512];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (threads, kib, columns) = (number(0, 1), number(2, 128 * 1024), number(3, 1024));
    let ops = arguments.get(1).map_or_else(select::best, |name| select::by_name(name).expect("an instruction set"));
    let ops = ops.ops().expect("not the reference, which is not made to be fast");
    let only = arguments.get(4);
    let team = Pool::new(threads);
    println!("{} with {threads} threads, {kib} KiB of weights, {columns} columns", ops.name);
    println!("nanoseconds per 16 x 32 weights, multiply-adds per nanosecond, and GB/s of weights, by batch:");
    println!("{:8}{}", "format", BATCHES.map(|tokens| format!(" {tokens:>20}")).concat());
    for format in FORMATS
        .iter()
        .filter(|format| columns % format.block_elements == 0 && only.is_none_or(|only| format.name == only))
    {
        let group = (ops.packed_bytes)(format, ops.row_group, columns);
        let matrix = matrix(ops, format, (kib * 1024 / group).max(1) * ops.row_group, columns);
        print!("{:8}", format.name);
        for tokens in BATCHES {
            let time = shortest(ops, &team, &matrix, tokens);
            let weights = (matrix.rows * columns) as f64;
            let bytes = (ops.packed_bytes)(format, matrix.rows, columns) as f64;
            print!(" {:6.1} {:6.1} {:6.1}", time / weights * 512.0, weights * tokens as f64 / time, bytes / time);
        }
        println!();
    }
}

/// Nanoseconds for the whole matrix, a part at a time: each part's fastest of the runs that fit into some tenths of a
/// second. Between two runs of a part all others are read, so that a matrix larger than the caches comes from memory.
fn shortest(ops: &Ops, team: &dyn Team, matrix: &Matrix, tokens: usize) -> f64 {
    let input: Vec<f32> = (0..tokens * matrix.columns).map(|i| (i % 37) as f32 - 18.0).collect();
    let mut output = vec![0.0; tokens * matrix.rows];
    let mut scratch = Scratch::default();
    let parts = parts(ops, matrix);
    let mut best = vec![Duration::MAX; parts.len()];
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(400) {
        for (part, best) in parts.iter().zip(&mut best) {
            let start = Instant::now();
            let projection = Projection { matrix: part, output: &mut output, not_finite: None };
            (ops.linear)(team, &mut scratch, Activations::Rows(&input), tokens, &mut [projection]);
            *best = start.elapsed().min(*best);
        }
    }
    best.iter().map(Duration::as_secs_f64).sum::<f64>() * 1.0e9
}

/// The matrix in parts of [`PART`] bytes.
fn parts(ops: &Ops, matrix: &Matrix) -> Vec<Matrix> {
    let group = (ops.packed_bytes)(matrix.format, ops.row_group, matrix.columns);
    let rows = (PART / group).max(1) * ops.row_group;
    let at = |row| matrix.range.start + row / ops.row_group * group;
    let part = |row: usize| {
        let end = (row + rows).min(matrix.rows);
        Matrix { rows: end - row, range: at(row)..at(end), ..matrix.clone() }
    };
    (0..matrix.rows).step_by(rows).map(part).collect()
}
