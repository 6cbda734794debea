//! The devices that compute a model.

use crate::failure::Failure;
use hefu_numerics::device::{Device, Error, Model, PlacedLayers};
use std::sync::Arc;

/// A device that computes a part of the model.
#[derive(Clone)]
pub(crate) struct Placed {
    /// Its name, and its layers where there are several devices.
    pub(crate) label: String,
    /// Bytes that it is brought of the devices before it for each token.
    pub(crate) crossing: usize,
    pub(crate) device: Arc<dyn Device>,
}

/// The devices that compute a model, in the order of their layers.
pub(crate) fn placed(model: &Model) -> Vec<Placed> {
    let Some(layout) = model.device.layout(&model.program) else {
        let device = Arc::clone(&model.device);
        return vec![Placed { label: device.name().to_owned(), crossing: 0, device }];
    };
    let place = |place: &PlacedLayers| Placed {
        label: place.to_string(),
        crossing: place.crossing,
        device: Arc::clone(&place.device),
    };
    layout.places.iter().map(place).collect()
}

/// A device's error as the command's.
pub(crate) fn fault(error: Error) -> Failure {
    Failure::Other(error.to_string())
}
