//! AArch64: NEON, which every such processor has, and the two additions that multiply bytes.
//!
//! | name | has, beside NEON | bytes in one instruction |
//! | --- | --- | --- |
//! | [`neon`] | | 8 products, widened to 16 bits |
//! | [`dotprod`] | dot products (Armv8.2: Cortex-A76, Neoverse N1, Apple M1 onwards) | 4 sums of 4 products |
//! | [`i8mm`] | products of small matrices (Armv8.6: Neoverse V1 and N2, Cortex-A510, Apple M2 onwards) | 4 sums of 8 products |
//!
//! All three share [`lanes`] and [`rows`]; the last two have kernels for large batches ([`wide`]). Instructions that are not
//! stable in Rust are written as assembly ([`instructions`]).

mod dot;
pub(crate) mod dotprod;
pub(crate) mod i8mm;
mod instructions;
mod lanes;
mod multiply;
pub(crate) mod neon;
mod rows;
mod wide;
