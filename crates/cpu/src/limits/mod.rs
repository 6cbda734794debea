//! Peak rates of this machine, measured with the program's own instructions.
//!
//! * [`peaks`]: the kernels that are timed, made for each instruction set like all others;
//! * [`arithmetic`] and [`Memory`]: rates of a team of threads, from data in L1 and from main memory;
//! * [`last_cache`]: how much the caches keep, so that memory is measured beyond them.
//!
//! Every rate is the largest of several short samples: a limit is what the machine reaches when nothing disturbs it.

mod cache;
mod device;
pub mod peaks;
mod rate;
mod team;

pub use cache::last_cache;
pub(crate) use device::CpuLimits;
pub use peaks::Peaks;
pub use rate::{Memory, Pages, arithmetic};
pub use team::Part;
