//! The numbers of one model, read from its metadata and checked.

mod layers;
mod memory;
mod rope;

use hefu_numerics::kv::{KvShape, Profile};
use hefu_numerics::ops::{Activation, RopeStyle};

use crate::arch::{Arch, EmbeddingScale, Mixer, Presence, ScoreScale};
use crate::error::Error;
use crate::gguf::Gguf;
use crate::keys::Keys;
use crate::rope::Rope;

pub use crate::build::limits::*;

/// Everything about a model but its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its family.
    pub arch: &'static Arch,
    /// Positions that it was made for.
    pub context_length: usize,
    /// Tokens: rows of the embedding.
    pub vocabulary: usize,
    /// Elements of a row of the residual stream.
    pub width: usize,
    /// Added under the square root of every norm.
    pub epsilon: f32,
    /// Factor of the embedding, `None` for 1.
    pub embedding_scale: Option<f32>,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub key_value_heads: usize,
    /// Elements of a query or key.
    pub key_size: usize,
    /// Elements of a value.
    pub value_size: usize,
    /// Factor of the scores.
    pub score_scale: f32,
    /// Which elements of a head rotate together.
    pub rope_pairs: RopeStyle,
    /// Rotations that [`LayerConfig::rope`] numbers.
    pub ropes: Vec<Rope>,
    /// Positions before the context was extended.
    pub original_context: usize,
    /// The gate's function.
    pub activation: Activation,
    /// Elements inside a dense feed-forward part, or inside each expert.
    pub feed_forward: usize,
    /// Experts, if it has any.
    pub experts: Option<ExpertsConfig>,
    /// Logits `x` become `cap * tanh(x / cap)`.
    pub logit_cap: Option<f32>,
    /// The blocks.
    pub layers: Vec<LayerConfig>,
    /// What cached keys and values are made of; chosen when a model is loaded, no file says it.
    pub cache: Profile,
}

/// What differs from block to block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerConfig {
    /// A position sees so many of the latest ones, itself among them; all where `None`.
    pub window: Option<usize>,
    /// Index in [`Config::ropes`].
    pub rope: usize,
}

/// How many experts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertsConfig {
    /// Per layer.
    pub count: usize,
    /// For each token.
    pub used: usize,
}

impl Config {
    /// Reads and checks the metadata of a file.
    ///
    /// # Errors
    /// An unknown architecture, a key that is unknown, missing or out of bounds, each by name.
    pub fn read(gguf: &Gguf<'_>) -> Result<Config, Error> {
        let keys = Keys::new(gguf)?;
        let arch = keys.arch;
        let Mixer::GroupedQuery(mixer) = arch.mixer;
        if keys.boolean("attention.causal")? == Some(false) {
            return Err(keys.bad("attention.causal", "is false: this model embeds text, it does not write".into()));
        }
        let width = keys.required_size("embedding_length", 1, MAX_WIDTH)?;
        let context_length = keys.required_size("context_length", 1, MAX_CONTEXT)?;
        let layers = keys.required_size("block_count", 1, MAX_LAYERS)?;
        let heads = keys.required_size("attention.head_count", 1, MAX_HEADS)?;
        let key_value_heads = keys.size("attention.head_count_kv", 1, MAX_HEADS)?.unwrap_or(heads);
        if !heads.is_multiple_of(key_value_heads) {
            let problem = format!("is {key_value_heads}, which does not divide the {heads} query heads");
            return Err(keys.bad("attention.head_count_kv", problem));
        }
        let key_size = head_size(&keys, "attention.key_length", width, heads)?;
        let value_size = head_size(&keys, "attention.value_length", width, heads)?;
        let scale_of = match mixer.scale {
            ScoreScale::WidthPerHeadIfLayers(special) if layers == special => width / heads,
            _ => key_size,
        };
        let original_context = keys.size("rope.scaling.original_context_length", 1, MAX_CONTEXT)?;
        let original_context = original_context.unwrap_or(context_length);
        let ropes = rope::read(&keys, &mixer.windows, key_size, original_context)?;
        let (feed_forward, experts) = feed_forward(&keys)?;
        Ok(Config {
            arch,
            context_length,
            vocabulary: vocabulary(gguf)?,
            width,
            epsilon: epsilon(&keys)?,
            embedding_scale: match arch.embedding_scale {
                EmbeddingScale::One => None,
                EmbeddingScale::SqrtWidth => Some((width as f32).sqrt()),
            },
            heads,
            key_value_heads,
            key_size,
            value_size,
            score_scale: (1.0 / (scale_of as f64).sqrt()) as f32,
            rope_pairs: mixer.rope_pairs,
            original_context,
            activation: arch.feed_forward.activation,
            feed_forward,
            experts,
            logit_cap: keys.number("final_logit_softcapping", 0.0, 1e6)?.filter(|cap| *cap > 0.0),
            layers: layers::read(&keys, &mixer.windows, layers, ropes.len())?,
            ropes,
            cache: Profile::default(),
        })
    }

    /// The shape of every layer's cache.
    pub fn cache_shape(&self) -> KvShape {
        KvShape {
            heads: self.key_value_heads,
            key_size: self.key_size,
            value_size: self.value_size,
            profile: self.cache,
        }
    }
}

fn head_size(keys: &Keys<'_, '_>, key: &str, width: usize, heads: usize) -> Result<usize, Error> {
    if let Some(size) = keys.size(key, 1, MAX_HEAD_SIZE)? {
        return Ok(size);
    }
    if !width.is_multiple_of(heads) || width / heads > MAX_HEAD_SIZE {
        let problem = format!("is missing, and {width} elements over {heads} heads give no head of usable size");
        return Err(keys.bad(key, problem));
    }
    Ok(width / heads)
}

fn epsilon(keys: &Keys<'_, '_>) -> Result<f32, Error> {
    const KEY: &str = "attention.layer_norm_rms_epsilon";
    keys.number(KEY, 0.0, 1.0)?.ok_or_else(|| keys.bad(KEY, "is missing".into()))
}

/// The inner width of the feed-forward parts or of each expert, and the experts.
fn feed_forward(keys: &Keys<'_, '_>) -> Result<(usize, Option<ExpertsConfig>), Error> {
    let presence = keys.arch.feed_forward.experts;
    let count = keys.size("expert_count", 0, MAX_EXPERTS)?.unwrap_or(0);
    if count == 0 {
        if presence == Presence::Required {
            return Err(keys.bad("expert_count", "is missing or 0, but this family has experts".into()));
        }
        return Ok((keys.required_size("feed_forward_length", 1, MAX_FEED_FORWARD)?, None));
    }
    let used = keys.required_size("expert_used_count", 1, count)?;
    let inner = match keys.size("expert_feed_forward_length", 1, MAX_FEED_FORWARD)? {
        Some(inner) => inner,
        None => keys.required_size("feed_forward_length", 1, MAX_FEED_FORWARD)?,
    };
    Ok((inner, Some(ExpertsConfig { count, used })))
}

fn vocabulary(gguf: &Gguf<'_>) -> Result<usize, Error> {
    const NAME: &str = "token_embd.weight";
    // A missing embedding is reported with all other tensors, when they are bound.
    let Some(tensor) = gguf.tensor(NAME) else { return Ok(1) };
    let rows = tensor.shape.get(1).copied().unwrap_or(1);
    usize::try_from(rows).ok().filter(|rows| *rows <= MAX_VOCABULARY).ok_or_else(|| Error::BadTensor {
        name: NAME.into(),
        problem: format!("has {rows} rows, but a vocabulary of at most {MAX_VOCABULARY} tokens is supported"),
    })
}
