//! The CPU as a device for programs.
//!
//! ```text
//! Program ─ weights.rs ─▶ packed weights            gigabytes, once
//!         └ lower/ ─▶ steps ─ arena.rs ─▶ places    milliseconds; runs of operations become one step
//!                      └ run/ ─▶ kernels by `Ops`   one instruction set's functions
//! ```
//!
//! A program is lowered twice: for batches in which every row is wanted (single steps, where a `Select` is nothing), and
//! for those in which the end of the last layer is for some rows only. Both use the same memory. No fusion changes a bit:
//! each is held to the operations that it stands for, one after the other.

mod angles;
mod arena;
mod compiled;
mod executable;
mod lower;
mod machine;
mod run;
mod weights;

use std::collections::HashSet;
use std::sync::Arc;

use crate::ops::{Ops, Team};
use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Limits, Size, Weights};
use hefu_numerics::program::{Program, Value};

use crate::generic::kernels::Kernels;
use crate::limits::{CpuLimits, Peaks};
use executable::CpuExecutable;
use weights::CpuWeights;

/// One instruction set of this machine with a team of threads.
pub struct CpuDevice {
    ops: &'static Ops,
    kernels: &'static Kernels,
    peaks: Option<&'static Peaks>,
    team: Arc<dyn Team + Send + Sync>,
}

impl CpuDevice {
    /// The operations of an instruction set, with the kernels that show its limits, by these threads.
    pub(crate) fn new(
        (ops, kernels): (&'static Ops, &'static Kernels),
        peaks: Option<&'static Peaks>,
        team: Arc<dyn Team + Send + Sync>,
    ) -> Self {
        CpuDevice { ops, kernels, peaks, team }
    }
}

impl Device for CpuDevice {
    fn name(&self) -> &'static str {
        self.ops.name
    }

    fn team(&self) -> &dyn Team {
        &*self.team
    }

    fn limits(&self, bytes: usize) -> Result<Option<Box<dyn Limits + '_>>, Error> {
        let measure =
            |peaks| CpuLimits::new(peaks, &*self.team, bytes).map(|limits| Box::new(limits) as Box<dyn Limits>);
        self.peaks.map(measure).transpose()
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        Some(Footprint {
            weights: weights::bytes(self.ops, program)?,
            states: executable::state_bytes(program, size)?,
            activations: compiled::Compiled::new(program, &HashSet::new()).bytes(program, size)?,
        })
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        Ok(Arc::new(CpuWeights::load(self.ops, &*self.team, program, files)?))
    }

    fn image_key(&self, program: &Program) -> Option<String> {
        Some(weights::image_key(program))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        let weights: Arc<dyn std::any::Any + Send + Sync> = weights.clone();
        let weights =
            weights.downcast::<CpuWeights>().unwrap_or_else(|_| panic!("another device loaded these weights"));
        let executable =
            CpuExecutable::new((self.ops, self.kernels), Arc::clone(&self.team), program, weights, size, probes)?;
        Ok(Box::new(executable))
    }
}
