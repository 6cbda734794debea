//! Speed of the matrix products, per format and batch, on one thread or more.
//!
//! ```text
//! cargo run --release -p hefu-cpu --example product_speed -- [THREADS [ISA]]
//! ```

use std::sync::Arc;
use std::time::Instant;

use hefu_cpu::{HugeMemory, Pool, select};
use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Projection, Scratch};
use hefu_numerics::quant::FORMATS;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1);
    let ops = arguments.get(1).map_or_else(select::best, |name| select::by_name(name).expect("an instruction set"));
    let team = Pool::new(threads);
    println!("{} with {threads} threads: multiply-adds per nanosecond (and GB/s of weights)", ops.name);
    println!("{:8} {:>16} {:>16} {:>16} {:>16}", "format", "1 token", "8 tokens", "16 tokens", "512 tokens");
    for format in FORMATS {
        let columns = 1024;
        // Enough rows that the weights do not stay in a cache.
        let rows = 128 * 1024 * 1024 / (ops.packed_bytes)(format, 16, columns) * 16;
        let mut memory = HugeMemory::new((ops.packed_bytes)(format, rows, columns)).expect("memory");
        let file: Vec<u8> = (0..format.row_bytes(columns).unwrap_or(0) * 16).map(|i| (i * 7 % 61) as u8).collect();
        let group = (ops.packed_bytes)(format, 16, columns);
        for packed in memory.as_mut().chunks_exact_mut(group) {
            (ops.pack)(format, 16, columns, &file, packed);
        }
        let range = 0..memory.as_ref().len();
        let matrix = Matrix { format, rows, columns, memory: Arc::new(memory), range };
        print!("{:8}", format.name);
        for tokens in [1, 8, 16, 512] {
            let mut some = matrix.clone();
            if tokens > 16 {
                some.rows = 2048;
            }
            let input: Vec<f32> = (0..tokens * columns).map(|i| (i % 37) as f32 - 18.0).collect();
            let mut output = vec![0.0; tokens * some.rows];
            let mut scratch = Scratch::default();
            let mut times: Vec<f64> = (0..7)
                .map(|_| {
                    let start = Instant::now();
                    let projection = Projection { matrix: &some, output: &mut output };
                    (ops.linear)(&team, &mut scratch, &input, tokens, &mut [projection]);
                    start.elapsed().as_secs_f64() * 1.0e9
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let time = times[times.len() / 2];
            let speed = (tokens * some.rows * columns) as f64 / time;
            let bytes = (ops.packed_bytes)(format, some.rows, columns) as f64 / time;
            print!(" {speed:8.1} ({bytes:5.1})");
        }
        println!();
    }
}
