//! Layers given to devices by what these can hold and how fast they read.

use std::collections::HashSet;
use std::sync::Arc;

use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Layout, Size, Weights};
use hefu_numerics::program::{Program, Shape, Value, Weight};
use hefu_numerics::team::Team;

use crate::cut::{CutError, cut, layers};
use crate::device::{Place, SplitDevice, unsuited};

/// Share of a device's memory that weights may take, in hundredths; the rest is for caches, slots and values.
const WEIGHTS_SHARE: u64 = 75;

/// A device that may take layers.
#[derive(Clone)]
pub struct Candidate {
    /// The device.
    pub device: Arc<dyn Device>,
    /// Bytes that it can hold.
    pub memory: u64,
    /// Bytes that it reads in a second.
    pub rate: f64,
}

/// Devices of which the fastest takes as many layers as it can hold, then the next one, and the last one the rest. A request
/// goes through all layers in turn, so that a layer is best where it takes the least time.
pub struct AutoDevice {
    /// Fastest first.
    candidates: Vec<Candidate>,
}

impl AutoDevice {
    /// Devices to choose among.
    ///
    /// # Errors
    /// No device.
    pub fn new(mut candidates: Vec<Candidate>) -> Result<AutoDevice, CutError> {
        if candidates.is_empty() {
            return Err(CutError("a model needs a device".into()));
        }
        candidates.sort_by(|one, other| other.rate.total_cmp(&one.rate));
        Ok(AutoDevice { candidates })
    }

    /// Places of a program's layers.
    ///
    /// # Errors
    /// A program without layers.
    pub fn places(&self, program: &Program) -> Result<Vec<Place>, CutError> {
        let bytes = layer_bytes(program);
        let (mut places, mut before, mut first) = (Vec::new(), Vec::new(), 0);
        for (index, candidate) in self.candidates.iter().enumerate() {
            let is_last = index + 1 == self.candidates.len();
            let room = candidate.memory / 100 * WEIGHTS_SHARE;
            let count = if is_last { bytes.len() - first } else { fitting(&bytes[first..], room) };
            let mut end = first + count;
            // Not every program can be cut before every layer: some layers share what they store.
            while end > first && end < bytes.len() && cut(program, &[&before[..], &[end]].concat(), false).is_err() {
                end -= 1;
            }
            if end > first {
                places.push(Place { device: candidate.device.clone(), first, last: end - 1 });
                before.push(end);
                first = end;
            }
        }
        if places.is_empty() {
            return Err(CutError("a model without layers cannot be dealt to devices".into()));
        }
        Ok(places)
    }

    /// The devices with their layers; the same for every call with the same program.
    fn split(&self, program: &Program) -> Result<SplitDevice, CutError> {
        SplitDevice::new(self.places(program)?)
    }
}

/// Number of these, from the first on, that have room together.
fn fitting(bytes: &[u64], room: u64) -> usize {
    let mut sum = 0_u64;
    bytes
        .iter()
        .take_while(|bytes| {
            sum = sum.saturating_add(**bytes);
            sum <= room
        })
        .count()
}

/// Bytes of the weights of every layer, as files have them; what comes before the layers counts to the first, what comes
/// after them to the last.
pub fn layer_bytes(program: &Program) -> Vec<u64> {
    let mut bytes = vec![0_u64; layers(program)];
    let (mut counted, mut now): (HashSet<Weight>, usize) = (HashSet::new(), 0);
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        now = step.layer.map_or(now, usize::from);
        for weight in step.op.weights().into_iter().filter(|weight| counted.insert(*weight)) {
            let spec = program.weight(weight);
            let own = match spec.shape {
                Shape::Vector(length) => length.saturating_mul(size_of::<f32>()),
                Shape::Matrix { .. } | Shape::Stack { .. } => spec.shape.rows().saturating_mul(spec.row_bytes()),
            };
            if let Some(layer) = bytes.get_mut(now) {
                *layer = layer.saturating_add(own as u64);
            }
        }
    }
    bytes
}

impl Device for AutoDevice {
    fn name(&self) -> &'static str {
        "split"
    }

    fn team(&self) -> &dyn Team {
        self.candidates[0].device.team()
    }

    fn check(&self, program: &Program) -> Result<(), Error> {
        self.split(program).map_err(unsuited)?.check(program)
    }

    fn layout(&self, program: &Program) -> Option<Layout> {
        self.split(program).ok()?.layout(program)
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.split(program).ok()?.footprint(program, size)
    }

    fn host_footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.split(program).ok()?.host_footprint(program, size)
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        self.split(program).map_err(unsuited)?.load(program, files)
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        self.split(program).map_err(unsuited)?.compile(program, weights, size, probes)
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn layers_fit_as_long_as_their_sum_does() {
        assert_eq!(fitting(&[10, 10, 10], 25), 2);
        assert_eq!((fitting(&[10, 10], 9), fitting(&[10, 10], 20), fitting(&[], 5)), (0, 2, 0));
        assert_eq!(fitting(&[u64::MAX, u64::MAX], u64::MAX - 1), 0);
    }
}
