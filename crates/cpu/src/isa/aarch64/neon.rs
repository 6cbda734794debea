//! NEON alone.

use super::dot::PAIRS;
use super::lanes::Quad;
use super::rows::NeonRows;
use crate::generic::kernels::isa;

isa!("neon", ["neon"], Quad, NeonRows<PAIRS>, [1 2], None, [1 x 4 2 x 2 4 x 1]);

/// True if this machine has the instructions.
pub(crate) fn is_available() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}
