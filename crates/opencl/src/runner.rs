//! A program with its memory on a device, and where its values lie.

use std::sync::{Arc, OnceLock};

use hefu_numerics::device::{Batch, Error, Size, StepObserver};
use hefu_numerics::program::{Program, Rows, Value};

use crate::driver::{Fault, Queue};
use crate::memory::Memory;
use crate::places::Places;
use crate::tables::Tables;
use crate::weights::Loaded;

/// The program, its memory and the queue that works on it.
pub(crate) struct Runner {
    pub(crate) program: Arc<Program>,
    pub(crate) weights: Arc<Loaded>,
    pub(crate) places: Places,
    pub(crate) size: Size,
    pub(crate) queue: Queue,
    pub(crate) memory: Memory,
    /// Tables of the last batch.
    pub(crate) tables: Tables,
    /// The value whose integers (clause Q1) are there, if those of any.
    pub(crate) quantised: Option<Value>,
    pub(crate) probes: Vec<Value>,
    pub(crate) results: Vec<f32>,
    /// Reason why nothing can be computed any more.
    pub(crate) broken: OnceLock<Fault>,
    pub(crate) observer: Option<Arc<dyn StepObserver>>,
}

impl Runner {
    /// A program with empty states.
    pub(crate) fn new(
        program: &Arc<Program>,
        weights: Arc<Loaded>,
        size: &Size,
        probes: &[Value],
        queue: Queue,
    ) -> Result<Runner, Error> {
        let places = Places::new(program, probes);
        let memory = Memory::new(program, size, &places, &queue)?;
        Ok(Runner {
            program: program.clone(),
            weights,
            places,
            size: *size,
            queue,
            memory,
            tables: Tables::default(),
            quantised: None,
            probes: probes.to_vec(),
            results: Vec::new(),
            broken: OnceLock::new(),
            observer: None,
        })
    }

    /// Where the rows of a value begin in the arena. A head sees the body's output from its own first row on.
    pub(crate) fn at(&self, pass: &Pass<'_>, value: Value) -> u64 {
        let heads = self.places.heads * self.memory.head_rows;
        let spec = self.program.value(value);
        let at = match pass.head {
            Some((body, first)) if body == value => {
                heads + self.places.value(value) * self.memory.rows + first * spec.numbers()
            }
            Some(_) => self.places.value(value) * self.memory.head_rows,
            None => heads + self.places.value(value) * self.memory.rows,
        };
        at as u64
    }

    /// Where an operation works beside what it writes.
    pub(crate) fn work_at(&self, pass: &Pass<'_>, out: Value) -> u64 {
        let (heads, place) = (self.places.heads * self.memory.head_rows, self.places.work(out));
        (if pass.head.is_some() { place * self.memory.head_rows } else { heads + place * self.memory.rows }) as u64
    }
}

/// Batch and buffers of a step.
pub(crate) struct Pass<'a> {
    /// The batch; an empty one in heads.
    pub(crate) batch: &'a Batch<'a>,
    /// Rows of what the step writes.
    pub(crate) rows: usize,
    /// The rows.
    pub(crate) which: Rows,
    /// In a head, the body's output and its first row.
    pub(crate) head: Option<(Value, usize)>,
}
