//! Keys and values into the cache, and attention over them.

use hefu_numerics::kv::{BLOCK, Profile};
use hefu_numerics::program::{Op, Rows, State as StateId, StateSpec, Weight};

use super::{B, F, L, U};
use crate::driver::{Argument, Buffer, Fault, Queue};
use crate::memory::{Memory, State, key_page_bytes, value_page_bytes};
use crate::runner::{Pass, Runner};

/// Keys or values of one state: so many numbers for each of some heads.
#[derive(Debug, Clone, Copy)]
struct Shape {
    heads: usize,
    size: usize,
    profile: Profile,
    /// Positions of one number lie side by side, as those of keys do.
    by_element: bool,
}

impl Shape {
    fn page_bytes(self) -> u32 {
        let bytes = if self.by_element { key_page_bytes } else { value_page_bytes };
        bytes(self.heads, self.size, self.profile) as u32
    }

    /// Numbers for which there is room.
    fn stored(self) -> usize {
        if self.profile == Profile::Q8 { self.size.next_multiple_of(BLOCK) } else { self.size }
    }
}

/// Positions that a query sees, and the place of its scores: the same for all kernels of one attention.
#[derive(Debug, Clone, Copy)]
struct Queries {
    at: u64,
    out: u64,
    rows: usize,
    /// Words of the batch: which rows these are, and where their page tables begin.
    list: u32,
    tables: u32,
    is_whole: bool,
    window: Option<usize>,
    /// Positions that a row sees at most.
    length: usize,
    heads: usize,
    scale: f32,
    cap: Option<f32>,
    sinks: Option<Weight>,
    alibi: Option<f32>,
}

impl Runner {
    /// Clause A1.
    pub(super) fn store(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let Op::StoreKv { keys, values, state } = *op else { return Ok(()) };
        let StateSpec::KeyValue { group, heads, key, value, .. } = *self.program.state(state) else { return Ok(()) };
        let (tables, profile) = (self.tables.groups[usize::from(group)], self.program.profile);
        let from = self.at(pass, keys);
        let shape = Shape { heads, size: key, profile, by_element: true };
        self.put(from, pass.rows, tables, shape, |memory| match &memory.states[state.0 as usize] {
            State::Pages { keys, .. } => Some(keys),
            State::Slots(_) => None,
        })?;
        if profile == Profile::I8 {
            let (from, source) = values.map_or((from, key), |values| (self.at(pass, values), value.size()));
            let shape = Shape { heads, size: value.size(), profile, by_element: false };
            return self.put_i8(from, pass.rows, (tables, source), shape, state);
        }
        let Some(values) = values else { return Ok(()) };
        let from = self.at(pass, values);
        let shape = Shape { heads, size: value.size(), profile, by_element: false };
        self.put(from, pass.rows, tables, shape, |memory| match &memory.states[state.0 as usize] {
            State::Pages { values, .. } => values.as_ref(),
            State::Slots(_) => None,
        })
    }

    /// Puts keys or values of all rows into their pages.
    fn put(
        &mut self,
        x: u64,
        rows: usize,
        tables: u32,
        shape: Shape,
        cache: impl Fn(&Memory) -> Option<&Buffer>,
    ) -> Result<(), Fault> {
        let (positions, by_element) = (self.tables.positions, u32::from(shape.by_element));
        let Shape { heads, size, profile, .. } = shape;
        if profile != Profile::F16 {
            self.quantise(x, rows * heads, size)?;
        }
        let memory = &self.memory;
        let Some(cache) = cache(memory) else { return Ok(()) };
        if profile != Profile::F16 {
            let blocks = size.div_ceil(BLOCK);
            let count = rows * heads * blocks;
            let buffers = [&memory.batch, cache, &memory.codes, &memory.scales].map(B);
            let numbers =
                [count as u32, positions, tables, heads as u32, blocks as u32, shape.page_bytes(), by_element];
            let all = buffers.into_iter().chain(numbers.map(U)).collect::<Vec<_>>();
            return self.queue.launch("store_q8", [count, 1, 1], &all);
        }
        let count = rows * heads * size;
        let first = [B(&memory.arena), B(&memory.batch), B(cache), L(x)];
        let numbers = [count as u32, positions, tables, heads as u32, size as u32, shape.page_bytes(), by_element];
        let all = first.into_iter().chain(numbers.map(U)).collect::<Vec<_>>();
        self.queue.launch("store_f16", [count, 1, 1], &all)
    }

    /// Puts values of all rows into their pages in i8, each from the first numbers of `source`.
    fn put_i8(
        &mut self,
        x: u64,
        rows: usize,
        (tables, source): (u32, usize),
        shape: Shape,
        state: StateId,
    ) -> Result<(), Fault> {
        let memory = &self.memory;
        let State::Pages { values: Some(cache), .. } = &memory.states[state.0 as usize] else { return Ok(()) };
        let (count, positions) = (rows * shape.heads, self.tables.positions);
        let first = [B(&memory.arena), B(&memory.batch), B(cache), L(x), U(count as u32), U(positions), U(tables)];
        let sizes = [shape.heads, shape.size, source].map(|number| U(number as u32));
        let all = first.into_iter().chain(sizes).chain([U(shape.page_bytes())]).collect::<Vec<_>>();
        self.queue.launch("store_i8", [count, 1, 1], &all)
    }

    /// Clauses A2 to A6, and A8.
    pub(super) fn attend(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let Op::Attend { queries, heads, scale, cap, sinks, alibi, state, out } = *op else { return Ok(()) };
        let StateSpec::KeyValue { group, heads: key_heads, key, value, window } = *self.program.state(state) else {
            return Ok(());
        };
        let ends = pass.batch.spans.iter().map(|span| span.position + span.rows.len());
        let end = ends.max().unwrap_or(0);
        let queries = Queries {
            at: self.at(pass, queries),
            out: self.at(pass, out),
            rows: pass.rows,
            list: if pass.which == Rows::All { self.tables.all } else { self.tables.wanted },
            tables: self.tables.groups[usize::from(group)],
            is_whole: false,
            window,
            length: window.map_or(end, |window| window.min(end)),
            heads,
            scale,
            cap,
            sinks,
            alibi,
        };
        let profile = self.program.profile;
        let keys = Shape { heads: key_heads, size: key, profile, by_element: true };
        let is_own = matches!(&self.memory.states[state.0 as usize], State::Pages { values: Some(_), .. });
        let values =
            Shape { heads: key_heads, size: if is_own { value.size() } else { key }, profile, by_element: !is_own };
        if profile != Profile::F16 {
            self.quantise(queries.at, queries.rows * heads, key)?;
        }
        let State::Pages { keys: key_pages, values: value_pages } = &self.memory.states[state.0 as usize] else {
            return Ok(());
        };
        let value_pages = value_pages.as_ref().unwrap_or(key_pages);
        let sinks = sinks.map_or(&self.memory.nothing, |sinks| self.weights.numbers(sinks));
        let attention = Attention {
            queries,
            keys,
            values,
            value_size: value.size(),
            positions: self.tables.positions,
            lasts: self.tables.lasts,
        };
        attention.launch(&mut self.queue, &self.memory, [key_pages, value_pages, sinks])
    }

    /// Clause A7: keys and values of the batch alone, in pages of their own.
    pub(super) fn attend_whole(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let Op::AttendWhole { queries, keys, values, heads, key_values, scale, window, alibi, out } = *op else {
            return Ok(());
        };
        let (tables, profile) = (self.tables.whole, Profile::F16);
        let shape = |runner: &Runner, value, by_element| {
            let size = runner.width(value) / key_values;
            Shape { heads: key_values, size, profile, by_element }
        };
        let shapes = [shape(self, keys, true), shape(self, values, false)];
        for (index, (value, shape)) in [keys, values].into_iter().zip(shapes).enumerate() {
            let from = self.at(pass, value);
            let rows = pass.batch.tokens.len();
            self.put(from, rows, tables, shape, |memory| memory.texts.as_ref().map(|texts| &texts[index]))?;
        }
        let longest = pass.batch.spans.iter().map(|span| span.rows.len()).max().unwrap_or(0);
        let queries = Queries {
            at: self.at(pass, queries),
            out: self.at(pass, out),
            rows: pass.rows,
            list: if pass.which == Rows::All { self.tables.all } else { self.tables.wanted },
            tables,
            is_whole: true,
            window,
            length: longest,
            heads,
            scale,
            cap: None,
            sinks: None,
            alibi,
        };
        let Some([key_pages, value_pages]) = &self.memory.texts else { return Ok(()) };
        let [keys, values] = shapes;
        let (positions, lasts) = (self.tables.positions, self.tables.lasts);
        let attention = Attention { queries, keys, values, value_size: values.size, positions, lasts };
        attention.launch(&mut self.queue, &self.memory, [key_pages, value_pages, &self.memory.nothing])
    }
}

/// One attention.
struct Attention {
    queries: Queries,
    keys: Shape,
    values: Shape,
    value_size: usize,
    positions: u32,
    lasts: u32,
}

impl Attention {
    /// As many queries at a time as scores have room for.
    fn launch(&self, queue: &mut Queue, memory: &Memory, of: [&Buffer; 3]) -> Result<(), Fault> {
        let each = (self.queries.heads * self.queries.length).max(1);
        let at_once = (memory.scores.bytes() / 4 / each).max(1);
        for first in (0..self.queries.rows).step_by(at_once) {
            self.some(queue, memory, of, first, at_once.min(self.queries.rows - first))?;
        }
        Ok(())
    }

    /// Arguments of every kernel on what queries see.
    fn seen(&self, first: usize) -> [Argument<'static>; 8] {
        let queries = &self.queries;
        let window = queries.window.map_or(u32::MAX, |window| u32::try_from(window).unwrap_or(u32::MAX));
        let is_whole = u32::from(queries.is_whole);
        let length = queries.length as u32;
        [first as u32, queries.list, self.positions, queries.tables, self.lasts, is_whole, window, length].map(U)
    }

    fn some(
        &self,
        queue: &mut Queue,
        memory: &Memory,
        [keys, values, sinks]: [&Buffer; 3],
        first: usize,
        count: usize,
    ) -> Result<(), Fault> {
        let queries = &self.queries;
        let (heads, seen) = (queries.heads, self.seen(first));
        let [group, key_heads] = [heads / self.keys.heads, self.keys.heads].map(|number| U(number as u32));
        let own_heads = U(heads as u32);
        let all = [queries.length, heads, count];
        let (scores, largest, batch) = (B(&memory.scores), B(&memory.largest), B(&memory.batch));
        let (page, cap) = (U(self.keys.page_bytes()), queries.cap);
        let has_slopes = U(u32::from(queries.alibi.is_some()));
        let slopes = B(queries.alibi.and_then(|most| memory.slopes(heads, most)).unwrap_or(&memory.nothing));
        let factors = [F(queries.scale), has_slopes, U(u32::from(cap.is_some())), F(cap.unwrap_or_default())];
        let (name, before, size) = if self.keys.profile != Profile::F16 {
            let before = vec![B(&memory.codes), B(&memory.scales), batch, B(keys), scores, slopes];
            ("scores_q8", before, self.keys.size.div_ceil(BLOCK))
        } else {
            let before = vec![B(&memory.arena), batch, B(keys), scores, slopes, L(queries.at)];
            ("scores_f16", before, self.keys.size)
        };
        let shape = [own_heads, group, key_heads, U(size as u32), page];
        queue.launch(name, all, &before.into_iter().chain(seen).chain(shape).chain(factors).collect::<Vec<_>>())?;

        let (with_sinks, pairs) = ([B(sinks), U(u32::from(queries.sinks.is_some()))], heads * count);
        let first = [batch, scores, largest];
        let of_pairs = || first.into_iter().chain(with_sinks).chain(seen).chain([own_heads, U(pairs as u32)]);
        queue.launch("largest_score", [pairs, 1, 1], &of_pairs().collect::<Vec<_>>())?;
        let weights = first.into_iter().chain(seen).chain([own_heads]).collect::<Vec<_>>();
        queue.launch("weights_of", all, &weights)?;
        queue.launch("total_weight", [pairs, 1, 1], &of_pairs().collect::<Vec<_>>())?;

        let buffers = [B(&memory.arena), batch, B(values), scores, largest, L(queries.out)];
        let values = &self.values;
        if values.profile == Profile::I8 {
            let shape = [own_heads, group, key_heads, U(self.value_size as u32), U(values.page_bytes())];
            let sum = buffers.into_iter().chain(seen).chain(shape).collect::<Vec<_>>();
            return queue.launch("values_sum_i8", [self.value_size, heads, count], &sum);
        }
        let flags = [values.by_element, values.profile == Profile::Q8].map(|flag| U(u32::from(flag)));
        let shape = [own_heads, group, key_heads, U(self.value_size as u32), U(values.stored() as u32)];
        let sum = buffers.into_iter().chain(seen).chain(shape).chain([U(values.page_bytes())]).chain(flags);
        queue.launch("values_sum", [self.value_size, heads, count], &sum.collect::<Vec<_>>())
    }
}
