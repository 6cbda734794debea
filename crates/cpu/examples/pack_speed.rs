//! Speed of packing each format, on one thread: `cargo run --release -p hefu-cpu --example pack_speed`.

use hefu_numerics::quant::FORMATS;
use std::time::Instant;

const ROWS: usize = 512;
const COLUMNS: usize = 1024;
const ROUNDS: usize = 20;

fn main() {
    let ops = hefu_cpu::select::best().ops().expect("an instruction set of its own");
    for format in FORMATS {
        let bytes = ROWS * format.row_bytes(COLUMNS).expect("whole blocks");
        let file: Vec<u8> = (0..bytes).map(|index| (index.wrapping_mul(0x9E37_79B9) >> 16) as u8).collect();
        let mut packed = vec![0; (ops.packed_bytes)(format, ROWS, COLUMNS)];
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            (ops.pack)(format, ROWS, COLUMNS, &file, &mut packed);
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("{:8} {:6.2} GB/s of the file", format.name, bytes as f64 / best / 1e9);
    }
}
