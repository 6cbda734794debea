//! NEON with dot products of unsigned and signed bytes, and products of matrices of bytes.

use super::dot::MIXED;
use super::lanes::Quad;
use super::rows::NeonRows;
use super::wide;
use crate::generic::kernels::isa;

isa!("i8mm", ["neon,dotprod,i8mm"], Quad, NeonRows<MIXED>, [1 2], Some(&WIDE), [1 x 4 2 x 2 4 x 1]);

wide::kernels!("neon,dotprod,i8mm", NeonRows<MIXED>, wide::ByMatrix);

/// True if this machine has the instructions.
pub(crate) fn is_available() -> bool {
    super::dotprod::is_available() && std::arch::is_aarch64_feature_detected!("i8mm")
}
