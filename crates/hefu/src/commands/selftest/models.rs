//! The models that are tried.

use crate::failure::Failure;
use crate::open::MappedModel;
use crate::options::ModelChoice;
use hefu_engine::selftest::{Extent, Questions};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Model};
use hefu_numerics::kv::Profile;
use std::sync::Arc;

/// Positions of a sequence with a tiny model: two pages and a half.
const TINY_CAPACITY: usize = 160;
/// With a real one: one page and a half.
const REAL_CAPACITY: usize = 96;

/// A model that is tried.
pub(crate) enum Source {
    /// A tiny one with random weights that is part of the program: its name and its file.
    Tiny(&'static str, &'static [u8]),
    /// A file, with the name or path by which it was asked for.
    File(String, Box<MappedModel>),
}

macro_rules! tiny {
    ($($name:literal),*) => {
        /// Tiny models of every family: the first is tried in every way, the others in some.
        const TINY: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../../../../../golden/models/", $name, ".gguf")))),*];
    };
}

tiny!(
    "tiny-qwen2",
    "tiny-gemma3",
    "tiny-llama-q4_0",
    "tiny-llama-q4_k",
    "tiny-llama-experts",
    "tiny-qwen3",
    "tiny-qwen3moe",
    "tiny-phi3",
    "tiny-deepseek2",
    "tiny-smollm3",
    "tiny-qwen35",
    "tiny-qwen2moe",
    "tiny-qwen35moe",
    "tiny-gemma",
    "tiny-deepseek",
    "tiny-glm4",
    "tiny-glm4moe",
    "tiny-granite",
    "tiny-granitemoe",
    "tiny-lfm2",
    "tiny-lfm2moe",
    "tiny-olmo2",
    "tiny-olmoe",
    "tiny-exaone4",
    "tiny-ernie4_5",
    "tiny-ernie4_5-moe",
    "tiny-hunyuan-dense",
    "tiny-hunyuan-moe",
    "tiny-seed_oss",
    "tiny-minimax-m2",
    "tiny-minicpm",
    "tiny-internlm2",
    "tiny-bailingmoe2",
    "tiny-dots1",
    "tiny-gpt-oss",
    "tiny-gemma2",
    "tiny-mistral3",
    "tiny-cohere2",
    "tiny-command-r",
    "tiny-starcoder2",
    "tiny-phi2",
    "tiny-stablelm",
    "tiny-apertus",
    "tiny-arcee",
    "tiny-nemotron",
    "tiny-afmoe",
    "tiny-hy_v3",
    "tiny-exaone",
    "tiny-chatglm",
    "tiny-gptneox",
    "tiny-gpt2",
    "tiny-bloom",
    "tiny-mpt",
    "tiny-gemma3n",
    "tiny-falcon",
    "tiny-falcon-40b",
    "tiny-baichuan",
    "tiny-baichuan-13b",
    "tiny-bitnet",
    "tiny-qwen2vl",
    "tiny-qwen3vl",
    "tiny-qwen3vlmoe",
    "tiny-nemotron_h",
    "tiny-nemotron_h_moe",
    "tiny-granitehybrid",
    "tiny-mamba",
    "tiny-falcon-mamba",
    "tiny-jamba",
    "tiny-mamba2",
    "tiny-rwkv7",
    "tiny-rwkv7-heads",
    "tiny-phimoe",
    "tiny-gemma4",
    "tiny-falcon-h1",
    "tiny-qwen3-scaled"
);

/// Number of models, from the first on, that are tried without `--full`.
const QUICK: usize = 3;

/// The model that was named, or the tiny ones.
///
/// # Errors
/// A model that cannot be had.
pub(crate) fn sources(named: Option<&str>, extent: Extent) -> Result<Vec<Source>, Failure> {
    let most = if extent == Extent::Full { TINY.len() } else { QUICK };
    match named {
        None => Ok(TINY.iter().take(most).map(|(name, bytes)| Source::Tiny(name, bytes)).collect()),
        Some(name) => Ok(vec![Source::File(
            name.to_owned(),
            Box::new(MappedModel::new(crate::models::find(ModelChoice::named(name))?)?),
        )]),
    }
}

impl Source {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Source::Tiny(name, _) => name,
            Source::File(_, opened) => &opened.model.name,
        }
    }

    /// Questions to it.
    pub(crate) fn questions(&self) -> Questions {
        match self {
            Source::Tiny(..) => Questions { count: 8, longest: 100, answer: 10, whole: 2 },
            Source::File(..) => Questions { count: 4, longest: 80, answer: 6, whole: 1 },
        }
    }

    /// Most positions of a sequence.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Source::Tiny(..) => TINY_CAPACITY,
            Source::File(..) => REAL_CAPACITY,
        }
    }

    /// Brings it to memory.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or too little memory.
    pub(crate) fn load(&self, device: Arc<dyn Device>, cache: Profile) -> Result<Model, Failure> {
        let fault = |error: &dyn std::error::Error| Failure::Other(format!("{}: {error}", self.name()));
        let gguf = match self {
            Source::Tiny(_, bytes) => Gguf::parse(&[bytes]).map_err(|error| fault(&error))?,
            Source::File(_, opened) => opened.gguf()?,
        };
        let options = LoadOptions { cache, ..LoadOptions::default() };
        let spec = ModelSpec::read(&gguf, &options).map_err(|error| fault(&error))?;
        let files = ModelFiles::new(&gguf, &|_, _| ());
        Model::load(device, spec.program, &files).map_err(|error| fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_model::families::FAMILIES;
    use std::collections::BTreeSet;

    #[test]
    fn every_family_is_tried() {
        let of = |source: Source| {
            let Source::Tiny(_, bytes) = source else { panic!("only tiny models are tried without a name") };
            let gguf = Gguf::parse(&[bytes]).unwrap();
            ModelSpec::read(&gguf, &LoadOptions::default()).unwrap().description.architecture
        };
        let tried: BTreeSet<&str> = sources(None, Extent::Full).unwrap().into_iter().map(of).collect();
        let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
        assert!(known.is_subset(&tried), "{known:?} are known and {tried:?} tried");
    }
}
