//! AVX2 with fused multiply-add and binary16 conversion (Haswell and Zen onwards).

mod lanes;
mod rows;

use crate::generic::kernels::isa;
use lanes::YmmPair;
use rows::YmmRows;

isa!("avx2", ["avx2,fma,f16c"], YmmPair, YmmRows, [1 2 4], None, [1 x 4 2 x 2 4 x 1]);

/// True if this machine has the instructions.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}
