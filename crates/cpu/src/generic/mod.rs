//! Every algorithm, written once.
//!
//! Two kinds of vectors serve two kinds of work:
//!
//! * [`lanes::F32x16`]: 16 f32 of a logical width that is the same on every chip (one AVX-512 register, two of AVX2, an
//!   array), for whatever runs along a row: norms, activations, attention;
//! * [`rows::DotIsa`]: as many rows of a weight matrix as one register holds, for products with quantised weights, where
//!   every lane is an output of its own.
//!
//! Everything here is `#[inline(always)]` and becomes machine code only inside the wrappers that [`kernels`] makes for
//! an instruction set; [`parallel`] shares the work among threads and knows no instruction set.

pub mod ahead;
pub mod attention;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod by_format;
pub mod elementwise;
pub mod float_product;
pub mod format_consts;
pub mod job;
pub mod kernels;
pub mod lanes;
pub mod panel;
pub mod parallel;
pub mod product;
pub mod recurrent;
pub mod rows;
pub mod scans;
pub mod store;
pub mod take;
pub mod unpacked;
pub(crate) mod unroll;
pub mod unrolled;
pub mod wide;
