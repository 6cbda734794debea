//! Numbers to test with, and how results are compared.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod naive;

use std::sync::Arc;

use hefu_cpu::Pool;
use hefu_cpu::ops::{Ops, Team};
use hefu_cpu::select::ISAS;
pub use hefu_numerics::conformance::{Numbers, Style};
use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::Format;
use proptest::prelude::*;

pub fn any_style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Usual), Just(Style::Extreme), Just(Style::Tiny), Just(Style::Wild)]
}

/// Threads that share even the least work.
pub struct Eager(pub Pool);

impl Team for Eager {
    fn threads(&self) -> usize {
        self.0.threads()
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        self.0.run(job);
    }
}

/// The functions of every instruction set that this machine has.
pub fn devices() -> impl Iterator<Item = &'static Ops> {
    ISAS.iter().filter_map(|isa| isa.ops())
}

/// The same matrix for the reference and for a device.
pub fn matrix_pair(ops: &Ops, format: &'static Format, rows: usize, columns: usize, file: &[u8]) -> (Matrix, Matrix) {
    let mut packed = vec![0xaa; (ops.packed_bytes)(format, rows, columns)];
    (ops.pack)(format, rows, columns, file, &mut packed);
    let matrix = |bytes: Vec<u8>| {
        let range = 0..bytes.len();
        Matrix { format, rows, columns, memory: Arc::new(bytes), range }
    };
    (matrix(file.to_vec()), matrix(packed))
}

/// Fails unless all numbers are the same, bit for bit; any two NaN count as the same.
pub fn assert_same_bits(name: &str, expected: &[f32], found: &[f32]) {
    assert_eq!(expected.len(), found.len(), "{name}");
    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
        let same = expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan());
        assert!(
            same,
            "{name}: element {i} is {found:e} ({:#x}), not {expected:e} ({:#x})",
            found.to_bits(),
            expected.to_bits()
        );
    }
}
