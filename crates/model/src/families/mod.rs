//! Model families, one file each: a function that writes the program of a file.
//!
//! Nothing outside this folder compares a family's name. `docs/families.md` tells how to add one.

mod deepseek2;
mod gemma3;
mod llama;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen35;
mod qwen3moe;
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
    qwen3::QWEN3,
    qwen3moe::QWEN3_MOE,
    gemma3::GEMMA3,
    phi3::PHI3,
    deepseek2::DEEPSEEK2,
    qwen35::QWEN35,
    smollm3::SMOLLM3,
];

impl Family {
    /// The family of this name.
    pub fn from_name(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.name == name)
    }
}
