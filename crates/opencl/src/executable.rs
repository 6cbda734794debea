//! Batches through a program, and what can be read of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use hefu_numerics::device::{Batch, Error, Executable, Footprint, StepObserver, StepReport, check};
use hefu_numerics::program::{Amount, Entry, Op, Rows, Section, Step, Value, work};

use crate::driver::Fault;
use crate::errors::{self, Short};
use crate::memory;
use crate::runner::{Pass, Runner};
use crate::tables::Tables;

impl Runner {
    /// Nothing is known of the device's memory after a failure, so that everything after it fails too.
    fn check(&self) -> Result<(), Error> {
        self.broken.get().map_or(Ok(()), |fault| Err(errors::failed(*fault)))
    }

    fn broken(&self, fault: Fault) -> Error {
        self.queue.context().lose();
        errors::failed(*self.broken.get_or_init(|| fault))
    }

    /// Runs the steps of a section.
    fn steps(
        &mut self,
        section: &Section,
        batch: &Batch<'_>,
        head: Option<(Value, usize)>,
        rows: usize,
    ) -> Result<(), Error> {
        for step in &section.steps {
            let out = step.op.output().map(|value| self.program.value(value).rows);
            let which = if head.is_some() { Rows::Wanted } else { out.unwrap_or(Rows::All) };
            let rows = match (head, which) {
                (Some(_), _) => rows,
                (None, Rows::All) => batch.tokens.len(),
                (None, Rows::Wanted) => self.tables.wanted_count,
            };
            self.step(step, &Pass { batch, rows, which, head })?;
        }
        Ok(())
    }

    /// Runs one step, and tells the observer when it is done, for whom the queue is emptied each time.
    fn step(&mut self, step: &Step, pass: &Pass<'_>) -> Result<(), Error> {
        let start = Instant::now();
        self.execute(&step.op, pass).map_err(|fault| self.broken(fault))?;
        let Some(observer) = self.observer.clone() else { return Ok(()) };
        self.queue.finish().map_err(|fault| self.broken(fault))?;
        let time = start.elapsed();
        let weights = self.weights.clone();
        let bytes = |weight| weights.bytes_of(weight);
        let experts = self.chosen_experts(&step.op, pass).map_err(|fault| self.broken(fault))?;
        let amount = Amount { rows: pass.rows, which: pass.which, spans: pass.batch.spans, experts, bytes: &bytes };
        let (name, work) = (self.program.step_name(&step.op), work(&self.program, &step.op, &amount));
        observer.step(&StepReport { name: &name, part: 0, work, time });
        Ok(())
    }

    /// Number of experts that a step used.
    fn chosen_experts(&self, op: &Op, pass: &Pass<'_>) -> Result<usize, Fault> {
        let Op::Experts { choices, .. } = *op else { return Ok(0) };
        let mut pairs = vec![0.0_f32; pass.rows * self.program.value(choices).numbers()];
        self.queue.read(&self.memory.arena, self.at(pass, choices) as usize * 4, &mut pairs)?;
        let mut chosen: Vec<u32> = pairs.chunks(2).map(|pair| pair[0] as u32).collect();
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen.len())
    }
}

impl Executable for Runner {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        check(&self.program, &self.size, batch)?;
        self.check()?;
        // Of a batch for which there is no memory nothing can be read.
        self.tables = Tables::default();
        self.quantised = None;
        let (tables, rows) = (Tables::new(&self.program, batch), batch.tokens.len());
        self.memory.grow(&self.program, &self.places, &self.queue, rows, &tables).map_err(|short| match short {
            Short::Memory(error) => error,
            Short::Device(fault) => self.broken(fault),
        })?;
        self.tables = tables;
        self.queue.write(&self.memory.batch, 0, &self.tables.words).map_err(|fault| self.broken(fault))?;
        let program = self.program.clone();
        let Some(body) = program.section(Entry::Body) else { return Err(Error::bad_batch("the program has no body")) };
        self.steps(body, batch, None, batch.tokens.len())?;
        // A driver that fails says so here, before anybody counts on what was computed.
        self.queue.finish().map_err(|fault| self.broken(fault))
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        self.check()?;
        let program = self.program.clone();
        let (section, body) = (program.section(entry).filter(|_| entry != Entry::Body), program.section(Entry::Body));
        let (Some(section), Some(body)) = (section, body) else {
            return Err(Error::bad_batch(format!("the model has no head {entry:?}")));
        };
        let wanted = self.tables.wanted_count;
        if rows.start > rows.end || rows.end > wanted {
            return Err(Error::bad_batch(format!("results of rows {rows:?} were asked for, but there are {wanted}")));
        }
        let width = program.value(section.output).numbers();
        let mut results = std::mem::take(&mut self.results);
        results.resize(rows.len() * width, f32::NAN);
        let at_once = self.memory.head_rows;
        let nothing = Batch { tokens: &[], spans: &[], inputs: &[] };
        for (piece, to) in results.chunks_mut((at_once * width).max(1)).enumerate() {
            self.quantised = None;
            let (first, count) = (rows.start + piece * at_once, to.len() / width.max(1));
            let head = Some((body.output, first));
            self.steps(section, &nothing, head, count)?;
            let pass = Pass { batch: &nothing, rows: count, which: Rows::Wanted, head };
            let at = self.at(&pass, section.output) as usize * 4;
            self.queue.read(&self.memory.arena, at, to).map_err(|fault| self.broken(fault))?;
        }
        self.results = results;
        match self.results.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(Error::NotFinite { row: rows.start + index / width }),
            None => Ok(&self.results),
        }
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        self.check()?;
        let output = self.program.section(Entry::Body).map(|body| body.output);
        if !self.probes.contains(&value) && output != Some(value) {
            return Err(Error::bad_batch(format!("value {} is no probe", value.0)));
        }
        let spec = self.program.value(value);
        let all = if spec.rows == Rows::All { self.tables.rows() } else { self.tables.wanted_count };
        if rows.start > rows.end || rows.end > all || to.len() != rows.len() * spec.numbers() {
            let problem = format!("rows {rows:?} were asked for {} numbers, of {all}", to.len());
            return Err(Error::BadBatch { problem });
        }
        let nothing = Batch { tokens: &[], spans: &[], inputs: &[] };
        let at = self.at(&Pass { batch: &nothing, rows: 0, which: spec.rows, head: None }, value) as usize;
        let read = self.queue.read(&self.memory.arena, (at + rows.start * spec.numbers()) * 4, to);
        read.map_err(|fault| self.broken(fault))
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        self.check()?;
        if let Some(page) = [from, to].into_iter().find(|page| *page as usize >= self.size.pages) {
            return Err(Error::bad_batch(format!("page {page} is not among the cache's {}", self.size.pages)));
        }
        if group >= self.program.groups() {
            return Err(Error::bad_batch(format!("group {group} is not among the {}", self.program.groups())));
        }
        let [from, to] = [from, to].map(|page| page as usize);
        self.memory.copy_page(&self.program, &self.queue, group, from, to).map_err(|fault| self.broken(fault))
    }

    fn pages(&self) -> usize {
        self.size.pages
    }

    fn footprint(&self) -> Footprint {
        use hefu_numerics::device::Weights;
        let states = memory::state_bytes(&self.program, &self.size).unwrap_or(usize::MAX);
        Footprint { weights: self.weights.bytes(), states, activations: self.memory.activations() }
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        self.observer = observer;
    }
}
