//! OpenCL devices: programs run with weights, states and values in the device's own memory.
//!
//! The loader of drivers is looked for when [`devices`] is first called, so that this crate builds and starts anywhere.
//! Kernels (`kernels/*.cl`) are written once in what OpenCL C and CUDA C have in common and compiled by the driver; what the
//! contract asks of arithmetic is stated by the driver, tried when a device is opened, and held by the conformance list.
//!
//! * [`devices`] says what there is, and why a device cannot be used;
//! * [`OpenClDevice`] is one of them as a device of `hefu_numerics`.
//!
//! A batch crosses to a device (its tokens, positions, page tables and slots, and the angles of its positions); rows
//! of heads and values that were asked for come back. All unsafe code is in `driver`.

mod device;
mod driver;
mod errors;
mod executable;
mod found;
mod layout;
mod measure;
mod memory;
mod operations;
mod places;
mod probe;
mod runner;
mod tables;
#[cfg(test)]
mod tests;
mod weights;

pub use device::OpenClDevice;
pub use found::{FoundDevice, Kind, Problem, devices};

/// The kernels, in the order in which they build on each other.
pub const SOURCES: [(&str, &str); 8] = [
    ("dialect.cl", include_str!("kernels/dialect.cl")),
    ("numbers.cl", include_str!("kernels/numbers.cl")),
    ("elements.cl", include_str!("kernels/elements.cl")),
    ("norms.cl", include_str!("kernels/norms.cl")),
    ("products.cl", include_str!("kernels/products.cl")),
    ("attention.cl", include_str!("kernels/attention.cl")),
    ("recurrence.cl", include_str!("kernels/recurrence.cl")),
    ("experts.cl", include_str!("kernels/experts.cl")),
];

/// Kernels that a device is tried with.
const PROBES: &str = include_str!("kernels/probe.cl");

/// All kernels as one text.
fn source() -> String {
    SOURCES.iter().map(|(_, text)| *text).chain([PROBES]).collect()
}
