//! What a model does, held against what this machine can do at most, step by step.
//!
//! * [`ceilings`]: the machine's limits; [`probe`]: what each step of the device does, and how long it takes;
//! * [`measure`]: runs both; [`report`]: holds one against the other.
//!
//! `hefu gap` prints all of it; `serving` measures a decode for whoever looks at what an answer takes.

pub(crate) mod ceilings;
pub(crate) mod measure;
pub(crate) mod probe;
pub(crate) mod report;

use hefu_cpu::limits::Peaks;
use hefu_cpu::select;

/// The kernels that show an instruction set's limits.
///
/// # Errors
/// A sentence, if nothing of that name has limits that can be measured.
pub(crate) fn peaks(isa: &str) -> Result<&'static Peaks, String> {
    let Some(known) = select::ISAS.iter().find(|known| known.name == isa) else {
        return Err("the limits of the CPU alone can be measured; leave out --device and --split".to_owned());
    };
    known.peaks().ok_or_else(|| {
        let others = select::ISAS.iter().filter(|known| known.peaks().is_some()).map(|known| known.name);
        let others = others.collect::<Vec<_>>().join(", ");
        format!("--isa {isa} has no limits to measure, it is not made to be fast; choose one of {others}")
    })
}
