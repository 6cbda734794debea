//! Model families, one file each: a function that writes the program of a file.
//!
//! Nothing outside this folder compares a family's name. `docs/families.md` tells how to add one.

mod bailingmoe2;
mod deepseek;
mod deepseek2;
mod dots1;
mod ernie4_5;
mod ernie4_5_moe;
mod exaone4;
mod gemma;
mod gemma3;
mod glm4;
mod glm4moe;
mod granite;
mod granitemoe;
mod hunyuan_dense;
mod hunyuan_moe;
mod internlm2;
mod lfm2;
mod lfm2moe;
mod llama;
mod minicpm;
mod minimax_m2;
mod olmo2;
mod olmoe;
mod phi3;
mod qwen2;
mod qwen2moe;
mod qwen3;
mod qwen35;
mod qwen35moe;
mod qwen3moe;
mod seed_oss;
mod smollm3;

use crate::build::Builder;
use crate::error::Error;

/// A family of models.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name in a file's `general.architecture`, also the prefix of its metadata keys.
    pub name: &'static str,
    /// Writes the program of a file.
    pub(crate) write: fn(&mut Builder<'_, '_>) -> Result<(), Error>,
}

/// Every family that Hefu runs.
pub const FAMILIES: &[Family] = &[
    llama::LLAMA,
    qwen2::QWEN2,
    qwen2moe::QWEN2_MOE,
    qwen3::QWEN3,
    qwen3moe::QWEN3_MOE,
    qwen35::QWEN35,
    qwen35moe::QWEN35_MOE,
    gemma::GEMMA,
    gemma3::GEMMA3,
    phi3::PHI3,
    deepseek::DEEPSEEK,
    deepseek2::DEEPSEEK2,
    glm4::GLM4,
    glm4moe::GLM4_MOE,
    granite::GRANITE,
    granitemoe::GRANITE_MOE,
    lfm2::LFM2,
    lfm2moe::LFM2_MOE,
    smollm3::SMOLLM3,
    olmo2::OLMO2,
    olmoe::OLMOE,
    exaone4::EXAONE4,
    ernie4_5::ERNIE4_5,
    ernie4_5_moe::ERNIE4_5_MOE,
    hunyuan_dense::HUNYUAN_DENSE,
    hunyuan_moe::HUNYUAN_MOE,
    seed_oss::SEED_OSS,
    minimax_m2::MINIMAX_M2,
    minicpm::MINICPM,
    internlm2::INTERNLM2,
    bailingmoe2::BAILING_MOE2,
    dots1::DOTS1,
];

impl Family {
    /// The family of this name.
    pub fn from_name(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.name == name)
    }
}
