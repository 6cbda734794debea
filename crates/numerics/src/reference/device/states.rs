//! The operations that read or write what is kept of sequences.

use std::ops::Range;

use super::executable::{Interpreter, Pass};
use crate::attention::{Attention, Span, slopes};
use crate::device::Batch;
use crate::kv::{LayerCache, PAGE, Profile};
use crate::program::{Op, Program, Rows, State, StateSpec, Value, Values};
use crate::reference::{
    Delta, Scan, WkvRows, attend, gated_delta, selective_scan, short_conv, store_kv, token_shift, wkv7,
};

impl Interpreter {
    /// Operations that write a value and read a state.
    pub(super) fn with_states(&mut self, op: &Op, pass: &Pass<'_>, out: &mut [f32]) {
        let values = &self.values;
        let all = |value: Value| &values[value.0 as usize][..];
        match *op {
            Op::Attend { queries, heads, scale, cap, sinks, alibi, state, .. } => {
                let (group, window) = group_and_window(&self.program, state);
                let spans = spans(pass.batch, group, pass.rows_of);
                let cache = &*self.states[state.0 as usize].pages();
                let sinks = sinks.map(|sinks| self.weights.vector(sinks));
                let slopes = alibi.map(|most| slopes(heads, most));
                let (queries, spans, is_whole, slopes) = (all(queries), &spans[..], false, slopes.as_deref());
                attend(&Attention { queries, heads, scale, window, is_whole, cap, sinks, slopes, cache, spans }, out);
            }
            Op::ShortConv { x, weight, bias, activation, state, .. } => {
                let (kernel, bias) = (self.weights.matrix(weight), bias.map(|bias| self.weights.vector(bias)));
                let channels = kernel.rows;
                self.states[state.0 as usize].slots().for_each_span(pass.batch, |rows, numbers| {
                    let rows = rows.start * channels..rows.end * channels;
                    short_conv(&all(x)[rows.clone()], kernel, bias, activation, numbers, &mut out[rows]);
                });
            }
            Op::GatedDelta { queries, keys, values, decay, beta, ref heads, scale, state, .. } => {
                self.states[state.0 as usize].slots().for_each_span(pass.batch, |rows, numbers| {
                    let of = |width: usize| rows.start * width..rows.end * width;
                    let (key_width, value_width) = (heads.keys * heads.key_size, heads.values * heads.value_size);
                    let delta = Delta {
                        queries: &all(queries)[of(key_width)],
                        keys: &all(keys)[of(key_width)],
                        values: &all(values)[of(value_width)],
                        decay: &all(decay)[of(heads.values)],
                        beta: beta.map(|beta| &all(beta)[of(heads.values)]),
                    };
                    gated_delta(&delta, heads, scale, numbers, &mut out[of(value_width)]);
                });
            }
            _ => {}
        }
    }

    /// Scans of later families.
    pub(super) fn scans(&mut self, op: &Op, pass: &Pass<'_>, out: &mut [f32]) {
        let (values, program) = (&self.values, &self.program);
        let Some(state) = op.state() else { return };
        let width = |value: Value| program.value(value).width;
        let of = |value: Value, rows: &Range<usize>| -> &[f32] {
            &values[value.0 as usize][rows.start * width(value)..rows.end * width(value)]
        };
        match *op {
            Op::SelectiveScan { x, steps, keys, queries, rates, .. } => {
                let rates = self.weights.numbers(rates);
                self.states[state.0 as usize].slots().for_each_span(pass.batch, |rows, numbers| {
                    let [x_of, steps, keys_of, queries] = [x, steps, keys, queries].map(|value| of(value, &rows));
                    let scan = Scan { x: x_of, steps, keys: keys_of, queries, rates: &rates };
                    let out = &mut out[rows.start * width(x)..rows.end * width(x)];
                    selective_scan(&scan, width(keys), numbers, out);
                });
            }
            Op::TokenShift { x, .. } => {
                self.states[state.0 as usize].slots().for_each_span(pass.batch, |rows, numbers| {
                    let out = &mut out[rows.start * width(x)..rows.end * width(x)];
                    token_shift(of(x, &rows), numbers, out);
                });
            }
            Op::Wkv7 { inputs, heads, out: value, .. } => {
                self.states[state.0 as usize].slots().for_each_span(pass.batch, |rows, numbers| {
                    let all = inputs.all().map(|value| of(value, &rows));
                    let [queries, decay, keys, values, removal, rates] = all;
                    let of_rows = WkvRows { queries, decay, keys, values, removal, rates };
                    let out = &mut out[rows.start * width(value)..rows.end * width(value)];
                    wkv7(&of_rows, heads, width(value) / heads, numbers, out);
                });
            }
            _ => {}
        }
    }

    /// Attention of whole texts: keys and values of this batch alone, in pages of their own.
    pub(super) fn attend_whole(&self, op: &Op, batch: &Batch<'_>, out: &mut [f32]) {
        let Op::AttendWhole { queries, keys, values, heads, key_values, scale, window, alibi, .. } = *op else {
            return;
        };
        let size = |value: Value| self.program.value(value).width / key_values;
        let value = Values::Own(size(values));
        let spec = StateSpec::KeyValue { group: 0, heads: key_values, key: size(keys), value, window: None };
        let pages = whole_pages(batch);
        let mut cache = LayerCache::of(&spec, Profile::F16, pages.iter().map(Vec::len).sum());
        let span = |(span, pages)| {
            let span: &crate::device::Span<'_> = span;
            Span { row: span.rows.start, tokens: span.rows.len(), position: 0, pages }
        };
        let spans: Vec<Span<'_>> = batch.spans.iter().zip(pages.iter().map(|pages| &pages[..])).map(span).collect();
        let spans: Vec<Span<'_>> = spans.into_iter().filter(|span| span.tokens > 0).collect();
        store_kv(self.rows(keys), Some(self.rows(values)), &spans, &mut cache);
        let (queries, cache, spans) = (self.rows(queries), &cache, &spans[..]);
        let slopes = alibi.map(|most| slopes(heads, most));
        let (is_whole, cap, sinks, slopes) = (true, None, None, slopes.as_deref());
        attend(&Attention { queries, heads, scale, window, is_whole, cap, sinks, slopes, cache, spans }, out);
    }

    /// Keys and values into the cache.
    pub(super) fn store(&mut self, op: &Op, pass: &Pass<'_>) {
        let Op::StoreKv { keys, values, state } = *op else { return };
        let (group, _) = group_and_window(&self.program, state);
        let rows = |value: Value| &self.values[value.0 as usize][..];
        let cache = self.states[state.0 as usize].pages();
        store_kv(rows(keys), values.map(rows), &spans(pass.batch, group, Rows::All), cache);
    }
}

/// Pages for the positions of each span, one after the other.
fn whole_pages(batch: &Batch<'_>) -> Vec<Vec<u32>> {
    let mut next = 0;
    let mut pages = |span: &crate::device::Span<'_>| {
        let first = next;
        next += span.rows.len().div_ceil(PAGE) as u32;
        (first..next).collect()
    };
    batch.spans.iter().map(&mut pages).collect()
}

/// Page table of a state's positions, and the window of attention.
fn group_and_window(program: &Program, state: State) -> (usize, Option<usize>) {
    match *program.state(state) {
        StateSpec::KeyValue { group, window, .. } => (usize::from(group), window),
        StateSpec::Recurrent { .. } => (0, None),
    }
}

/// The spans of all rows, or those of the wanted rows, which follow each other then.
fn spans<'a>(batch: &Batch<'a>, group: usize, rows_of: Rows) -> Vec<Span<'a>> {
    let mut row = 0;
    let mut spans = Vec::new();
    for span in batch.spans {
        let some = if rows_of == Rows::All { 0..span.rows.len() } else { span.wanted.clone() };
        let pages = span.tables[group];
        spans.push(Span { row, tokens: some.len(), position: span.position + some.start, pages });
        row += some.len();
    }
    spans
}
