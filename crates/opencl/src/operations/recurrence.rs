//! Operations that move recurrent states on.

use hefu_numerics::program::{Op, Sharing};

use super::{B, F, L, U, function};
use crate::driver::Fault;
use crate::memory::State;
use crate::runner::{Pass, Runner};

impl Runner {
    /// Clauses D2 and D4 to D8.
    pub(super) fn advance(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let (spans, count) = (self.tables.spans, self.tables.span_count);
        let Some(State::Slots(slots)) = op.state().map(|state| &self.memory.states[state.0 as usize]) else {
            return Ok(());
        };
        let (arena, batch) = (&self.memory.arena, &self.memory.batch);
        match *op {
            Op::ShortConv { x, weight, bias, activation, out, .. } => {
                let shape = self.program.weight(weight).shape;
                let (channels, taps) = (shape.rows(), shape.columns());
                let biased = bias.map_or(&self.memory.nothing, |bias| self.weights.numbers(bias));
                let (from, to) = (self.at(pass, x), self.at(pass, out));
                let buffers = [arena, batch, slots, self.weights.numbers(weight), biased].map(B);
                let numbers = [spans, channels as u32, taps as u32, u32::from(bias.is_some()), function(activation)];
                let all = buffers.into_iter().chain([L(from), L(to)]).chain(numbers.map(U)).collect::<Vec<_>>();
                self.queue.launch("short_conv", [channels, count, 1], &all)
            }
            Op::GatedDelta { queries, keys, values, decay, beta, ref heads, scale, out, .. } => {
                let places = [queries, keys, values, decay, beta.unwrap_or(decay), out];
                let places = places.map(|value| L(self.at(pass, value)));
                let numbers = [heads.keys, heads.values, heads.key_size, heads.value_size].map(|number| number as u32);
                let flags = [heads.sharing == Sharing::Tiled, beta.is_some()].map(|flag| U(u32::from(flag)));
                let all = [B(arena), B(batch), B(slots)].into_iter().chain(places).chain([U(spans)]);
                let all = all.chain(numbers.map(U)).chain(flags).chain([F(scale)]).collect::<Vec<_>>();
                self.queue.launch("gated_delta", [heads.values * heads.value_size, count, 1], &all)
            }
            Op::SelectiveScan { x, steps, keys, queries, rates, out, .. } => {
                let places = [x, steps, keys, queries, out].map(|value| L(self.at(pass, value)));
                let (channels, numbers) = (self.width(x), self.width(keys));
                let buffers = [arena, batch, slots, self.weights.numbers(rates)].map(B).into_iter();
                let all = buffers.chain(places).chain([spans, channels as u32, numbers as u32].map(U));
                self.queue.launch("selective_scan", [channels, count, 1], &all.collect::<Vec<_>>())
            }
            Op::TokenShift { x, out, .. } => {
                let (width, places) = (self.width(x), [x, out].map(|value| L(self.at(pass, value))));
                let all = [arena, batch, slots].map(B).into_iter().chain(places).chain([U(spans), U(width as u32)]);
                self.queue.launch("token_shift", [width, count, 1], &all.collect::<Vec<_>>())
            }
            Op::Wkv7 { ref inputs, heads, out, .. } => {
                let width = self.width(out);
                let places = inputs.all().into_iter().chain([out]).map(|value| L(self.at(pass, value)));
                let numbers = [spans, heads as u32, (width / heads) as u32].map(U);
                let all = [arena, batch, slots].map(B).into_iter().chain(places).chain(numbers).collect::<Vec<_>>();
                self.queue.launch("wkv7", [width, count, 1], &all)
            }
            _ => Ok(()),
        }
    }
}
