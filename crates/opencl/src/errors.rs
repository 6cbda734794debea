//! A driver's faults as a device's errors.

use hefu_numerics::device::Error;

use crate::driver::Fault;

/// Memory that could not be had, or a device that failed while it was filled.
pub(crate) fn memory(what: &'static str, bytes: usize, fault: Fault) -> Error {
    if fault.is_memory() {
        Error::Memory { bytes, what, reason: format!("the OpenCL device has none left: {fault}") }
    } else {
        failed(fault)
    }
}

/// A device that failed.
pub(crate) fn failed(fault: Fault) -> Error {
    Error::Device { device: "opencl", problem: fault.to_string() }
}
