//! Memory, kernels and threads that the steps of a program use.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use crate::activations::ActivationBuffer;
use crate::generic::kernels::Kernels;
use crate::ops::{Ops, Team};
use crate::scratch::Scratch;
use hefu_numerics::buffer::Buffer;
use hefu_numerics::kv::{BLOCK, LayerCache, Profile};
use hefu_numerics::program::{Program, Values};

use super::weights::CpuWeights;

/// Memory, kernels and threads of steps.
pub(super) struct Machine {
    pub(super) ops: &'static Ops,
    pub(super) kernels: &'static Kernels,
    pub(super) team: Arc<dyn Team + Send + Sync>,
    pub(super) program: Arc<Program>,
    pub(super) weights: Arc<CpuWeights>,
    /// Rows of numbers, by place.
    pub(super) values: Vec<ActivationBuffer>,
    pub(super) scratch: Scratch,
    /// Results of gate and up.
    pub(super) inner: ActivationBuffer,
    pub(super) experts: ExpertBuffers,
    /// Keys and values, by state; none for other states.
    pub(super) caches: Vec<Option<LayerCache>>,
    /// Keys and values of texts that are read as a whole, for one layer after the other.
    pub(super) text: Option<LayerCache>,
    /// Numbers of recurrent states, `[slots][numbers]`, by state; none for other states.
    pub(super) recurrent: Vec<Vec<f32>>,
    /// True if a product made a number that is none.
    pub(super) not_finite: AtomicBool,
}

/// Memory of experts.
#[derive(Default)]
pub(super) struct ExpertBuffers {
    pub(super) choices: Vec<Choice>,
    /// Results for each chosen row, `[choices][outputs]`.
    pub(super) output: Buffer,
    /// One for each thread.
    pub(super) benches: Vec<Mutex<Bench>>,
}

/// Memory in which one thread computes experts.
#[derive(Default)]
pub(super) struct Bench {
    /// An expert's rows, gathered.
    pub(super) input: Buffer,
    pub(super) scratch: Scratch,
    /// Results of gate and up.
    pub(super) inner: ActivationBuffer,
}

impl ExpertBuffers {
    /// Bytes that they have grown to.
    pub(super) fn bytes(&self) -> usize {
        let bench = |bench: &Mutex<Bench>| {
            let bench = bench.lock().unwrap_or_else(PoisonError::into_inner);
            bench.input.bytes() + bench.inner.bytes().max(bench.inner.device_bytes())
        };
        let benches: usize = self.benches.iter().map(bench).sum();
        self.output.bytes() + benches + self.choices.capacity() * size_of::<Choice>()
    }
}

/// One expert chosen for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) expert: usize,
    pub(super) row: usize,
    /// Its place among all rows' choices, row by row.
    pub(super) place: usize,
    pub(super) weight: f32,
}

/// Numbers of a value as it is kept. Those that are the beginning of a key were rounded together with whole blocks of it.
pub(super) fn kept_value(profile: Profile, key: usize, value: Values) -> usize {
    match (value, profile) {
        (Values::FirstOfKey(size), Profile::Q8) => size.next_multiple_of(BLOCK).min(key),
        _ => value.size(),
    }
}
