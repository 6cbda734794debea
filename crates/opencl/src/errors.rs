//! A driver's faults as a device's errors.

use hefu_numerics::device::Error;

use crate::driver::Fault;

/// Why memory could not be had.
#[derive(Debug)]
pub(crate) enum Short {
    /// There is none left; what is there stays.
    Memory(Error),
    /// The device failed while it was filled.
    Device(Fault),
}

impl Short {
    /// What a fault means where so many bytes of `what` were to be had.
    pub(crate) fn of(what: &'static str, bytes: usize, fault: Fault) -> Short {
        match fault.is_memory() {
            true => Short::Memory(Error::Memory {
                bytes,
                what,
                reason: format!("the OpenCL device has none left: {fault}"),
            }),
            false => Short::Device(fault),
        }
    }
}

impl From<Short> for Error {
    fn from(short: Short) -> Error {
        match short {
            Short::Memory(error) => error,
            Short::Device(fault) => failed(fault),
        }
    }
}

/// A device that failed.
pub(crate) fn failed(fault: Fault) -> Error {
    Error::Device { device: "opencl", problem: fault.to_string() }
}
