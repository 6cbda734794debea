//! An OpenCL device as a device of programs.

use std::sync::{Arc, Mutex, PoisonError};

use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Limits, Size, Weights};
use hefu_numerics::program::{Program, Value};
use hefu_numerics::team::Team;

use crate::driver::{Calls, Context, Loader, Queue};
use crate::errors;
use crate::found::{FoundDevice, Kind, Problem, devices};
use crate::measure::Measure;
use crate::memory;
use crate::places::Places;
use crate::probe;
use crate::runner::Runner;
use crate::weights::{self, Loaded};

/// Contexts of devices that were opened, by number.
static OPENED: Mutex<Vec<(usize, Arc<Context>)>> = Mutex::new(Vec::new());

/// A device whose kernels are compiled and whose arithmetic was tried.
pub struct OpenClDevice {
    found: FoundDevice,
    context: Arc<Context>,
    team: Arc<dyn Team + Send + Sync>,
}

impl OpenClDevice {
    /// The device of this number. `team` are threads of the host, which bring weights to their layout and choose tokens.
    ///
    /// # Errors
    /// No such device, one that lacks what the contract needs, or a driver that fails.
    pub fn open(number: usize, team: Arc<dyn Team + Send + Sync>) -> Result<OpenClDevice, Problem> {
        let all = devices()?;
        let count = all.len();
        let found = all.into_iter().nth(number).ok_or(Problem::NoSuchDevice { asked: number, count })?;
        found.check()?;
        // Kernels are compiled, and arithmetic is tried, once in a process; again after a device has failed.
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|(_, context)| !context.is_lost());
        if let Some((_, context)) = opened.iter().find(|(known, _)| *known == number) {
            return Ok(OpenClDevice { found, context: Arc::clone(context), team });
        }
        let device = OpenClDevice::with(found, Arc::new(Loader), team)?;
        let wrong = probe::wrong(&mut device.queue()?)?;
        if !wrong.is_empty() {
            return Err(Problem::Lacks { device: device.found.name.clone(), what: wrong.join(", ") });
        }
        opened.push((number, Arc::clone(&device.context)));
        Ok(device)
    }

    /// A device of a driver with these functions, whose arithmetic was not tried.
    pub(crate) fn with(
        found: FoundDevice,
        calls: Arc<dyn Calls>,
        team: Arc<dyn Team + Send + Sync>,
    ) -> Result<OpenClDevice, Problem> {
        let context = Context::new(calls, found.handle, &crate::source()).map_err(|(fault, log)| {
            let first = log.lines().find(|line| line.contains("error")).unwrap_or_default();
            Problem::Driver { problem: format!("{fault} {first}").trim().to_owned() }
        })?;
        Ok(OpenClDevice { found, context, team })
    }

    /// Its description by the driver.
    pub fn found(&self) -> &FoundDevice {
        &self.found
    }

    fn queue(&self) -> Result<Queue, crate::driver::Fault> {
        Queue::new(&self.context)
    }

    /// Notes that the device failed, if it did.
    fn noted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| {
            if matches!(error, Error::Device { .. }) {
                self.context.lose();
            }
        })
    }

    /// Refuses what the device's memory cannot hold, before any is taken.
    fn has_room(&self, what: &'static str, bytes: usize) -> Result<(), Error> {
        if bytes as u64 <= self.found.memory {
            return Ok(());
        }
        let reason = format!("{} has {} bytes of memory", self.found.name, self.found.memory);
        Err(Error::Memory { bytes, what, reason })
    }
}

impl Device for OpenClDevice {
    fn name(&self) -> &'static str {
        "opencl"
    }

    fn team(&self) -> &dyn Team {
        &*self.team
    }

    fn is_lost(&self) -> bool {
        self.context.is_lost()
    }

    fn limits(&self, bytes: usize) -> Result<Option<Box<dyn Limits + '_>>, Error> {
        let queue = self.queue().map_err(errors::failed)?;
        Ok(Some(Box::new(Measure::new(queue, bytes, self.found.largest)?)))
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        let activations = memory::activation_bytes(program, size, &Places::new(program, &[]))?;
        Some(Footprint { weights: weights::bytes(program)?, states: memory::state_bytes(program, size)?, activations })
    }

    fn host_footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        // A driver for the CPU has the host's memory.
        if self.found.kind == Kind::Cpu { self.footprint(program, size) } else { Some(Footprint::default()) }
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        self.has_room("weights", weights::bytes(program).unwrap_or(usize::MAX))?;
        let queue = self.noted(self.queue().map_err(errors::failed))?;
        Ok(Arc::new(self.noted(Loaded::new(program, files, &queue, &*self.team))?))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        let weights = Loaded::of(weights);
        let states = memory::state_bytes(program, size).unwrap_or(usize::MAX);
        self.has_room("cache", states.saturating_add(hefu_numerics::device::Weights::bytes(&*weights)))?;
        let queue = self.noted(self.queue().map_err(errors::failed))?;
        Ok(Box::new(self.noted(Runner::new(program, weights, size, probes, queue))?))
    }
}

impl std::fmt::Debug for OpenClDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenClDevice({}, {})", self.found.number, self.found.name)
    }
}
