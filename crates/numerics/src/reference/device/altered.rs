//! The naive loops, but for what is done on purpose: for tests that must find it.

use std::sync::Arc;

use super::weights::Loaded;
use super::{Alter, ReferenceDevice};
use crate::device::{Device, Error, Executable, Files, Footprint, Size, Weights};
use crate::program::{Program, Value};
use crate::team::Team;

/// A device that is nearly right: results of operations are changed before anything reads them.
#[derive(Debug, Clone, Copy)]
pub struct AlteredDevice {
    /// Its name.
    pub name: &'static str,
    /// Changes what an operation has made.
    pub alter: Alter,
}

impl Device for AlteredDevice {
    fn name(&self) -> &'static str {
        self.name
    }

    fn team(&self) -> &dyn Team {
        ReferenceDevice.team()
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        ReferenceDevice.footprint(program, size)
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        ReferenceDevice.load(program, files)
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        let weights = Loaded::of(weights);
        let mut interpreter = super::interpreter(program, weights, size, probes)?;
        interpreter.alter = Some(self.alter);
        Ok(Box::new(interpreter))
    }
}
