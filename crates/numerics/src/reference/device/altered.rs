//! The naive loops, but for what is done on purpose: for tests that must find it.

use std::sync::Arc;

use super::ReferenceDevice;
use super::executable::Interpreter;
use super::weights::Loaded;
use crate::device::{Device, Error, Executable, Files, Footprint, Size, Weights};
use crate::matrix::Matrix;
use crate::program::{Op, Program, Value, Weight};
use crate::team::Team;

/// A device that is nearly right: results of operations are changed before anything reads them.
#[derive(Debug, Clone, Copy)]
pub struct AlteredDevice {
    /// Its name.
    pub name: &'static str,
    /// Changes what an operation has made.
    pub alter: Alter,
}

/// Is given an operation that was done, what it had read, and what it has made.
pub type Alter = fn(&Op, &Given<'_>, &mut [f32]);

/// What an operation reads.
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
