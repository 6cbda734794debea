//! Grouped-query attention as most families have it (Ainslie et al., arXiv 2305.13245).

use hefu_numerics::program::{Activation, Op, Order, RopeStyle, Value, Values};

use super::limits::{MAX_HEAD_SIZE, MAX_HEADS};
use super::ops::{Rotation, Scores, score_scale};
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
    /// Pairs of elements that rotate together.
    pub(crate) style: RopeStyle,
    /// Cosines and sines; nothing rotates where there are none.
    pub(crate) angles: Option<Value>,
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`.
    pub(crate) cap: Option<f32>,
    /// True if each head has a score that belongs to no position: `attn_sinks`.
    pub(crate) has_sinks: bool,
    /// Scores fall with the distance, with this greatest exponent of slopes (ALiBi).
    pub(crate) alibi: Option<f32>,
    /// Factor of queries, after the rotation.
    pub(crate) temperature: Option<Value>,
    /// A position sees so many of the latest ones; all where `None`.
    pub(crate) window: Option<usize>,
    /// One tensor `attn_qkv` holds the rows of queries, keys and values, in this order.
    pub(crate) is_fused: bool,
    /// Attention output gate: multiplied by `sigmoid(gate)`; `attn_q` holds each head's query, then its gate.
    pub(crate) is_gated: bool,
    /// The same, by a tensor of its own: `attn_gate`.
    pub(crate) has_gate: bool,
    /// Norm of the attention output before the last product: `attn_sub_norm`.
    pub(crate) has_sub_norm: bool,
    /// Bias of queries, keys and values.
    pub(crate) input_bias: Presence,
    /// Bias of the output.
    pub(crate) output_bias: Presence,
    /// Norms of queries and keys.
    pub(crate) norm: HeadNorm,
}

/// The greatest exponent of slopes in families whose files do not say it: that of the paper.
pub(crate) const ALIBI: f32 = 8.0;

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
            cap: None,
            has_sinks: false,
            alibi: None,
            temperature: None,
            window: None,
            is_fused: false,
            is_gated: false,
            has_gate: false,
            has_sub_norm: false,
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
        let queries = self.keys.required_size("attention.head_count", 1, MAX_HEADS)?;
        let key_values = self.keys.size("attention.head_count_kv", 1, MAX_HEADS)?.unwrap_or(queries);
        self.heads_of(queries, key_values)
    }

    /// The same for hybrids, whose layers without attention have no heads; returns which have some, too.
    pub(crate) fn heads_of_some(&mut self) -> Result<(Heads, Vec<bool>), Error> {
        const KEYS: &str = "attention.head_count_kv";
        let queries = self.keys.sizes("attention.head_count", self.layers, MAX_HEADS)?.unwrap_or_default();
        let key_values = self.keys.sizes(KEYS, self.layers, MAX_HEADS)?.unwrap_or_else(|| queries.clone());
        let first = |sizes: &[usize]| sizes.iter().copied().find(|size| *size > 0);
        let (Some(one), Some(other)) = (first(&queries), first(&key_values)) else {
            return Err(self.keys.bad(KEYS, "gives no layer any heads".into()));
        };
        if key_values.iter().any(|size| ![0, other].contains(size)) {
            return Err(self.keys.bad(KEYS, "differs from layer to layer with attention".into()));
        }
        Ok((self.heads_of(one, other)?, key_values.iter().map(|size| *size > 0).collect()))
    }

    fn heads_of(&mut self, queries: usize, key_values: usize) -> Result<Heads, Error> {
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
        let width = self.hidden_size;
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
            let parts = [("queries", rows[0]), ("keys", rows[1]), ("values", rows[2])];
            match attention.input_bias == Presence::Required || self.has("attn_qkv.bias") {
                true => self.fused_with_bias(x, "attn_qkv", parts),
                false => self.fused(x, "attn_qkv", parts),
            }
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
        if attention.has_gate {
            gate = Some(self.linear("gates", x, "attn_gate", queries * value, Presence::Forbidden));
        }
        let mut q = self.rotated_heads("queries", q, "attn_q_norm", attention);
        if let Some(temperature) = attention.temperature {
            q = self.scale_by("queries_scaled", q, temperature);
        }
        let k = self.rotated_heads("keys", k, "attn_k_norm", attention);
        let mut attention_output = match self.program.order {
            Order::Causal => self.attend_back(q, [k, v], attention),
            Order::Whole => self.attend_whole([q, k, v], attention),
        };
        if let Some(gate) = gate {
            attention_output = self.gate("attention_gated", gate, attention_output, Activation::Sigmoid);
        }
        if attention.has_sub_norm {
            attention_output = self.norm(attention_output, "attn_sub_norm");
        }
        self.linear("attention_projection", attention_output, "attn_output", self.hidden_size, attention.output_bias)
    }

    /// Keys and values into a state, and attention to it.
    fn attend_back(&mut self, q: Value, [k, v]: [Value; 2], attention: &Attention) -> Value {
        let Heads { queries, key_values, key, value } = attention.heads;
        let state = self.key_value(key_values, key, Values::Own(value), attention.window);
        self.store(k, Some(v), state);
        let sinks = attention.has_sinks.then(|| self.vector("attn_sinks", queries));
        let Attention { scale, cap, alibi, .. } = *attention;
        let scores = Scores { scale, cap, sinks, alibi };
        self.attend(q, queries, scores, state)
    }

    /// Attention to all of a text.
    fn attend_whole(&mut self, [queries, keys, values]: [Value; 3], attention: &Attention) -> Value {
        let (Heads { queries: heads, key_values, value, .. }, scale) = (attention.heads, attention.scale);
        let (window, alibi) = (attention.window, attention.alibi);
        let op = |out| Op::AttendWhole { queries, keys, values, heads, key_values, scale, window, alibi, out };
        self.write("attention_output", heads * value, op)
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

    /// Products with consecutive rows of one matrix that has a bias: taken apart after it was added.
    fn fused_with_bias<const N: usize>(&mut self, x: Value, tensor: &str, parts: [(&str, usize); N]) -> [Value; N] {
        let total = parts.iter().map(|(_, rows)| rows).sum();
        let all = self.linear("queries_keys_values", x, tensor, total, Presence::Required);
        let mut first = 0;
        parts.map(|(name, rows)| {
            let part = self.slice(name, all, total, first, rows);
            first += rows;
            part
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
