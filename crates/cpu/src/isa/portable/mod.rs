//! Plain Rust: arrays of 16, for any chip. The compiler may use whatever the target always has.

mod lanes;
mod rows;

use crate::generic::kernels::isa;
use lanes::Array;
use rows::ArrayRows;

isa!("portable", [], Array, ArrayRows, [1 4], None, [1 x 1 4 x 1]);
