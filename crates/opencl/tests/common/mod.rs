//! The devices of this machine.

use hefu_numerics::team::Alone;
use hefu_opencl::{OpenClDevice, devices};
use std::sync::Arc;

/// Every device that can be opened; where there is none, the reason is printed and tests have nothing to do.
pub(crate) fn opened() -> Vec<OpenClDevice> {
    let found = match devices() {
        Ok(found) => found,
        Err(problem) => {
            println!("left out: {problem}");
            return Vec::new();
        }
    };
    let mut opened = Vec::new();
    for device in &found {
        match device.lacks.is_empty() {
            // Whoever says that it has all must take the kernels.
            true => opened.push(OpenClDevice::open(device.number, Arc::new(Alone)).expect("kernels that compile")),
            false => println!("device {} left out: it lacks {}", device.number, device.lacks.join(", ")),
        }
    }
    opened
}
