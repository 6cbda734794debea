//! A program that is ready to run on this device.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::activations::ActivationBuffer;
use crate::memory;
use crate::ops::{Ops, Team};
use crate::scratch::Scratch;
use hefu_numerics::device::{Batch, Error, Executable, Footprint, Size, StepObserver, StepReport, check};
use hefu_numerics::kv::{KvShape, LayerCache};
use hefu_numerics::program::{Entry, Kind, Program, Rows, StateSpec, Value};

use super::compiled::{Compiled, List};
use super::lower::Mode;
use super::machine::{ExpertBuffers, Machine, kept_value};
use super::run::Rowset;
use super::weights::CpuWeights;
use crate::generic::kernels::Kernels;

/// Most pages of one cache: 2^26 positions.
const MAX_PAGES: usize = 1 << 20;

/// A program with its states.
pub(super) struct CpuExecutable {
    machine: Machine,
    compiled: Compiled,
    size: Size,
    probes: HashSet<Value>,
    observer: Option<Arc<dyn StepObserver>>,
    /// Rows of the last batch, and those wanted.
    rows: (usize, usize),
    /// Mode of the last batch.
    mode: Mode,
}

impl CpuExecutable {
    pub(super) fn new(
        (ops, kernels): (&'static Ops, &'static Kernels),
        team: Arc<dyn Team + Send + Sync>,
        program: &Arc<Program>,
        weights: Arc<CpuWeights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Self, Error> {
        let caches = caches(program, size)?;
        let probes: HashSet<Value> = probes.iter().copied().collect();
        let compiled = Compiled::new(program, &probes);
        let machine = Machine {
            ops,
            kernels,
            team,
            program: Arc::clone(program),
            weights,
            values: (0..compiled.places()).map(|_| ActivationBuffer::default()).collect(),
            scratch: Scratch::default(),
            inner: ActivationBuffer::default(),
            experts: ExpertBuffers::default(),
            caches,
            text: None,
            recurrent: recurrent(program, size),
            not_finite: AtomicBool::new(false),
        };
        Ok(CpuExecutable { machine, compiled, size: *size, probes, observer: None, rows: (0, 0), mode: Mode::Full })
    }
}

impl Executable for CpuExecutable {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        self.rows = (0, 0);
        check(&self.machine.program, &self.size, batch)?;
        let rowset = Rowset::new(batch);
        self.rows = (rowset.rows, rowset.wanted.len());
        self.mode = if rowset.wanted.len() == rowset.rows { Mode::Full } else { Mode::Narrow };
        if rowset.rows == 0 {
            return Ok(());
        }
        let list = self.compiled.body(self.mode);
        run(&mut self.machine, list, &rowset, self.observer.as_deref());
        Ok(())
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        if rows.start > rows.end || rows.end > self.rows.1 {
            let what = if entry == Entry::Hidden { "hidden states" } else { "logits" };
            return Err(Error::bad_batch(format!(
                "{what} of rows {rows:?} were asked for, but there are {}",
                self.rows.1
            )));
        }
        if rows.is_empty() {
            return Ok(&[]);
        }
        let Some(list) = self.compiled.head(entry, self.mode) else {
            return Err(Error::bad_batch(format!("{entry:?} was asked for, which the model does not have")));
        };
        let given = self.machine.program.section(Entry::Body).expect("a sealed program has a body").output;
        let machine = &mut self.machine;
        *machine.not_finite.get_mut() = false;
        let looks = run(machine, list, &Rowset::of_head(given, rows.clone()), self.observer.as_deref());
        let output = list.lowered.output;
        let width = machine.program.value(output).width;
        let results = machine.values[list.places.of(output)].rows().expect("a head's results are rows");
        let results = &results[..rows.len() * width];
        let is_suspect = if looks { *machine.not_finite.get_mut() } else { !all_finite(results) };
        if is_suspect && let Some(index) = results.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { row: rows.start + index / width });
        }
        Ok(results)
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        let list = self.compiled.body(self.mode);
        let program = &self.machine.program;
        let is_output = list.lowered.resolve(value) == list.lowered.output;
        if !is_output && !self.probes.contains(&value) {
            return Err(Error::bad_batch("a value was asked for that is no probe"));
        }
        let spec = program.value(value);
        let width = spec.numbers();
        let count = if spec.rows == Rows::All { self.rows.0 } else { self.rows.1 };
        if rows.start > rows.end || rows.end > count || to.len() != rows.len() * width {
            return Err(Error::bad_batch(format!("rows {rows:?} of {count} were asked for")));
        }
        let place = list.places.of(list.lowered.resolve(value));
        let Some(all) = self.machine.values[place].rows() else {
            return Err(Error::bad_batch("a value was asked for that lies in the device's own form"));
        };
        match spec.kind {
            Kind::Numbers | Kind::Choices => to.copy_from_slice(&all[rows.start * width..rows.end * width]),
            Kind::Angles => {
                let (pairs, (cosines, sines)) = (spec.width / 2, all.split_at(count * spec.width / 2));
                for (row, to) in rows.zip(to.chunks_exact_mut(spec.width)) {
                    to[..pairs].copy_from_slice(&cosines[row * pairs..][..pairs]);
                    to[pairs..].copy_from_slice(&sines[row * pairs..][..pairs]);
                }
            }
        }
        Ok(())
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        let pages = self.size.pages;
        if let Some(page) = [from, to].into_iter().find(|page| *page as usize >= pages) {
            return Err(Error::bad_batch(format!("page {page} is not among the cache's {pages}")));
        }
        for (spec, cache) in self.machine.program.states.iter().zip(&mut self.machine.caches) {
            if let (StateSpec::KeyValue { group: its, .. }, Some(cache)) = (spec, cache)
                && usize::from(*its) == group
            {
                cache.copy_page(from as usize, to as usize);
            }
        }
        Ok(())
    }

    fn pages(&self) -> usize {
        self.size.pages
    }

    fn footprint(&self) -> Footprint {
        let Machine { weights, values, inner, experts, .. } = &self.machine;
        let values: usize = values.iter().map(ActivationBuffer::bytes).sum();
        Footprint {
            weights: hefu_numerics::device::Weights::bytes(&**weights),
            states: state_bytes(&self.machine.program, &self.size).unwrap_or(usize::MAX),
            activations: values + inner.bytes().max(inner.device_bytes()) + experts.bytes(),
        }
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        self.observer = observer;
    }
}

/// Runs a list of steps; whether its last product has looked for numbers that are none.
fn run(machine: &mut Machine, list: &List, rowset: &Rowset<'_>, observer: Option<&dyn StepObserver>) -> bool {
    let mut looks = false;
    let head = rowset.is_head();
    let last = list.lowered.steps.iter().rposition(|step| step.kind.weights().is_some()).filter(|_| head);
    for (index, step) in list.lowered.steps.iter().enumerate() {
        if step.rows == Rows::Wanted && rowset.wanted.is_empty() {
            continue;
        }
        let started = observer.map(|_| Instant::now());
        let is_last = last == Some(index);
        machine.step(step, &list.places, rowset, is_last);
        looks |= is_last;
        if let (Some(observer), Some(started)) = (observer, started) {
            let (time, work) = (started.elapsed(), machine.work(step, &list.places, rowset));
            observer.step(&StepReport { name: &step.name, part: 0, work, time });
        }
    }
    looks
}

fn all_finite(x: &[f32]) -> bool {
    // Without an early exit, so that the compiler can take many at once.
    x.iter().fold(0, |largest, x| largest.max(x.to_bits() & 0x7fff_ffff)) < f32::INFINITY.to_bits()
}

/// The shape of a key-value state.
fn shape(program: &Program, state: &StateSpec) -> Option<KvShape> {
    match *state {
        StateSpec::KeyValue { heads, key, value, .. } => {
            let value_size = kept_value(program.profile, key, value);
            Some(KvShape { heads, key_size: key, value_size, profile: program.profile })
        }
        StateSpec::Recurrent { .. } => None,
    }
}

/// Bytes of the states; `None` if that overflows.
pub(super) fn state_bytes(program: &Program, size: &Size) -> Option<usize> {
    program.states.iter().try_fold(0_usize, |sum, state| {
        let bytes = match (shape(program, state), state) {
            (Some(shape), _) => (shape.page_key_bytes() + shape.page_value_bytes()).checked_mul(size.pages)?,
            (None, StateSpec::Recurrent { numbers }) => {
                numbers.checked_mul(size.slots)?.checked_mul(size_of::<f32>())?
            }
            (None, StateSpec::KeyValue { .. }) => 0,
        };
        sum.checked_add(bytes)
    })
}

fn caches(program: &Program, size: &Size) -> Result<Vec<Option<LayerCache>>, Error> {
    let bytes = state_bytes(program, size).filter(|_| size.pages <= MAX_PAGES);
    let Some(bytes) = bytes else {
        let reason = format!("a cache of {} pages is too large to address", size.pages);
        return Err(Error::Memory { bytes: usize::MAX, what: "cache", reason });
    };
    // Asking first: an allocation that fails later would end the process.
    if let Err(error) = Vec::<u8>::new().try_reserve_exact(bytes) {
        return Err(Error::Memory { bytes, what: "cache", reason: error.to_string() });
    }
    let cache = |state| shape(program, state).map(|shape| LayerCache::with_room(shape, size.pages, memory::room));
    Ok(program.states.iter().map(cache).collect())
}

/// Zeroed numbers of all recurrent states.
fn recurrent(program: &Program, size: &Size) -> Vec<Vec<f32>> {
    let numbers = |state: &StateSpec| match state {
        StateSpec::Recurrent { numbers } => vec![0.0; numbers * size.slots],
        StateSpec::KeyValue { .. } => Vec::new(),
    };
    program.states.iter().map(numbers).collect()
}
