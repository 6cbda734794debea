//! A program that goes on on other devices when one of its own has failed.
//!
//! ```text
//! run ─▶ a device fails ─▶ a plan without it ─▶ weights from the files ─▶ empty states ─▶ Error::StatesLost
//! ```
//!
//! Whoever schedules hears that the states are lost, as of a part on another machine that was placed again, and computes the tokens
//! of all that runs once more: no bit tells on which device.

use std::any::Any;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hefu_numerics::device::{Batch, Device, Error, Executable, Footprint, Reopen, Size, StepObserver, Weights};
use hefu_numerics::program::{Entry, Program, Value};

use crate::plan::Plan;

/// Weights where the plan has them now.
pub(crate) struct PlannedWeights {
    plan: Arc<Plan>,
    /// The program whose weights they are; others may use them too.
    program: Program,
    /// Where they come from another time.
    files: Option<Arc<dyn Reopen>>,
    held: Mutex<Held>,
}

/// A device, and weights in its memory.
type Loaded = (Arc<dyn Device>, Arc<dyn Weights>);

/// A device with weights in its memory, as long as they are not lost.
#[derive(Clone)]
struct Held {
    device: Arc<dyn Device>,
    /// `None` after they were lost, until they are loaded again.
    weights: Option<Arc<dyn Weights>>,
    /// How often they were loaded before.
    number: usize,
}

impl Weights for PlannedWeights {
    fn bytes(&self) -> usize {
        self.lock().weights.as_ref().map_or(0, |weights| weights.bytes())
    }
}

impl PlannedWeights {
    pub(crate) fn new(
        plan: Arc<Plan>,
        program: Program,
        files: Option<Arc<dyn Reopen>>,
        (device, weights): Loaded,
    ) -> PlannedWeights {
        PlannedWeights { plan, program, files, held: Mutex::new(Held { device, weights: Some(weights), number: 0 }) }
    }

    /// Weights that such a device has loaded.
    ///
    /// # Panics
    /// For weights that another device has loaded, as the trait says.
    pub(crate) fn of(weights: &Arc<dyn Weights>) -> Arc<PlannedWeights> {
        let weights: Arc<dyn Any + Send + Sync> = weights.clone();
        weights.downcast::<PlannedWeights>().expect("a device with a plan has loaded the weights")
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weights, or, where those of this number are lost, others, which somebody else may have loaded already.
    fn other_than(&self, lost: Option<usize>) -> Result<Held, Error> {
        let mut held = self.lock();
        if lost == Some(held.number) {
            // What was loaded makes room for what will be.
            held.weights = None;
        }
        if held.weights.is_none() {
            let (device, weights) = self.load()?;
            *held = Held { device, weights: Some(weights), number: held.number + 1 };
        }
        Ok(held.clone())
    }

    /// Brings the weights to where the plan has them now.
    fn load(&self) -> Result<Loaded, Error> {
        let gone = |problem: &str| Error::Gone { problem: problem.to_owned() };
        let files = self.files.as_ref().ok_or_else(|| gone("nobody has kept where they are"))?;
        loop {
            let (lost, device) = (self.plan.lost(), self.plan.device(&self.program)?);
            let mut loaded = None;
            let read = files.with(&mut |files| {
                loaded = Some(device.load(&self.program, files)?);
                Ok(())
            });
            match read {
                // Another device has failed meanwhile: there is one less to choose among.
                Err(Error::Device { .. }) if self.plan.lost() > lost => {}
                read => {
                    let weights = read.and_then(|()| loaded.ok_or_else(|| gone("they were not read")))?;
                    return Ok((device, weights));
                }
            }
        }
    }
}

/// A program on the devices of a plan.
pub(crate) struct Renewed {
    weights: Arc<PlannedWeights>,
    program: Arc<Program>,
    size: Size,
    probes: Vec<Value>,
    /// The program where it is now; `None` while it is nowhere.
    within: Option<Box<dyn Executable>>,
    /// With weights of this number.
    number: usize,
    loss: Loss,
    observer: Option<Arc<dyn StepObserver>>,
}

/// What is known of failures.
#[derive(Debug, Default)]
struct Loss {
    /// Devices that had failed when the program was placed.
    devices: usize,
    /// How its own failed, if that was not told yet.
    problem: Option<String>,
}

impl Loss {
    /// Whether an error is that of a device without which the program can go on; notes it then.
    fn is_new(&mut self, error: &Error, plan: &Plan) -> bool {
        match error {
            Error::Device { problem, .. } if plan.lost() > self.devices => {
                self.problem = Some(problem.clone());
                true
            }
            _ => false,
        }
    }
}

impl Renewed {
    pub(crate) fn new(
        program: &Arc<Program>,
        weights: Arc<PlannedWeights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Renewed, Error> {
        let (program, size, probes) = (program.clone(), *size, probes.to_vec());
        let loss = Loss::default();
        let mut renewed = Renewed { weights, program, size, probes, within: None, number: 0, loss, observer: None };
        renewed.place(None)?;
        Ok(renewed)
    }

    /// Makes the program ready where weights are, other than those of this number, with empty states.
    fn place(&mut self, lost: Option<usize>) -> Result<(), Error> {
        let held = self.weights.other_than(lost)?;
        self.loss.devices = self.weights.plan.lost();
        let weights = held.weights.ok_or_else(|| Error::Gone { problem: "they are not there".to_owned() })?;
        let mut executable = held.device.compile(&self.program, &weights, &self.size, &self.probes)?;
        executable.observe(self.observer.clone());
        (self.within, self.number) = (Some(executable), held.number);
        Ok(())
    }

    /// Places the program again; the error says that its states are empty, or why it is nowhere.
    fn renew(&mut self) -> Error {
        self.within = None;
        let problem = self.loss.problem.take().unwrap_or_default();
        match self.place(Some(self.number)) {
            Ok(()) => lost(problem),
            Err(error) => {
                self.loss.problem = Some(problem.clone());
                Error::Device {
                    device: "of this model",
                    problem: format!("{problem}; and no other can go on: {error}"),
                }
            }
        }
    }
}

/// Says that states are empty.
fn lost(problem: String) -> Error {
    Error::StatesLost { device: "a device of this model".to_owned(), problem }
}

fn nowhere() -> Error {
    Error::bad_batch("the program is on no device")
}

impl Executable for Renewed {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let Some(executable) = self.within.as_mut().filter(|_| self.loss.problem.is_none()) else {
            return Err(self.renew());
        };
        match executable.run(batch) {
            Err(error) if self.loss.is_new(&error, &self.weights.plan) => Err(self.renew()),
            result => result,
        }
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        let Renewed { within, loss, weights, .. } = self;
        // The next batch finds the program placed again.
        let told = |error| if loss.is_new(&error, &weights.plan) { lost(error.to_string()) } else { error };
        within.as_mut().ok_or_else(nowhere)?.head(entry, rows).map_err(told)
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        self.within.as_ref().ok_or_else(nowhere)?.read(value, rows, to)
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        let Renewed { within, loss, weights, .. } = self;
        let copied = within.as_mut().ok_or_else(nowhere)?.copy_page(group, from, to);
        copied.inspect_err(|error| {
            loss.is_new(error, &weights.plan);
        })
    }

    fn pages(&self) -> usize {
        self.size.pages
    }

    fn footprint(&self) -> Footprint {
        self.within.as_ref().map(|executable| executable.footprint()).unwrap_or_default()
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        self.observer = observer.clone();
        if let Some(executable) = &mut self.within {
            executable.observe(observer);
        }
    }
}
