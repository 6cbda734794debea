//! The naive loops as a device: a program's operations one after the other, as its list has them.
//!
//! This interpreter is the executable form of the contract. It fuses nothing, prepares nothing and forgets nothing: every
//! value of the last batch is there until the next one.

mod altered;
mod executable;
mod interpret;
mod memory;
mod states;
mod weights;

pub use altered::AlteredDevice;
pub use executable::{Alter, Given};

use std::sync::Arc;

use crate::device::{Device, Error, Executable, Files, Footprint, Size, Weights};
use crate::kv::LayerCache;
use crate::program::{Program, StateSpec, Value};
use crate::team::{Alone, Team};

/// The device that every other one must equal.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferenceDevice;

impl Device for ReferenceDevice {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn team(&self) -> &dyn Team {
        &Alone
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        let weights = program.weights.iter().try_fold(0usize, |sum, spec| sum.checked_add(weights::bytes(spec)?))?;
        let numbers = program.values.iter().try_fold(0usize, |sum, spec| sum.checked_add(spec.numbers()))?;
        let activations = numbers.checked_mul(size.rows)?.checked_mul(size_of::<f32>())?;
        Some(Footprint { weights, states: state_bytes(program, size)?, activations })
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        Ok(Arc::new(weights::Loaded::new(program, files)?))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        Ok(Box::new(interpreter(program, weights::Loaded::of(weights), size, probes)?))
    }
}

/// A program with empty states.
fn interpreter(
    program: &Arc<Program>,
    weights: Arc<weights::Loaded>,
    size: &Size,
    probes: &[Value],
) -> Result<executable::Interpreter, Error> {
    let bytes = state_bytes(program, size).unwrap_or(usize::MAX);
    // Asking first: an allocation that fails later would end the process.
    if let Err(error) = Vec::<u8>::new().try_reserve_exact(bytes) {
        return Err(Error::Memory { bytes, what: "cache", reason: error.to_string() });
    }
    Ok(executable::Interpreter::new(program.clone(), weights, *size, probes))
}

/// Bytes of all states.
fn state_bytes(program: &Program, size: &Size) -> Option<usize> {
    program.states.iter().try_fold(0usize, |sum, spec| {
        let bytes = match spec {
            StateSpec::KeyValue { .. } => LayerCache::page_bytes(spec, program.profile)?.checked_mul(size.pages)?,
            StateSpec::Recurrent { numbers } => numbers.checked_mul(size_of::<f32>())?.checked_mul(size.slots)?,
        };
        sum.checked_add(bytes)
    })
}
