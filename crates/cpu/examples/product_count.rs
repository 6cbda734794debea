//! Some matrix products, one after the other, and nothing else: `bench/instructions.py` counts their instructions in an emulator.
//!
//! ```text
//! cargo run --release -p hefu-cpu --example product_count -- ISA FORMAT ROWS COLUMNS TOKENS PRODUCTS
//! ```

use hefu_cpu::activations::Activations;
use hefu_cpu::ops::Projection;
use hefu_cpu::scratch::Scratch;
use hefu_cpu::select;
use hefu_numerics::quant::FORMATS;
use hefu_numerics::team::Alone;
use shared::matrix;

mod shared;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [isa, format, numbers @ ..] = arguments.as_slice() else { panic!("ISA FORMAT ROWS COLUMNS TOKENS PRODUCTS") };
    let numbers: Vec<usize> = numbers.iter().map(|word| word.parse().expect("a number")).collect();
    let [rows, columns, tokens, products] = numbers[..] else { panic!("ROWS COLUMNS TOKENS PRODUCTS") };
    let ops = select::by_name(isa).expect("an instruction set").ops().expect("not the reference");
    let format = FORMATS.iter().find(|known| known.name == format).expect("a format");
    let matrix = matrix(ops, format, rows, columns);
    let input: Vec<f32> = (0..tokens * columns).map(|i| (i % 37) as f32 - 18.0).collect();
    let (mut output, mut scratch) = (vec![0.0; tokens * rows], Scratch::default());
    for _ in 0..products {
        let projection = Projection { matrix: &matrix, output: &mut output, not_finite: None };
        (ops.linear)(&Alone, &mut scratch, Activations::Rows(&input), tokens, &mut [projection]);
    }
    println!("{}", output.iter().map(|number| f64::from(*number)).sum::<f64>());
}
