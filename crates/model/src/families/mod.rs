//! Model families, one file each: a function that writes the program of a file.
//!
//! Nothing outside this folder compares a family's name. `docs/readers/families.md` tells how to add one.

mod afmoe;
mod apertus;
mod arcee;
mod baichuan;
mod bailingmoe2;
mod bert;
mod bitnet;
mod bloom;
mod chatglm;
mod cohere2;
mod command_r;
mod deepseek1;
mod deepseek2;
mod dots1;
mod ernie4_5;
mod ernie4_5_moe;
mod exaone;
mod exaone4;
mod falcon;
mod falcon_h1;
mod gemma;
mod gemma2;
mod gemma3;
mod gemma3n;
mod gemma4;
mod glm4;
mod glm4moe;
mod gpt_2;
mod gpt_oss;
mod gptneox;
mod granite;
mod granitehybrid;
mod granitemoe;
mod hunyuan_dense;
mod hunyuan_moe;
mod hy_v3;
mod internlm2;
mod jamba;
mod lfm2;
mod lfm2moe;
mod llama;
mod mamba;
mod mamba2;
mod minicpm;
mod minimax_m2;
mod mistral3;
mod modern_bert;
mod mpt;
mod nemotron;
mod nemotron_h;
mod olmo2;
mod olmoe;
pub(crate) mod origins;
mod phi2;
mod phi3;
mod phimoe;
mod qwen2;
mod qwen2moe;
mod qwen2vl;
mod qwen3;
mod qwen35;
mod qwen35moe;
mod qwen3moe;
mod qwen3vl;
mod qwen3vlmoe;
mod rwkv7;
mod seed_oss;
mod smollm3;
mod stablelm;
mod starcoder2;

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

/// Every family that writes.
pub const FAMILIES: &[Family] = &[
    llama::LLAMA,
    mistral3::MISTRAL3,
    gpt_oss::GPT_OSS,
    qwen2::QWEN2,
    qwen2moe::QWEN2_MOE,
    qwen3::QWEN3,
    qwen3moe::QWEN3_MOE,
    qwen2vl::QWEN2_VL,
    qwen3vl::QWEN3_VL,
    qwen3vlmoe::QWEN3_VL_MOE,
    qwen35::QWEN35,
    qwen35moe::QWEN35_MOE,
    gemma::GEMMA,
    gemma2::GEMMA2,
    gemma3::GEMMA3,
    gemma3n::GEMMA3N,
    gemma4::GEMMA4,
    phi3::PHI3,
    phimoe::PHIMOE,
    deepseek1::DEEPSEEK,
    deepseek2::DEEPSEEK2,
    glm4::GLM4,
    glm4moe::GLM4_MOE,
    granite::GRANITE,
    granitemoe::GRANITE_MOE,
    granitehybrid::GRANITE_HYBRID,
    nemotron_h::NEMOTRON_H,
    nemotron_h::NEMOTRON_H_MOE,
    falcon_h1::FALCON_H1,
    mamba::MAMBA,
    jamba::JAMBA,
    mamba2::MAMBA2,
    rwkv7::RWKV7,
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
    hy_v3::HY_V3,
    seed_oss::SEED_OSS,
    minimax_m2::MINIMAX_M2,
    minicpm::MINICPM,
    internlm2::INTERNLM2,
    bailingmoe2::BAILING_MOE2,
    dots1::DOTS1,
    afmoe::AFMOE,
    apertus::APERTUS,
    arcee::ARCEE,
    chatglm::CHATGLM,
    cohere2::COHERE2,
    command_r::COMMAND_R,
    exaone::EXAONE,
    nemotron::NEMOTRON,
    starcoder2::STARCODER2,
    stablelm::STABLELM,
    phi2::PHI2,
    gptneox::GPT_NEOX,
    gpt_2::GPT2,
    bloom::BLOOM,
    mpt::MPT,
    falcon::FALCON,
    baichuan::BAICHUAN,
    bitnet::BITNET,
];

/// Families that read a text as a whole and write none: what embeds and ranks.
pub const ENCODERS: &[Family] = &[
    bert::BERT,
    bert::NOMIC_BERT,
    bert::NOMIC_BERT_MOE,
    bert::JINA_BERT_V2,
    bert::JINA_BERT_V3,
    modern_bert::MODERN_BERT,
    gemma3::GEMMA_EMBEDDING,
];

/// Architectures that people ask for and that no program can be written of, with what is missing.
pub const MISSING: &[(&str, &str)] = &[
    ("llama4", "experts whose inputs are weighed, and attention in chunks"),
    ("rwkv6", "the memory of RWKV-6"),
    ("kimi-linear", "delta attention with a decay for each channel"),
    ("deepseek32", SPARSE),
    ("glm-dsa", SPARSE),
    ("t5", "attention with learnt distances, and a decoder that sees an encoder"),
    ("t5encoder", "attention with learnt distances"),
];

const SPARSE: &str = "attention to few positions that an index chooses";

impl Family {
    /// The family of this name, encoders among them.
    pub fn from_name(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().chain(ENCODERS).find(|family| family.name == name)
    }
}
