//! The memory of a program that is ready to run: states, values and what operations work with.

use hefu_numerics::attention::slopes;
use hefu_numerics::device::{Error, Size};
use hefu_numerics::kv::{BLOCK, LayerCache, PAGE, Profile};
use hefu_numerics::program::{Op, Order, Program, StateSpec, Value, Values};

use crate::driver::{Buffer, Fault, Queue};
use crate::errors::{self, Short};
use crate::places::{Places, outputs_of, state_numbers};
use crate::tables::Tables;

/// Bytes of a block of quantised activations: integers, their scale, and two sums.
const QUANTISED_BLOCK: usize = BLOCK + 4 + 8;
/// Numbers that scores of attention take at most, unless those of one row are more.
const SCORES: usize = 1 << 24;

/// All of it.
#[derive(Debug)]
pub(crate) struct Memory {
    /// All values, first those of heads.
    pub(crate) arena: Buffer,
    /// Rows of the body, and of a head, that there is room for.
    pub(crate) rows: usize,
    pub(crate) head_rows: usize,
    /// The words of a batch.
    pub(crate) batch: Buffer,
    /// Activations as integers (clause Q1), by blocks of 32.
    pub(crate) codes: Buffer,
    pub(crate) scales: Buffer,
    pub(crate) sums: Buffer,
    /// Scores of attention, and one number for each query and head.
    pub(crate) scores: Buffer,
    pub(crate) largest: Buffer,
    /// Buffer in place of a missing vector.
    pub(crate) nothing: Buffer,
    /// Slopes (clause A8) of so many heads with this greatest exponent.
    slopes: Vec<(usize, f32, Buffer)>,
    /// By number of state.
    pub(crate) states: Vec<State>,
    /// Keys and values of texts that are read as a whole.
    pub(crate) texts: Option<[Buffer; 2]>,
}

/// Caches and states of sequences.
#[derive(Debug)]
pub(crate) enum State {
    /// Pages of keys and, where they are not the first numbers of keys, of values.
    Pages { keys: Buffer, values: Option<Buffer> },
    /// `[slots][numbers]`.
    Slots(Buffer),
}

/// Bytes of all states; `None` if they cannot be counted.
pub(crate) fn state_bytes(program: &Program, size: &Size) -> Option<usize> {
    program.states.iter().try_fold(0_usize, |sum, spec| {
        let bytes = match LayerCache::page_bytes(spec, program.profile) {
            Some(page) => page.checked_mul(size.pages)?,
            None => state_numbers(spec).checked_mul(4)?.checked_mul(size.slots)?,
        };
        sum.checked_add(bytes)
    })
}

/// Bytes that values and scratch memory take; `None` if they cannot be counted.
pub(crate) fn activation_bytes(program: &Program, size: &Size, places: &Places) -> Option<usize> {
    let values = places.body.checked_mul(size.rows)?.checked_add(places.heads.checked_mul(size.head_rows)?)?;
    let blocks = blocks(program, size.rows.max(size.head_rows)).checked_mul(QUANTISED_BLOCK)?;
    let scores = scores(program, size).checked_mul(4)?;
    values.checked_mul(4)?.checked_add(blocks)?.checked_add(scores)
}

/// Bytes of one page of keys of `size` numbers for each of `heads` heads.
pub(crate) fn key_page_bytes(heads: usize, size: usize, profile: Profile) -> usize {
    let bytes = match profile {
        Profile::F16 => size * 2,
        Profile::Q8 | Profile::I8 => size.div_ceil(BLOCK) * (BLOCK + 2),
    };
    heads * PAGE * bytes
}

/// The same of values: in i8 one scale for all numbers.
pub(crate) fn value_page_bytes(heads: usize, size: usize, profile: Profile) -> usize {
    match profile {
        Profile::F16 | Profile::Q8 => key_page_bytes(heads, size, profile),
        Profile::I8 => heads * PAGE * (size + 2),
    }
}

/// Blocks of quantised activations that the widest operation needs for so many rows.
fn blocks(program: &Program, rows: usize) -> usize {
    let has_blocks = program.profile != Profile::F16;
    let of_heads = |value: Value, heads: usize| heads * (program.value(value).width / heads.max(1)).div_ceil(BLOCK);
    let of_op = |op: &Op| match *op {
        Op::Linear { x, .. } | Op::HeadLinear { x, .. } => program.value(x).width.div_ceil(BLOCK),
        Op::Experts { x, choices, up, .. } => {
            let inner = program.value(choices).width * outputs_of(program, up).div_ceil(BLOCK);
            inner.max(program.value(x).width.div_ceil(BLOCK))
        }
        Op::Attend { queries, heads, .. } if has_blocks => of_heads(queries, heads),
        Op::StoreKv { keys, values, state } if has_blocks => {
            let StateSpec::KeyValue { heads, .. } = *program.state(state) else { return 0 };
            of_heads(keys, heads).max(values.map_or(0, |values| of_heads(values, heads)))
        }
        _ => 0,
    };
    let widest = program.sections.iter().flat_map(|section| &section.steps).map(|step| of_op(&step.op)).max();
    widest.unwrap_or(0).saturating_mul(rows)
}

/// Numbers that the scores of the widest attention take: for all rows, if that is not too much, and for one row at least.
fn scores(program: &Program, size: &Size) -> usize {
    let positions = match program.order {
        Order::Causal => program.context.min(size.pages.saturating_mul(PAGE)),
        Order::Whole => program.context,
    };
    let of_op = |op: &Op| match *op {
        Op::Attend { heads, state, .. } => {
            let StateSpec::KeyValue { window, .. } = *program.state(state) else { return 0 };
            heads.saturating_mul(window.map_or(positions, |window| window.min(positions)))
        }
        Op::AttendWhole { heads, .. } => heads.saturating_mul(positions),
        _ => 0,
    };
    let widest = program.sections.iter().flat_map(|section| &section.steps).map(|step| of_op(&step.op)).max();
    let one = widest.unwrap_or(0);
    one.saturating_mul(size.rows).min(SCORES).max(one)
}

/// Heads of the widest attention.
fn most_heads(program: &Program) -> usize {
    let of_op = |op: &Op| match *op {
        Op::Attend { heads, .. } | Op::AttendWhole { heads, .. } => heads,
        _ => 0,
    };
    program.sections.iter().flat_map(|section| &section.steps).map(|step| of_op(&step.op)).max().unwrap_or(0)
}

/// The slopes of all attentions that have some.
fn slopes_of(program: &Program, queue: &Queue) -> Result<Vec<(usize, f32, Buffer)>, Error> {
    let mut all: Vec<(usize, f32, Buffer)> = Vec::new();
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        let (Op::Attend { heads, alibi: Some(most), .. } | Op::AttendWhole { heads, alibi: Some(most), .. }) = step.op
        else {
            continue;
        };
        if !all.iter().any(|one| (one.0, one.1) == (heads, most)) {
            let buffer = taken(queue, "values", heads * 4)?;
            queue.write(&buffer, 0, &slopes(heads, most)).map_err(errors::failed)?;
            all.push((heads, most, buffer));
        }
    }
    Ok(all)
}

impl Memory {
    /// The slopes of so many heads with this greatest exponent.
    pub(crate) fn slopes(&self, heads: usize, most: f32) -> Option<&Buffer> {
        self.slopes.iter().find(|one| (one.0, one.1) == (heads, most)).map(|one| &one.2)
    }

    /// Memory for so many pages, slots and rows; states are empty.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is too little.
    pub(crate) fn new(program: &Program, size: &Size, places: &Places, queue: &Queue) -> Result<Memory, Error> {
        let cache = |bytes: usize| taken(queue, "cache", bytes);
        let states = program.states.iter().map(|spec| match *spec {
            StateSpec::Recurrent { numbers } => {
                let bytes = numbers.saturating_mul(4).saturating_mul(size.slots);
                Ok(State::Slots(cache(bytes)?))
            }
            StateSpec::KeyValue { heads, key, value, .. } => {
                let values = match value {
                    // In i8 a value is rounded otherwise than its key.
                    Values::FirstOfKey(_) if program.profile != Profile::I8 => None,
                    Values::Own(own) | Values::FirstOfKey(own) => {
                        let page = value_page_bytes(heads, own, program.profile);
                        Some(cache(page.saturating_mul(size.pages))?)
                    }
                };
                let page = key_page_bytes(heads, key, program.profile);
                Ok(State::Pages { keys: cache(page.saturating_mul(size.pages))?, values })
            }
        });
        let states = states.collect::<Result<Vec<State>, Error>>()?;
        let (rows, head_rows) = (size.rows.max(1), size.head_rows.max(1));
        let blocks = blocks(program, rows.max(head_rows));
        let scratch = |bytes: usize| taken(queue, "values", bytes);
        Ok(Memory {
            arena: scratch(arena_bytes(places, rows, head_rows))?,
            rows,
            head_rows,
            batch: scratch(4 * rows)?,
            codes: scratch(blocks * BLOCK)?,
            scales: scratch(blocks * 4)?,
            sums: scratch(blocks * 8)?,
            scores: scratch(scores(program, size) * 4)?,
            largest: scratch(most_heads(program) * rows * 4)?,
            nothing: scratch(4)?,
            slopes: slopes_of(program, queue)?,
            states,
            texts: None,
        })
    }

    /// Makes room for a batch of more rows than were expected, and for its words.
    ///
    /// # Errors
    /// If there is too little, or the device fails; what was there stays.
    pub(crate) fn grow(
        &mut self,
        program: &Program,
        places: &Places,
        queue: &Queue,
        rows: usize,
        tables: &Tables,
    ) -> Result<(), Short> {
        let scratch = |bytes: usize| taken(queue, "values", bytes);
        if tables.words.len() * 4 > self.batch.bytes() {
            self.batch = scratch(tables.words.len().next_power_of_two() * 4)?;
        }
        if rows > self.rows {
            let blocks = blocks(program, rows);
            let arena = scratch(arena_bytes(places, rows, self.head_rows))?;
            let [codes, scales, sums] = [BLOCK, 4, 8].map(|bytes| scratch(blocks * bytes));
            let largest = scratch(most_heads(program) * rows * 4)?;
            (self.codes, self.scales, self.sums) = (codes?, scales?, sums?);
            (self.arena, self.largest, self.rows) = (arena, largest, rows);
        }
        if program.order == Order::Whole {
            self.grow_texts(program, queue, tables.whole_pages)?;
        }
        Ok(())
    }

    /// Pages for texts that are read as a whole: those of the widest operation, which all use.
    fn grow_texts(&mut self, program: &Program, queue: &Queue, pages: usize) -> Result<(), Short> {
        let mut bytes = [0, 0];
        for step in program.sections.iter().flat_map(|section| &section.steps) {
            let Op::AttendWhole { keys, values, key_values, .. } = step.op else { continue };
            for (bytes, value) in bytes.iter_mut().zip([keys, values]) {
                let page = key_page_bytes(key_values, program.value(value).width / key_values.max(1), Profile::F16);
                *bytes = page.saturating_mul(pages).max(*bytes);
            }
        }
        let is_enough = |texts: &[Buffer; 2]| texts.iter().zip(bytes).all(|(buffer, bytes)| buffer.bytes() >= bytes);
        if !self.texts.as_ref().is_some_and(is_enough) {
            let [keys, values] = bytes.map(|bytes| taken(queue, "values", bytes));
            self.texts = Some([keys?, values?]);
        }
        Ok(())
    }

    /// Bytes of values and scratch memory.
    pub(crate) fn activations(&self) -> usize {
        let buffers = [&self.arena, &self.codes, &self.scales, &self.sums, &self.scores];
        buffers.into_iter().map(Buffer::bytes).sum()
    }

    /// Copies a page of all states of a group.
    pub(crate) fn copy_page(
        &self,
        program: &Program,
        queue: &Queue,
        group: usize,
        from: usize,
        to: usize,
    ) -> Result<(), Fault> {
        for (state, spec) in self.states.iter().zip(&program.states) {
            let (State::Pages { keys, values }, StateSpec::KeyValue { group: of, heads, key, value, .. }) =
                (state, spec)
            else {
                continue;
            };
            if usize::from(*of) != group {
                continue;
            }
            let key_page = key_page_bytes(*heads, *key, program.profile);
            let value_page = value_page_bytes(*heads, value.size(), program.profile);
            for (buffer, page) in [(Some(keys), key_page), (values.as_ref(), value_page)] {
                let Some(buffer) = buffer else { continue };
                queue.copy(buffer, from * page, to * page, page)?;
            }
        }
        Ok(())
    }
}

fn arena_bytes(places: &Places, rows: usize, head_rows: usize) -> usize {
    let numbers = places.body.saturating_mul(rows).saturating_add(places.heads.saturating_mul(head_rows));
    numbers.saturating_mul(4)
}

/// Memory that is there: drivers promise more than they have, and take it when it is first written.
pub(crate) fn taken(queue: &Queue, what: &'static str, bytes: usize) -> Result<Buffer, Short> {
    let failed = |fault| Short::of(what, bytes, fault);
    let buffer = Buffer::new(queue.context(), bytes).map_err(failed)?;
    queue.clear(&buffer).and_then(|()| queue.finish()).map_err(failed)?;
    Ok(buffer)
}
