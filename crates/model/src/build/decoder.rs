//! Decoders of alike blocks, each of attention and a feed-forward part: what most families are.

use hefu_numerics::program::{Activation, At, RopeStyle, Value};
use hefu_numerics::rope::Frequencies;

use super::{Attention, Builder, Encoded, FeedForward, Output, RopeFactors};
use crate::error::Error;

/// Norms around the two parts of a block, the mixer of positions and the feed-forward part, and how what they
/// make joins the residual stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual {
    /// The tensors of the norms of what each part reads; it reads its input as it is where there is none, or what the mixer
    /// reads where both read the same.
    pub(crate) before: [Option<&'static str>; 2],
    /// The tensors of the norms of what each part makes.
    pub(crate) after: [Option<&'static str>; 2],
    /// The tensors of the norms of the sums.
    pub(crate) on_sum: [Option<&'static str>; 2],
    /// Factor of what each part makes.
    pub(crate) scale: Option<f32>,
    /// Both parts read the block's input.
    pub(crate) is_parallel: bool,
}

impl Residual {
    /// One norm before each part.
    pub(crate) const PLAIN: Residual = Residual {
        before: [Some("attn_norm"), Some("ffn_norm")],
        after: [None; 2],
        on_sum: [None; 2],
        scale: None,
        is_parallel: false,
    };
    /// One norm after each part, none before.
    pub(crate) const AFTER: Residual = Residual { before: [None; 2], ..Residual::AROUND };
    /// Norms before and after each part.
    pub(crate) const AROUND: Residual =
        Residual { after: [Some("post_attention_norm"), Some("post_ffw_norm")], ..Residual::PLAIN };
}

/// One block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// Its positions see so many of the latest ones; all where `None`.
    pub(crate) window: Option<usize>,
    /// True if its queries and keys rotate.
    pub(crate) is_rotated: bool,
    /// Its feed-forward part.
    pub(crate) feed_forward: FeedForward,
}

/// A whole model.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    /// Attention of all layers, but for windows and rotations.
    pub(crate) attention: Attention,
    /// The rotation.
    pub(crate) rotation: Frequencies,
    /// The rotation of layers with a window, where they have one of their own.
    pub(crate) local_rotation: Option<Frequencies>,
    /// The blocks.
    pub(crate) layers: Vec<Layer>,
    /// Positions for which queries stay as they are, and how much they grow after so many.
    pub(crate) temperature: Option<(usize, f32)>,
    /// True if every position has a row of its own, `position_embd`, that is added to the embedding.
    pub(crate) has_positions: bool,
    /// The tensor of the norm of the embedding.
    pub(crate) embedding_norm: Option<&'static str>,
    /// Norms and sums.
    pub(crate) residual: Residual,
    /// Factor of the embedding.
    pub(crate) embedding_scale: f32,
    /// Output after the last block.
    pub(crate) output: Output,
}

impl Decoder {
    /// The decoder that metadata describe where a family has no say: every layer sees and rotates all, and has this
    /// feed-forward part.
    pub(crate) fn read(
        b: &mut Builder<'_, '_>,
        style: RopeStyle,
        factors: RopeFactors,
        feed_forward: FeedForward,
    ) -> Result<Self, Error> {
        let heads = b.heads()?;
        Ok(Decoder {
            attention: Attention::new(heads, style),
            rotation: b.rope(heads.key, factors)?,
            local_rotation: None,
            layers: vec![Layer { window: None, is_rotated: true, feed_forward }; b.trunk()?],
            temperature: None,
            has_positions: false,
            embedding_norm: None,
            residual: Residual::PLAIN,
            embedding_scale: 1.0,
            output: Output::PLAIN,
        })
    }

    /// Gives layers their windows.
    pub(crate) fn set_windows(&mut self, windows: impl IntoIterator<Item = Option<usize>>) {
        self.layers.iter_mut().zip(windows).for_each(|(layer, window)| layer.window = window);
    }

    /// Only layers with a window rotate, if there are any.
    pub(crate) fn rotate_windows_alone(&mut self) {
        if self.layers.iter().any(|layer| layer.window.is_some()) {
            self.layers.iter_mut().for_each(|layer| layer.is_rotated = layer.window.is_some());
        }
    }

    /// Gives some layers another feed-forward part.
    pub(crate) fn replace(&mut self, feed_forward: FeedForward, is_meant: impl Fn(usize) -> bool) {
        for (_, layer) in self.layers.iter_mut().enumerate().filter(|(index, _)| is_meant(*index)) {
            layer.feed_forward = feed_forward;
        }
    }

    /// Writes the program.
    pub(crate) fn write(self, b: &mut Builder<'_, '_>) -> Result<(), Error> {
        let mut x = b.embed(self.embedding_scale);
        if self.has_positions {
            let positions = b.table_rows("positions", "position_embd", b.context_length, At::Position);
            x = b.add("embedded", x, positions);
        }
        if let Some(norm) = self.embedding_norm {
            x = b.norm(x, norm);
        }
        let temperature = self.temperature.map(|(length, factor)| b.temperature(length, factor));
        let is_rotated = self.layers.iter().any(|layer| layer.is_rotated);
        let angles = is_rotated.then(|| b.angles("angles", self.rotation.clone()));
        let local_angles = self.local_rotation.map(|rotation| b.angles("local_angles", rotation)).or(angles);
        for (index, layer) in self.layers.iter().enumerate() {
            b.layer(index);
            let window = layer.window;
            let angles = if window.is_some() { local_angles } else { angles };
            let angles = angles.filter(|_| layer.is_rotated);
            let attention = Attention { window, angles, temperature, ..self.attention };
            let feed_forward = &layer.feed_forward;
            x = b.block(x, &self.residual, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, feed_forward));
        }
        if b.reads_whole() {
            return b.encoded(x, Encoded { norm: Some(self.output.norm), classifier: Activation::Tanh });
        }
        b.output(x, self.output);
        let Some(last) = self.layers.last().copied() else { return Ok(()) };
        b.drafter(|b, x| {
            let angles = last.is_rotated.then(|| b.angles("angles", self.rotation));
            let attention = Attention { window: last.window, angles, ..self.attention };
            let residual = &self.residual;
            b.block(x, residual, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, &last.feed_forward))
        });
        Ok(())
    }
}

impl Builder<'_, '_> {
    /// One block of two parts.
    pub(crate) fn block(
        &mut self,
        x: Value,
        residual: &Residual,
        mixer: impl FnOnce(&mut Self, Value) -> Value,
        feed_forward: impl FnOnce(&mut Self, Value) -> Value,
    ) -> Value {
        let read = self.normed(x, residual.before[0]);
        let made = mixer(self, read);
        let made = self.joining(made, residual, 0);
        let sum = self.add("attention_residual", x, made);
        let sum = self.normed(sum, residual.on_sum[0]);
        let read = match (residual.before[1], residual.is_parallel) {
            (None, true) => read,
            (norm, is_parallel) => self.normed(if is_parallel { x } else { sum }, norm),
        };
        let made = feed_forward(self, read);
        let made = self.joining(made, residual, 1);
        let sum = self.add("block_output", sum, made);
        self.normed(sum, residual.on_sum[1])
    }

    fn normed(&mut self, x: Value, norm: Option<&str>) -> Value {
        norm.map_or(x, |norm| self.norm(x, norm))
    }

    /// Result of a part as it is added.
    fn joining(&mut self, made: Value, residual: &Residual, part: usize) -> Value {
        let made = self.normed(made, residual.after[part]);
        let name = ["attention_scaled", "ffn_scaled"][part];
        residual.scale.map_or(made, |scale| self.scale(name, made, scale))
    }
}
