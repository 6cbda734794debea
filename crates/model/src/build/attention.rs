//! Grouped-query attention as most families have it (Ainslie et al., arXiv 2305.13245).

use hefu_numerics::program::{Activation, RopeStyle, Value, Values};

use super::limits::{MAX_HEAD_SIZE, MAX_HEADS};
use super::ops::{Rotation, score_scale};
use super::weights::Blocks;
use super::{Builder, Presence};
use crate::error::Error;

/// Heads of queries, keys and values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    /// Heads of queries.
    pub(crate) queries: usize,
    /// Heads of keys and values: a divisor of `queries`.
    pub(crate) key_values: usize,
    /// Elements of a query or key.
    pub(crate) key: usize,
    /// Elements of a value.
    pub(crate) value: usize,
}

/// Attention of one layer: `attn_q`, `attn_k`, `attn_v`, `attn_output`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    /// Its heads.
    pub(crate) heads: Heads,
    /// Which two elements rotate together.
    pub(crate) style: RopeStyle,
    /// Cosines and sines; nothing rotates where there are none.
    pub(crate) angles: Option<Value>,
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// A position sees so many of the latest ones; all where `None`.
    pub(crate) window: Option<usize>,
    /// One tensor `attn_qkv` holds the rows of queries, keys and values, in this order.
    pub(crate) is_fused: bool,
    /// What was attended to is multiplied by `sigmoid(gate)`; `attn_q` holds each head's query, then its gate.
    pub(crate) is_gated: bool,
    /// Bias of queries, keys and values.
    pub(crate) input_bias: Presence,
    /// Bias of the output.
    pub(crate) output_bias: Presence,
    /// Norms of queries and keys.
    pub(crate) norm: HeadNorm,
}

/// Norms of queries and keys, with gains `attn_q_norm` and `attn_k_norm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadNorm {
    /// None.
    None,
    /// Of each head, before it is rotated.
    Heads,
    /// Of each head, after it was rotated.
    RotatedHeads,
    /// Of all heads of a row as one, before they are rotated.
    Row,
}

impl Attention {
    /// Without rotation, biases, norms and window; scores are divided by the root of the key's size.
    pub(crate) fn new(heads: Heads, style: RopeStyle) -> Self {
        Attention {
            heads,
            style,
            angles: None,
            scale: score_scale(heads.key),
            window: None,
            is_fused: false,
            is_gated: false,
            input_bias: Presence::Forbidden,
            output_bias: Presence::Forbidden,
            norm: HeadNorm::None,
        }
    }
}

impl Builder<'_, '_> {
    /// Heads by metadata: as many of keys and values as of queries, and as wide as the model over its heads, where the
    /// file says nothing else.
    pub(crate) fn heads(&mut self) -> Result<Heads, Error> {
        let key_values = self.keys.size("attention.head_count_kv", 1, MAX_HEADS)?;
        self.heads_of(key_values)
    }

    /// The same, with so many heads of keys and values.
    pub(crate) fn heads_of(&mut self, key_values: Option<usize>) -> Result<Heads, Error> {
        let queries = self.keys.required_size("attention.head_count", 1, MAX_HEADS)?;
        let key_values = key_values.unwrap_or(queries);
        if !queries.is_multiple_of(key_values) {
            let problem = format!("is {key_values}, which does not divide the {queries} query heads");
            return Err(self.keys.bad("attention.head_count_kv", problem));
        }
        let key = self.head_size("attention.key_length", queries)?;
        let value = self.head_size("attention.value_length", queries)?;
        Ok(Heads { queries, key_values, key, value })
    }

    fn head_size(&mut self, key: &str, heads: usize) -> Result<usize, Error> {
        if let Some(size) = self.keys.size(key, 1, MAX_HEAD_SIZE)? {
            return Ok(size);
        }
        let width = self.width;
        if !width.is_multiple_of(heads) || width / heads > MAX_HEAD_SIZE {
            let problem = format!("is missing, and {width} elements over {heads} heads give no head of usable size");
            return Err(self.keys.bad(key, problem));
        }
        Ok(width / heads)
    }

    /// Attention of `x`, up to the product with `attn_output`.
    pub(crate) fn attention(&mut self, x: Value, attention: &Attention) -> Value {
        let Heads { queries, key_values, key, value } = attention.heads;
        let rows = [queries * key, key_values * key, key_values * value];
        let mut gate = None;
        let [q, k, v] = if attention.is_fused {
            self.fused(x, "attn_qkv", [("queries", rows[0]), ("keys", rows[1]), ("values", rows[2])])
        } else {
            let bias = attention.input_bias;
            let q = if attention.is_gated {
                let [q, of] = self.interleaved(x, "attn_q", ["queries", "gates"], queries, key);
                gate = Some(of);
                q
            } else {
                self.linear("queries", x, "attn_q", rows[0], bias)
            };
            let k = self.linear("keys", x, "attn_k", rows[1], bias);
            [q, k, self.linear("values", x, "attn_v", rows[2], bias)]
        };
        let q = self.rotated_heads("queries", q, "attn_q_norm", attention);
        let k = self.rotated_heads("keys", k, "attn_k_norm", attention);
        let state = self.key_value(key_values, key, Values::Own(value), attention.window);
        self.store(k, Some(v), state);
        let mut attended = self.attend(q, queries, attention.scale, state);
        if let Some(gate) = gate {
            attended = self.gate("attention_gated", gate, attended, Activation::Sigmoid);
        }
        self.linear("attention_projection", attended, "attn_output", self.width, attention.output_bias)
    }

    /// Products with the rows of one matrix that holds, for each of so many heads, `size` rows of each value in turn.
    fn interleaved<const N: usize>(
        &mut self,
        x: Value,
        tensor: &str,
        names: [&str; N],
        heads: usize,
        size: usize,
    ) -> [Value; N] {
        let (rows, stride) = (heads * size, N * size);
        let mut first = 0;
        names.map(|name| {
            let weight =
                self.rows(tensor, heads * stride, Blocks { first, block: size, stride }, rows, self.width_of(x));
            first += size;
            self.product(name, x, weight, None, rows)
        })
    }

    /// Products with consecutive rows of one matrix, `(name, rows)` each.
    pub(crate) fn fused<const N: usize>(&mut self, x: Value, tensor: &str, parts: [(&str, usize); N]) -> [Value; N] {
        let total = parts.iter().map(|(_, rows)| rows).sum();
        let mut first = 0;
        parts.map(|(name, rows)| {
            let blocks = Blocks { first, block: rows, stride: rows };
            first += rows;
            let weight = self.rows(tensor, total, blocks, rows, self.width_of(x));
            self.product(name, x, weight, None, rows)
        })
    }

    fn rotated_heads(&mut self, name: &str, heads: Value, norm: &str, attention: &Attention) -> Value {
        let Attention { style, angles, norm: kind, .. } = *attention;
        let head = attention.heads.key;
        let size = if kind == HeadNorm::Row { self.width_of(heads) } else { head };
        let mut heads = heads;
        if matches!(kind, HeadNorm::Heads | HeadNorm::Row) {
            heads = self.rms_norm(&format!("{name}_norm"), heads, norm, size);
        }
        if let Some(angles) = angles {
            heads = self.rotate(&format!("{name}_rotated"), heads, Rotation { head, first: 0, style, angles });
        }
        match kind {
            HeadNorm::RotatedHeads => self.rms_norm(&format!("{name}_norm"), heads, norm, size),
            _ => heads,
        }
    }
}
