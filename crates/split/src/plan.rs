//! Layers given to devices by what these can hold and how fast they read.

use std::collections::HashSet;
use std::sync::Arc;

use hefu_numerics::device::{Device, Error};
use hefu_numerics::program::{Program, Shape, Weight};

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

/// Where programs go.
pub(crate) struct Plan {
    /// Fastest first, or in the order in which they are to be taken.
    pub(crate) candidates: Vec<Candidate>,
    /// Whether layers are dealt to several. The fastest takes as many as it can hold, then the next one, and the last one the rest: a
    /// request goes through all layers in turn, so that a layer is best where it takes the least time.
    pub(crate) deals: bool,
}

impl Plan {
    /// How many devices have failed.
    pub(crate) fn lost(&self) -> usize {
        self.candidates.iter().filter(|one| one.device.is_lost()).count()
    }

    /// Those that have not.
    fn left(&self) -> Vec<&Candidate> {
        self.candidates.iter().filter(|one| !one.device.is_lost()).collect()
    }

    /// The device that computes a program now.
    ///
    /// # Errors
    /// A program that cannot be dealt, or no device that is left.
    pub(crate) fn device(&self, program: &Program) -> Result<Arc<dyn Device>, Error> {
        if self.deals {
            let split = self.places(program).and_then(SplitDevice::new).map_err(unsuited)?;
            return Ok(Arc::new(split));
        }
        let none = || Error::Unsuited { problem: "every device has failed".to_owned() };
        self.left().first().map(|one| one.device.clone()).ok_or_else(none)
    }

    /// Where its layers go.
    ///
    /// # Errors
    /// A program without layers, or no device that is left.
    pub(crate) fn places(&self, program: &Program) -> Result<Vec<Place>, CutError> {
        let (bytes, left) = (layer_bytes(program), self.left());
        if left.is_empty() {
            return Err(CutError("every device has failed".into()));
        }
        let (mut places, mut before, mut first) = (Vec::new(), Vec::new(), 0);
        for (index, candidate) in left.iter().enumerate() {
            let is_last = index + 1 == left.len();
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
}

/// How many of these, from the first on, have room together.
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
