//! Times of a device's steps, added up by name.

use hefu_numerics::device::{StepObserver, StepReport, Work};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Everything that the steps of one name did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Total {
    /// Their name: the operations and the tensors that they read.
    pub(crate) name: Arc<str>,
    /// Number of the device that did them, of several.
    pub(crate) part: usize,
    pub(crate) calls: u64,
    pub(crate) work: Work,
    pub(crate) time: Duration,
}

/// Listens to a device.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    totals: Mutex<Vec<Total>>,
}

impl Probe {
    /// Totals noted since the last call, in the order of a forward pass.
    pub(crate) fn take(&self) -> Vec<Total> {
        std::mem::take(&mut *self.totals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StepObserver for Probe {
    fn step(&self, step: &StepReport<'_>) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match totals.iter().position(|total| total.part == step.part && &*total.name == step.name) {
            Some(found) => found,
            None => {
                let (name, work, time) = (step.name.into(), Work::default(), Duration::ZERO);
                totals.push(Total { name, part: step.part, calls: 0, work, time });
                totals.len() - 1
            }
        };
        if let Some(total) = totals.get_mut(found) {
            total.calls += 1;
            total.work += step.work;
            total.time += step.time;
        }
    }
}
