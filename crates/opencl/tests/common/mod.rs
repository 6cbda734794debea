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
    let open = |number: usize| match OpenClDevice::open(number, Arc::new(Alone)) {
        Ok(device) => Some(device),
        Err(problem) => {
            println!("device {number} left out: {problem}");
            None
        }
    };
    (0..found.len()).filter_map(open).collect()
}
