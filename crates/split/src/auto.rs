//! Devices that were found, as one: which of them computes what is theirs to decide.

use std::sync::Arc;

use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Layout, Limits, Size, Weights};
use hefu_numerics::program::{Program, Value};
use hefu_numerics::team::Team;

use crate::cut::CutError;
use crate::device::Place;
use crate::plan::{Candidate, Plan};
use crate::renewed::{PlannedWeights, Renewed};

/// Devices among which a program is placed: its layers on several, by what they hold and how fast they read, or all of it on
/// the first. One that has failed is left out from then on, and the program goes on on the others, with empty states ([`Error::StatesLost`]).
pub struct AutoDevice {
    plan: Arc<Plan>,
}

impl AutoDevice {
    /// Devices to deal layers to.
    ///
    /// # Errors
    /// No device.
    pub fn new(mut candidates: Vec<Candidate>) -> Result<AutoDevice, CutError> {
        candidates.sort_by(|one, other| other.rate.total_cmp(&one.rate));
        Self::of(candidates, true)
    }

    /// Devices of which the first computes everything, as long as it does not fail; then the next one.
    ///
    /// # Errors
    /// No device.
    pub fn first(candidates: Vec<Candidate>) -> Result<AutoDevice, CutError> {
        Self::of(candidates, false)
    }

    fn of(candidates: Vec<Candidate>, deals: bool) -> Result<AutoDevice, CutError> {
        if candidates.is_empty() {
            return Err(CutError("a model needs a device".into()));
        }
        Ok(AutoDevice { plan: Arc::new(Plan { candidates, deals }) })
    }

    /// Places of a program's layers.
    ///
    /// # Errors
    /// A program without layers.
    pub fn places(&self, program: &Program) -> Result<Vec<Place>, CutError> {
        self.plan.places(program)
    }
}

impl Device for AutoDevice {
    fn name(&self) -> &'static str {
        if self.plan.deals { "split" } else { self.plan.candidates[0].device.name() }
    }

    fn team(&self) -> &dyn Team {
        self.plan.candidates[0].device.team()
    }

    fn check(&self, program: &Program) -> Result<(), Error> {
        self.plan.device(program)?.check(program)
    }

    fn layout(&self, program: &Program) -> Option<Layout> {
        self.plan.device(program).ok()?.layout(program)
    }

    fn limits(&self, bytes: usize) -> Result<Option<Box<dyn Limits + '_>>, Error> {
        if self.plan.deals { Ok(None) } else { self.plan.candidates[0].device.limits(bytes) }
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.plan.device(program).ok()?.footprint(program, size)
    }

    fn host_footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.plan.device(program).ok()?.host_footprint(program, size)
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        let device = self.plan.device(program)?;
        let weights = device.load(program, files)?;
        Ok(Arc::new(PlannedWeights::new(self.plan.clone(), program.clone(), files.reopen(), (device, weights))))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        Ok(Box::new(Renewed::new(program, PlannedWeights::of(weights), size, probes)?))
    }
}
