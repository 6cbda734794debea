//! What a model does, held against what this machine can do at most, step by step.
//!
//! * [`ceilings`]: the devices' limits; [`probe`]: what each step of a device does, and how long it takes;
//! * [`placed`]: the devices that compute; [`measure`]: runs the model on them; [`report`]: holds one against the other.
//!
//! `hefu gap` prints all of it; `serving` measures a decode for whoever looks at what an answer takes.

pub(crate) mod ceilings;
pub(crate) mod measure;
pub(crate) mod placed;
pub(crate) mod probe;
pub(crate) mod report;

use hefu_cpu::limits::Peaks;
use hefu_cpu::select;

/// The kernels that show an instruction set's limits; `None` of other devices, and of what was not made to be fast.
pub(crate) fn peaks(device: &str) -> Option<&'static Peaks> {
    select::ISAS.iter().find(|known| known.name == device).and_then(select::Isa::peaks)
}
