//! DeepSeek V2 and V3 and others of that shape (arXiv 2405.04434, 2412.19437): latent attention in its absorbed
//! form, experts chosen by groups beside some that every token goes through, dense layers before them.

use hefu_numerics::program::{Activation, RopeStyle, Value, Values};

use super::Family;
use crate::build::limits::{MAX_HEAD_SIZE, MAX_HEADS, MAX_WIDTH};
use crate::build::{Builder, FeedForward, Gated, Mixture, Output, Presence, Residual, Rotation, Scores, score_scale};
use crate::error::Error;
use crate::rope::Scaling;

pub(super) const DEEPSEEK2: Family = Family { name: "deepseek2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mut latent = Latent::read(b)?;
    let rope = b.rope_by_keys(latent.rotated, false)?;
    let mut frequencies = rope.frequencies(None);
    let multiplier = b.keys.number("rope.scaling.yarn_log_multiplier", 0.0, 10.0)?.filter(|factor| *factor > 0.0);
    if let (Scaling::Yarn(yarn), Some(multiplier)) = (rope.scaling, multiplier) {
        // In place of cosine and sine, scores are multiplied by what YaRN's paper calls the temperature's root.
        let root = f64::from(multiplier) * libm::log(yarn.factor) + 1.0;
        (frequencies.magnitude, latent.scale) = (rope.magnitude, (root * root / (latent.key as f64).sqrt()) as f32);
    }
    let layers = b.trunk()?;
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mixture = match dense_layers < layers {
        true => FeedForward::Mixture(Mixture::read(b, Activation::Silu)?),
        false => dense,
    };

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies.clone());
    for layer in 0..layers {
        b.layer(layer);
        x = b.block(
            x,
            &Residual::PLAIN,
            |b, x| latent.attend(b, x, angles),
            |b, x| b.feed_forward(x, if layer < dense_layers { &dense } else { &mixture }),
        );
    }
    b.output(x, Output::PLAIN);
    b.drafter(|b, x| {
        let angles = b.angles("angles", frequencies);
        b.block(x, &Residual::PLAIN, |b, x| latent.attend(b, x, angles), |b, x| b.feed_forward(x, &mixture))
    });
    Ok(())
}

/// Attention to one latent vector per position, whose first elements are the value too; each head has a matrix that brings
/// its query there, and one that brings the result back.
struct Latent {
    heads: usize,
    /// Elements of a head's query, of which the last `rotated` are rotated.
    key: usize,
    rotated: usize,
    value: usize,
    /// Elements between the two factors of the queries' matrix, if it has two.
    query_rank: Option<usize>,
    rank: usize,
    scale: f32,
}

impl Latent {
    fn read(b: &mut Builder<'_, '_>) -> Result<Self, Error> {
        let heads = b.keys.required_size("attention.head_count", 1, MAX_HEADS)?;
        let key = b.keys.required_size("attention.key_length_mla", 3, MAX_HEAD_SIZE)?;
        let value = b.keys.required_size("attention.value_length_mla", 1, MAX_HEAD_SIZE)?;
        let rotated = b.keys.required_size("rope.dimension_count", 2, key - 1)?;
        let rank = b.keys.required_size("attention.kv_lora_rank", 1, MAX_HEAD_SIZE)?;
        // Some files say 0 where they mean none.
        let query_rank = b.keys.size("attention.q_lora_rank", 0, MAX_WIDTH)?.filter(|rank| *rank > 0);
        // In the absorbed form.
        b.keys.size("attention.head_count_kv", 1, 1)?;
        b.keys.size("attention.key_length", rank + rotated, rank + rotated)?;
        b.keys.size("attention.value_length", rank, rank)?;
        Ok(Latent { heads, key, rotated, value, query_rank, rank, scale: score_scale(key) })
    }

    fn attend(&self, b: &mut Builder<'_, '_>, x: Value, angles: Value) -> Value {
        let Latent { heads, key, rotated, rank, .. } = *self;
        let (plain, width, none) = (key - rotated, rank + rotated, Presence::Forbidden);
        let (q, latent) = match self.query_rank {
            Some(query_rank) => {
                let q = b.linear("query_latent", x, "attn_q_a", query_rank, none);
                let latent = b.linear("latent", x, "attn_kv_a_mqa", width, none);
                let q = b.norm(q, "attn_q_a_norm");
                (b.linear("queries", q, "attn_q_b", heads * key, none), latent)
            }
            None => {
                let q = b.linear("queries", x, "attn_q", heads * key, none);
                (q, b.linear("latent", x, "attn_kv_a_mqa", width, none))
            }
        };
        let rotation = |head, first| Rotation { head, first, style: RopeStyle::Interleaved, angles };
        let q = b.rotate("queries_rotated", q, rotation(key, plain));
        let (q_plain, q_rope) =
            (b.slice("queries_plain", q, key, 0, plain), b.slice("queries_rope", q, key, plain, rotated));
        let absorbed = b.head_linear("queries_absorbed", q_plain, "attn_k_b", heads, rank);
        let queries = b.join("queries_joined", &[absorbed, q_rope], heads);
        let k_plain = b.slice("keys_plain", latent, width, 0, rank);
        let k_plain = b.norm(k_plain, "attn_kv_a_norm");
        let k_rope = b.slice("keys_rope", latent, width, rank, rotated);
        let k_rope = b.rotate("keys_rotated", k_rope, rotation(rotated, 0));
        let keys = b.join("keys", &[k_plain, k_rope], 1);
        let state = b.key_value(1, width, Values::FirstOfKey(rank), None);
        b.store(keys, None, state);
        let attention_output = b.attend(queries, heads, Scores::of(self.scale), state);
        let values = b.head_linear("attention_values", attention_output, "attn_v_b", heads, self.value);
        b.linear("attention_projection", values, "attn_output", b.hidden_size, none)
    }
}
