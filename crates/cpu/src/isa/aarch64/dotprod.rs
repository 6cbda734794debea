//! NEON with dot products of signed bytes.

use super::dot::SIGNED;
use super::lanes::Quad;
use super::rows::NeonRows;
use super::wide;
use crate::generic::kernels::isa;

isa!("dotprod", ["neon,dotprod"], Quad, NeonRows<SIGNED>, [1 2], Some(&WIDE), [1 x 4 2 x 2 4 x 1]);

wide::kernels!("neon,dotprod", NeonRows<SIGNED>, wide::ByElement);

/// True if this machine has the instructions.
pub(crate) fn is_available() -> bool {
    std::arch::is_aarch64_feature_detected!("neon") && std::arch::is_aarch64_feature_detected!("dotprod")
}
