//! Steps that read or write states.

use std::ops::Range;

use hefu_numerics::attention::{Attention, Span, slopes};
use hefu_numerics::device::Batch;
use hefu_numerics::kv::{KvShape, LayerCache, PAGE, Profile};
use hefu_numerics::program::{DeltaHeads, Op, Rows, Sharing, State, StateSpec, Value, Values};

use super::{Call, Machine};
use crate::device::machine::kept_value;
use crate::generic::lanes::LANES;
use crate::generic::parallel::{Shared, parallel_for};
use crate::generic::recurrent::{ConvJob, DeltaJob};

impl Machine {
    /// An operation with a state.
    pub(super) fn with_state(&mut self, call: &Call<'_>, op: &Op) {
        match *op {
            Op::StoreKv { keys, values, state } => self.store(call, keys, values, state),
            Op::Attend { .. } => self.attend(call, op),
            Op::ShortConv { out, state, .. }
            | Op::GatedDelta { out, state, .. }
            | Op::SelectiveScan { out, state, .. }
            | Op::TokenShift { out, state, .. }
            | Op::Wkv7 { out, state, .. } => {
                let mut place = self.take_out(call, out);
                let rows = place.as_rows(call.rows * self.width(out));
                let mut numbers = std::mem::take(&mut self.recurrent[state.0 as usize]);
                let StateSpec::Recurrent { numbers: size } = *self.program.state(state) else { return };
                for_each_span(&call.rowset.batch, &mut numbers, size, |rows_of, numbers| match op {
                    Op::ShortConv { .. } => self.short_conv(call, op, rows_of, numbers, rows),
                    Op::GatedDelta { .. } => self.gated_delta(call, op, rows_of, numbers, rows),
                    _ => self.scan(call, op, rows_of, numbers, rows),
                });
                self.recurrent[state.0 as usize] = numbers;
                self.put_back(call, out, place);
            }
            _ => unreachable!("only operations with states come here"),
        }
    }

    fn store(&mut self, call: &Call<'_>, keys: Value, values: Option<Value>, state: State) {
        let StateSpec::KeyValue { group, heads, key, value, .. } = *self.program.state(state) else {
            unreachable!("a sealed program stores keys in a key-value state");
        };
        let mut cache = self.caches[state.0 as usize].take().expect("made when the program was compiled");
        let all_keys = &self.rows(call, keys)[..call.rows * heads * key];
        let spans = call.rowset.spans(group, Rows::All);
        match (values, value) {
            (Some(values), _) => {
                let values = &self.rows(call, values)[..call.rows * heads * value.size()];
                (self.ops.store)(&*self.team, &mut cache, spans, all_keys, values);
            }
            // Kept a second time, in the order in which attention reads values.
            (None, Values::FirstOfKey(_)) => {
                let size = kept_value(self.program.profile, key, value);
                let values: Vec<f32> = all_keys.chunks_exact(key).flat_map(|key| &key[..size]).copied().collect();
                (self.ops.store)(&*self.team, &mut cache, spans, all_keys, &values);
            }
            (None, Values::Own(_)) => unreachable!("a sealed program brings values where they are stored"),
        }
        self.caches[state.0 as usize] = Some(cache);
    }

    fn attend(&mut self, call: &Call<'_>, op: &Op) {
        let Op::Attend { queries, heads, scale, cap, sinks, alibi, state, out } = *op else { return };
        let StateSpec::KeyValue { group, window, key, value, .. } = *self.program.state(state) else {
            unreachable!("a sealed program attends to a key-value state");
        };
        let length = call.rows * self.width(out);
        let mut output = self.take_out(call, out);
        let mut scratch = std::mem::take(&mut self.scratch);
        let cache: &LayerCache = self.caches[state.0 as usize].as_ref().expect("made when the program was compiled");
        let queries = &self.rows(call, queries)[..call.rows * self.width(queries)];
        let spans = call.rowset.spans(group, call.step.rows);
        let sinks = sinks.map(|sinks| &self.weights.vector(sinks)[..]);
        let slopes = alibi.map(|most| slopes(heads, most));
        let (is_whole, slopes) = (false, slopes.as_deref());
        let attention = Attention { queries, heads, scale, window, is_whole, cap, sinks, slopes, cache, spans };
        let (size, kept) = (value.size(), kept_value(self.program.profile, key, value));
        if size == kept {
            (self.ops.attention)(&*self.team, &mut scratch, &attention, output.as_rows(length));
        } else {
            // More of each value is kept than is asked for.
            let mut all = vec![0.0; call.rows * heads * kept];
            (self.ops.attention)(&*self.team, &mut scratch, &attention, &mut all);
            let heads = output.as_rows(length).chunks_exact_mut(size).zip(all.chunks_exact(kept));
            heads.for_each(|(output, all)| output.copy_from_slice(&all[..size]));
        }
        self.scratch = scratch;
        self.put_back(call, out, output);
    }

    /// Attention of whole texts: keys and values of this batch alone, in pages of their own.
    pub(super) fn attend_whole(&mut self, call: &Call<'_>, op: &Op) {
        let Op::AttendWhole { queries, keys, values, heads, key_values, scale, window, alibi, out } = *op else {
            return;
        };
        let (key, value) = (self.width(keys) / key_values, self.width(values) / key_values);
        let spec = StateSpec::KeyValue { group: 0, heads: key_values, key, value: Values::Own(value), window: None };
        let shape = KvShape::of(&spec, Profile::F16).expect("the state holds keys and values");
        let texts = Texts::new(&call.rowset.batch);
        let kept = self.text.take().filter(|cache| cache.shape == shape && texts.fit(cache));
        let mut cache = kept.unwrap_or_else(|| LayerCache::new(shape, texts.pages.len()));
        let spans = texts.spans();
        let length = call.rows * self.width(out);
        let mut output = self.take_out(call, out);
        let mut scratch = std::mem::take(&mut self.scratch);
        let of = |value: Value| &self.rows(call, value)[..call.rows * self.width(value)];
        (self.ops.store)(&*self.team, &mut cache, &spans, of(keys), of(values));
        let slopes = alibi.map(|most| slopes(heads, most));
        let (queries, is_whole, cap, sinks, slopes) = (of(queries), true, None, None, slopes.as_deref());
        let (cache_of, spans) = (&cache, &spans[..]);
        let attention =
            Attention { queries, heads, scale, window, is_whole, cap, sinks, slopes, cache: cache_of, spans };
        (self.ops.attention)(&*self.team, &mut scratch, &attention, output.as_rows(length));
        self.scratch = scratch;
        self.text = Some(cache);
        self.put_back(call, out, output);
    }

    /// Rows `rows` of a short convolution: threads take channels.
    fn short_conv(&self, call: &Call<'_>, op: &Op, rows: Range<usize>, state: &mut [f32], out: &mut [f32]) {
        let Op::ShortConv { x, weight, bias, activation, .. } = *op else { return };
        let channels = self.width(x);
        let x = &self.rows(call, x)[rows.start * channels..rows.end * channels];
        let out = &mut out[rows.start * channels..rows.end * channels];
        let (kernel, bias) = (self.weights.kernel(weight), bias.map(|bias| &self.weights.vector(bias)[..]));
        let (state, out) = (Shared::new(state.as_mut_ptr()), Shared::new(out.as_mut_ptr()));
        parallel_for(&*self.team, channels.div_ceil(LANES), &|index, _| {
            let own = index * LANES..channels.min((index + 1) * LANES);
            // SAFETY: these kernels are handed out only where their instructions are; jobs have no channel in common.
            unsafe {
                let (state, out) = (state.at(0), out.at(0));
                (self.kernels.short_conv)(&ConvJob { x, kernel, bias, activation, channels, own, state, out });
            }
        });
    }

    /// Rows `rows` of the gated delta rule: threads take heads.
    fn gated_delta(&self, call: &Call<'_>, op: &Op, rows: Range<usize>, state: &mut [f32], out: &mut [f32]) {
        let Op::GatedDelta { queries, keys, values, decay, beta, heads, scale, .. } = *op else { return };
        let DeltaHeads { key_size, value_size, .. } = heads;
        let part = |value: Value| {
            let width = self.width(value);
            (&self.rows(call, value)[rows.start * width..rows.end * width], width)
        };
        let ([queries, keys, values, decay], beta) = ([queries, keys, values, decay].map(part), beta.map(part));
        let (state, out) = (Shared::new(state.as_mut_ptr()), Shared::new(out[rows.start * values.1..].as_mut_ptr()));
        parallel_for(&*self.team, heads.values, &|head, _| {
            let shared = match heads.sharing {
                Sharing::Tiled => head % heads.keys,
                Sharing::Grouped => head / (heads.values / heads.keys),
            };
            let of = |(all, width): (_, usize), first: usize| -> (&[f32], usize) {
                let all: &[f32] = all;
                (all.get(first..).unwrap_or_default(), width)
            };
            // SAFETY: these kernels are handed out only where their instructions are; jobs have no head in common.
            unsafe {
                let job = DeltaJob {
                    rows: rows.len(),
                    queries: of(queries, shared * key_size),
                    keys: of(keys, shared * key_size),
                    values: of(values, head * value_size),
                    decay: of(decay, head),
                    beta: beta.map(|beta| of(beta, head)),
                    key_size,
                    value_size,
                    scale,
                    state: state.at(head * key_size * value_size),
                    out: out.at(head * value_size),
                };
                (self.kernels.gated_delta)(&job);
            }
        });
    }
}

/// The texts of a batch, with pages for each, one after the other.
struct Texts {
    /// Rows and pages of each.
    rows: Vec<Range<usize>>,
    pages: Vec<u32>,
}

impl Texts {
    fn new(batch: &Batch<'_>) -> Self {
        let rows: Vec<Range<usize>> = batch.spans.iter().map(|span| span.rows.clone()).collect();
        let count: usize = rows.iter().map(|rows| rows.len().div_ceil(PAGE)).sum();
        Texts { rows, pages: (0..count as u32).collect() }
    }

    /// True if a cache has pages enough.
    fn fit(&self, cache: &LayerCache) -> bool {
        cache.keys.len() >= self.pages.len() * cache.shape.page_key_bytes()
    }

    fn spans(&self) -> Vec<Span<'_>> {
        let mut first = 0;
        let span = |rows: &Range<usize>| {
            let pages = &self.pages[first..first + rows.len().div_ceil(PAGE)];
            first += pages.len();
            (!rows.is_empty()).then_some(Span { row: rows.start, tokens: rows.len(), position: 0, pages })
        };
        self.rows.iter().filter_map(span).collect()
    }
}

/// Calls `advance` with the rows of every span and the numbers that it begins with, which it moves on; in pieces, where
/// they are to be kept in between (clause D1). `all`: `[slots][size]`.
fn for_each_span(batch: &Batch<'_>, all: &mut [f32], size: usize, mut advance: impl FnMut(Range<usize>, &mut [f32])) {
    for span in batch.spans {
        let Some(slots) = &span.slots else { continue };
        let place = |slot: u32| slot as usize * size..(slot as usize + 1) * size;
        let write = place(slots.write);
        match slots.read {
            Some(read) if read == slots.write => {}
            Some(read) => all.copy_within(place(read), write.start),
            None => all[write.clone()].fill(0.0),
        }
        let mut from = span.rows.start;
        for &(rows, slot) in slots.keep {
            advance(from..span.rows.start + rows, &mut all[write.clone()]);
            all.copy_within(write.clone(), place(slot).start);
            from = span.rows.start + rows;
        }
        advance(from..span.rows.end, &mut all[write]);
    }
}
