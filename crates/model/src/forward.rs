//! Tokens in, logits out.
//!
//! A batch is any number of chunks of any sequences. Every row is computed by the same loops whatever else is in the
//! batch, so that logits do not depend on how tokens were cut into chunks and batches.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use hefu_numerics::attention::Span;
use hefu_numerics::functions::tanh;
use hefu_numerics::kv::PAGE;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{After, Around, Projection, Team};
use hefu_numerics::prepared::Input;

use crate::blocks::{Context, attention, experts, feed_forward};
use crate::error::Error;
use crate::kv::Cache;
use crate::model::Model;
use crate::state::{State, Table};
use crate::weights::{FeedForward, Layer};

/// Consecutive tokens of one sequence, whose earlier positions are in the cache already.
#[derive(Debug, Clone)]
pub struct Chunk<'a> {
    /// The tokens, at least one.
    pub tokens: &'a [u32],
    /// Position of the first.
    pub position: usize,
    /// The sequence's pages in order, enough for all positions up to the last token's.
    pub pages: &'a [u32],
    /// Which of the tokens' logits are wanted: `0..0` for none, `n - 1..n` for the last of `n`.
    pub wanted: Range<usize>,
}

impl Model {
    /// Runs a batch through all layers: keys and values go to the cache, the rows whose logits are wanted to `state`,
    /// in the order of the chunks. Returns how many they are.
    ///
    /// # Errors
    /// [`Error::BadBatch`] if a token, a position or a page does not exist; nothing was changed then.
    pub fn forward(
        &self,
        team: &dyn Team,
        state: &mut State,
        cache: &mut Cache,
        chunks: &[Chunk<'_>],
    ) -> Result<usize, Error> {
        self.check(cache, chunks)?;
        let mut spans = spans_of(chunks, |chunk| 0..chunk.tokens.len());
        let context = Context { ops: self.ops, team, config: &self.config };
        let wanted = chunks.iter().map(|chunk| chunk.wanted.len()).sum();
        let mut rows = spans.iter().map(|span| span.tokens).sum();
        state.wanted = wanted;
        if rows == 0 {
            return Ok(0);
        }
        self.embed(team, chunks, state);
        self.rotations(team, &spans, state);
        if let Some(first) = self.weights.layers.first() {
            let length = rows * self.config.width;
            context.norm(&state.residual[..length], &first.attention_norm, state.normed.as_rows(length));
        }
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let layer_config = &self.config.layers[index];
            let layer_cache = &mut cache.layers[index];
            attention::project(&context, layer_config, &layer.attention, layer_cache, &spans, state);
            let is_last = index + 1 == self.weights.layers.len();
            if is_last && wanted == 0 {
                break;
            }
            if is_last && wanted < rows {
                // Keys and values are in the cache; what follows serves only the logits.
                self.keep_wanted(chunks, state);
                spans = spans_of(chunks, |chunk| chunk.wanted.clone());
                rows = wanted;
            }
            attention::attend(&context, layer_config, layer_cache, &spans, state);
            self.finish_layer(&context, layer, self.weights.layers.get(index + 1), rows, state);
        }
        Ok(wanted)
    }

    /// The logits (`[rows][vocabulary]`) of some of the wanted rows of the last batch; asking for them in parts keeps
    /// the memory that they take small.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if any is a NaN or an infinity; [`Error::BadBatch`] for rows that are not there.
    pub fn logits<'s>(&self, team: &dyn Team, state: &'s mut State, rows: Range<usize>) -> Result<&'s [f32], Error> {
        if rows.start > rows.end || rows.end > state.wanted {
            let problem = format!("logits of rows {rows:?} were asked for, but there are {}", state.wanted);
            return Err(Error::BadBatch { problem });
        }
        if rows.is_empty() {
            return Ok(&[]);
        }
        let (width, vocabulary) = (self.config.width, self.config.vocabulary);
        let context = Context { ops: self.ops, team, config: &self.config };
        let normed = state.normed.as_rows(rows.len() * width);
        context.norm(&state.residual[rows.start * width..rows.end * width], &self.weights.output_norm, normed);
        let logits = state.logits.sized(rows.len() * vocabulary);
        let not_finite = AtomicBool::new(false);
        let mut projections =
            [Projection { matrix: &self.weights.output, output: &mut *logits, not_finite: Some(&not_finite) }];
        if let Some(first) = self.weights.layers.first() {
            context.announce(&first.attention.inputs());
        }
        (self.ops.linear)(team, &mut state.scratch, Input::Rows(normed), rows.len(), &mut projections);
        if let Some(cap) = self.config.logit_cap {
            logits.iter_mut().for_each(|x| *x = cap * tanh(*x / cap));
        }
        if not_finite.into_inner()
            && let Some(index) = logits.iter().position(|x| !x.is_finite())
        {
            return Err(Error::NotFinite { row: rows.start + index / vocabulary });
        }
        Ok(logits)
    }

    /// The final hidden states (`[rows][width]`, after the output norm) of some of the wanted rows of the last batch.
    ///
    /// # Errors
    /// As [`Model::logits`].
    pub fn hidden<'s>(&self, team: &dyn Team, state: &'s mut State, rows: Range<usize>) -> Result<&'s [f32], Error> {
        if rows.start > rows.end || rows.end > state.wanted {
            let problem = format!("hidden states of rows {rows:?} were asked for, but there are {}", state.wanted);
            return Err(Error::BadBatch { problem });
        }
        let width = self.config.width;
        let context = Context { ops: self.ops, team, config: &self.config };
        let hidden = state.normed.as_rows(rows.len() * width);
        if !rows.is_empty() {
            context.norm(&state.residual[rows.start * width..rows.end * width], &self.weights.output_norm, hidden);
        }
        for (row, hidden) in rows.zip(hidden.chunks_exact(width)) {
            if !all_finite(hidden) {
                return Err(Error::NotFinite { row });
            }
        }
        Ok(hidden)
    }

    fn check(&self, cache: &Cache, chunks: &[Chunk<'_>]) -> Result<(), Error> {
        let bad = |problem: String| Err(Error::BadBatch { problem });
        let shape = self.config.cache_shape();
        if cache.layers.len() != self.config.layers.len() || cache.layers.iter().any(|layer| layer.shape != shape) {
            return bad("its cache was made for another model".into());
        }
        for chunk in chunks {
            if let Some(token) = chunk.tokens.iter().find(|token| **token as usize >= self.config.vocabulary) {
                return bad(format!("token {token} is not among the {} of the model", self.config.vocabulary));
            }
            let end = chunk.position.saturating_add(chunk.tokens.len());
            if end > self.context {
                return bad(format!("it reaches position {end}, but the context has {} positions", self.context));
            }
            if let Some(page) = chunk.pages.iter().find(|page| **page as usize >= cache.pages()) {
                return bad(format!("page {page} is not among the {} of the cache", cache.pages()));
            }
            if end > chunk.pages.len() * PAGE {
                return bad(format!("it reaches position {end}, but its {} pages do not", chunk.pages.len()));
            }
            if chunk.wanted.start > chunk.wanted.end || chunk.wanted.end > chunk.tokens.len() {
                return bad(format!("logits of {:?} of {} tokens are wanted", chunk.wanted, chunk.tokens.len()));
            }
        }
        Ok(())
    }

    /// The tokens' rows of the embedding.
    fn embed(&self, team: &dyn Team, chunks: &[Chunk<'_>], state: &mut State) {
        let width = self.config.width;
        let tokens: Vec<u32> = chunks.iter().flat_map(|chunk| chunk.tokens).copied().collect();
        let residual = state.residual.sized(tokens.len() * width);
        let factor = self.config.embedding_scale.unwrap_or(1.0);
        (self.ops.rows)(team, &self.weights.embedding, &tokens, factor, residual);
    }

    /// Cosines and sines of all rows, for every rotation of the model.
    fn rotations(&self, team: &dyn Team, spans: &[Span<'_>], state: &mut State) {
        state.tables.resize_with(self.weights.ropes.len(), Table::default);
        let positions = spans.iter().flat_map(|span| span.position..span.position + span.tokens);
        let positions: Vec<usize> = positions.collect();
        for (frequencies, table) in self.weights.ropes.iter().zip(&mut state.tables) {
            table.fill(team, frequencies, &positions);
        }
    }

    /// `attended` to the end of the layer, and to the norm with which `next` begins, if there is a next one.
    fn finish_layer(&self, context: &Context<'_>, layer: &Layer, next: Option<&Layer>, rows: usize, state: &mut State) {
        let attended = &state.attended[..rows * self.config.heads * self.config.value_size];
        let mixed = state.mixed.sized(rows * self.config.width);
        if let FeedForward::Dense(weights) = &layer.feed_forward {
            context.announce(&[&weights.gate.matrix, &weights.up.matrix]);
        }
        context.linear(&mut state.scratch, Input::Rows(attended), rows, [&layer.attention.output], [mixed]);
        let inputs = layer.feed_forward.inputs();
        let inputs = inputs.as_ref().filter(|_| feed_forward::is_one_piece(rows, self.config.feed_forward));
        let next_norm = Some((&layer.feed_forward_norm[..], inputs.map_or(&[][..], |inputs| inputs)));
        self.add(context, layer.attention_post_norm.as_deref(), next_norm, rows, state);
        match (&layer.feed_forward, next) {
            (FeedForward::Experts(weights), _) => experts::mixture(context, weights, rows, state),
            (FeedForward::Dense(weights), Some(next)) => {
                feed_forward::dense(context, weights, &next.attention.inputs(), rows, state);
            }
            (FeedForward::Dense(weights), None) => {
                feed_forward::dense(context, weights, &[&self.weights.output], rows, state);
            }
        }
        let inputs = next.map(|next| next.attention.inputs());
        let next_norm = next.zip(inputs.as_ref()).map(|(next, inputs)| (&next.attention_norm[..], &inputs[..]));
        self.add(context, layer.feed_forward_post_norm.as_deref(), next_norm, rows, state);
    }

    /// Adds `mixed` to `residual`, after a norm if there is one; the next norm of `residual`, for the product with some
    /// matrices, goes to `normed`.
    fn add(
        &self,
        context: &Context<'_>,
        post_norm: Option<&[f32]>,
        next_norm: Option<(&[f32], &[&Matrix])>,
        rows: usize,
        state: &mut State,
    ) {
        let length = rows * self.config.width;
        let State { residual, mixed, normed, .. } = state;
        let around = Around {
            before: post_norm.map(|gain| context.norm_with(gain)),
            after: next_norm.map(|(gain, readers)| After { norm: context.norm_with(gain), output: normed, readers }),
        };
        (self.ops.add)(context.team, &mut residual[..length], &mixed[..length], around);
    }

    /// Moves the wanted rows of `residual` and the queries to the front.
    fn keep_wanted(&self, chunks: &[Chunk<'_>], state: &mut State) {
        let (width, heads) = (self.config.width, self.config.heads * self.config.key_size);
        let (mut first, mut kept) = (0, 0);
        for chunk in chunks {
            for row in chunk.wanted.clone().map(|token| first + token) {
                state.residual.copy_within(row * width..(row + 1) * width, kept * width);
                state.queries.copy_within(row * heads..(row + 1) * heads, kept * heads);
                kept += 1;
            }
            first += chunk.tokens.len();
        }
    }
}

/// Some consecutive tokens of each chunk, as rows of a batch; chunks of which there are none are left out.
fn spans_of<'a>(chunks: &[Chunk<'a>], some: impl Fn(&Chunk<'_>) -> Range<usize>) -> Vec<Span<'a>> {
    let mut row = 0;
    let span = |chunk: &Chunk<'a>| {
        let some = some(chunk);
        let position = chunk.position + some.start;
        let span = Span { row, tokens: some.len(), position, pages: chunk.pages };
        row += span.tokens;
        (span.tokens > 0).then_some(span)
    };
    chunks.iter().filter_map(span).collect()
}

fn all_finite(x: &[f32]) -> bool {
    // Without an early exit, so that the compiler can take many at once.
    x.iter().fold(0, |largest, x| largest.max(x.to_bits() & 0x7fff_ffff)) < f32::INFINITY.to_bits()
}
