//! Which layers of a program several devices compute.

use std::fmt;
use std::sync::Arc;

use super::Device;

/// Several devices with the layers that each of them computes: `avx512 0-11, opencl 12-23; 4352 bytes cross for each token`.
#[derive(Clone)]
pub struct Layout {
    /// In the order in which they compute.
    pub places: Vec<PlacedLayers>,
}

/// A device with its layers.
#[derive(Clone)]
pub struct PlacedLayers {
    /// The device.
    pub device: Arc<dyn Device>,
    /// Its first layer and its last; `None` where it computes what comes after the last layer alone.
    pub layers: Option<(usize, usize)>,
    /// Bytes that it is brought of the devices before it for each token, as far as the token's row is wanted.
    pub crossing: usize,
}

impl fmt::Display for PlacedLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layers {
            Some((first, last)) => write!(f, "{} {first}-{last}", self.device.name()),
            None => write!(f, "{} what comes after them", self.device.name()),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.places.iter().map(ToString::to_string).collect();
        let crossing: usize = self.places.iter().map(|place| place.crossing).sum();
        write!(f, "{}; {crossing} bytes cross for each token", places.join(", "))
    }
}
