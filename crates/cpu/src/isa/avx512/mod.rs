//! AVX-512 with the vector neural network instructions (Ice Lake and Zen 4 onwards).

mod lanes;
mod pair;
mod panel;
mod rows;

use crate::generic::kernels::isa;
use lanes::Zmm;
pub(in crate::isa) use rows::ZmmRows;

isa!("avx512", ["avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"], Zmm, ZmmRows, [1 2 4 8 12 16], Some(&pair::WIDE), [1 x 4 2 x 4 4 x 4 8 x 2 12 x 2]);

/// True if this machine has the instructions.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}
