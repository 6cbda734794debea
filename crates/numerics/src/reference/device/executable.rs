//! A program, its states and the values of its last batch.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::memory::Memory;
use super::weights::Loaded;
use crate::device::{Batch, Error, Executable, Footprint, Size, StepObserver, StepReport, Weights, check};
use crate::matrix::Matrix;
use crate::program::{Entry, Op, Program, Rows, StateSpec, Step, Value, Weight};

/// The interpreter.
pub(super) struct Interpreter {
    pub(super) program: Arc<Program>,
    pub(super) weights: Arc<Loaded>,
    pub(super) states: Vec<Memory>,
    /// The rows of every value after the last batch, `[rows][numbers]`.
    pub(super) values: Vec<Vec<f32>>,
    /// Deliberate changes, for tests.
    pub(super) alter: Option<Alter>,
    size: Size,
    probes: Vec<Value>,
    /// Rows of the last batch that were wanted.
    wanted: usize,
    observer: Option<Arc<dyn StepObserver>>,
}

/// Is given an operation that was done, what it had read, and what it has made.
pub type Alter = fn(&Op, &Given<'_>, &mut [f32]);

/// Operands of an operation.
pub struct Given<'a> {
    pub(super) interpreter: &'a Interpreter,
    /// Rows of what it makes.
    pub rows: usize,
}

impl Given<'_> {
    /// The rows of a value.
    pub fn value(&self, value: Value) -> &[f32] {
        self.interpreter.rows(value)
    }

    /// A matrix.
    pub fn matrix(&self, weight: Weight) -> &Matrix {
        self.interpreter.weights.matrix(weight)
    }

    /// A vector.
    pub fn vector(&self, weight: Weight) -> &[f32] {
        self.interpreter.weights.vector(weight)
    }
}

/// Data of a step.
pub(super) struct Pass<'a> {
    /// The batch; an empty one in heads.
    pub(super) batch: &'a Batch<'a>,
    /// Rows of what the step writes.
    pub(super) rows: usize,
    /// Rows rows they are.
    pub(super) rows_of: Rows,
}

impl Interpreter {
    /// An interpreter with empty states.
    pub(super) fn new(program: Arc<Program>, weights: Arc<Loaded>, size: Size, probes: &[Value]) -> Self {
        let states = program.states.iter().map(|spec| Memory::new(&program, spec, size.pages, size.slots)).collect();
        let values = vec![Vec::new(); program.values.len()];
        Interpreter {
            states,
            values,
            alter: None,
            size,
            probes: probes.to_vec(),
            wanted: 0,
            observer: None,
            program,
            weights,
        }
    }

    /// Runs one step and tells the observer.
    fn step(&mut self, step: &Step, pass: &Pass<'_>) {
        let start = Instant::now();
        self.execute(&step.op, pass);
        if let Some(observer) = &self.observer {
            let time = start.elapsed();
            let name = self.program.step_name(&step.op);
            observer.step(&StepReport { name: &name, part: 0, work: self.work(&step.op, pass), time });
        }
    }
}

impl Executable for Interpreter {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        check(&self.program, &self.size, batch)?;
        self.wanted = batch.spans.iter().map(|span| span.wanted.len()).sum();
        let program = self.program.clone();
        let body = program.section(Entry::Body).expect("the program was sealed");
        for step in &body.steps {
            let rows_of = step.op.output().map_or(Rows::All, |value| program.value(value).rows);
            let rows = if rows_of == Rows::All { batch.tokens.len() } else { self.wanted };
            self.step(step, &Pass { batch, rows, rows_of });
        }
        Ok(())
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        let program = self.program.clone();
        let section = program.section(entry).filter(|_| entry != Entry::Body);
        let Some(section) = section else {
            return Err(Error::bad_batch(format!("the model has no head {entry:?}")));
        };
        if rows.start > rows.end || rows.end > self.wanted {
            let problem = format!("results of rows {rows:?} were asked for, but there are {}", self.wanted);
            return Err(Error::bad_batch(problem));
        }
        let body = program.section(Entry::Body).expect("the program was sealed").output;
        let width = program.value(body).numbers();
        let some = self.values[body.0 as usize][rows.start * width..rows.end * width].to_vec();
        let all = std::mem::replace(&mut self.values[body.0 as usize], some);
        let batch = Batch { tokens: &[], spans: &[], inputs: &[] };
        for step in &section.steps {
            self.step(step, &Pass { batch: &batch, rows: rows.len(), rows_of: Rows::Wanted });
        }
        self.values[body.0 as usize] = all;
        let (results, width) = (&self.values[section.output.0 as usize], program.value(section.output).numbers());
        match results.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(Error::NotFinite { row: rows.start + index / width }),
            None => Ok(results),
        }
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        let output = self.program.section(Entry::Body).map(|body| body.output);
        if !self.probes.contains(&value) && output != Some(value) {
            return Err(Error::bad_batch(format!("value {} is no probe", value.0)));
        }
        let width = self.program.value(value).numbers();
        let all = &self.values[value.0 as usize];
        let from = rows.start.saturating_mul(width)..rows.end.saturating_mul(width);
        match all.get(from).filter(|from| from.len() == to.len()) {
            Some(from) => to.copy_from_slice(from),
            None => {
                let problem = format!("rows {rows:?} were asked for {} numbers, of {}", to.len(), all.len() / width);
                return Err(Error::BadBatch { problem });
            }
        }
        Ok(())
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        if let Some(page) = [from, to].into_iter().find(|page| *page as usize >= self.size.pages) {
            return Err(Error::bad_batch(format!("page {page} is not among the cache's {}", self.size.pages)));
        }
        if group >= self.program.groups() {
            return Err(Error::bad_batch(format!("group {group} is not among the {}", self.program.groups())));
        }
        for (memory, spec) in self.states.iter_mut().zip(&self.program.states) {
            if let (Memory::Pages(cache), StateSpec::KeyValue { group: of, .. }) = (memory, spec)
                && usize::from(*of) == group
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
        let numbers: usize = self.values.iter().map(Vec::capacity).sum();
        let states = super::state_bytes(&self.program, &self.size).unwrap_or(usize::MAX);
        Footprint { weights: self.weights.bytes(), states, activations: numbers * size_of::<f32>() }
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        self.observer = observer;
    }
}
