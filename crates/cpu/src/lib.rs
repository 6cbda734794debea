//! The CPU as a device: a compiler of programs, kernels, the memory that holds weights, and threads.
//!
//! [`CpuDevice`] compiles programs into steps and runs them with the functions
//! ([`ops::Ops`]) of one instruction set:
//!
//! * [`generic`]: every algorithm, written once over lanes of a fixed logical width;
//! * [`isa`]: one folder per instruction set, giving the lanes; all of a target's are compiled;
//! * [`select`]: which of them this machine can run, best first;
//! * [`layout`] and [`pack`]: how a matrix lies in memory;
//! * [`memory`] and [`pool`]: mapped files, huge pages, threads;
//! * [`limits`]: what the machine can do at most.
//!
//! It knows no model, no token and no file format beyond what `hefu_numerics::quant` describes.

pub mod activations;
mod cache_padded;
mod device;
pub mod generic;
pub mod isa;
pub mod layout;
pub mod limits;
pub mod memory;
pub mod ops;
pub mod pack;
pub mod pool;
pub mod scratch;
pub mod select;

pub use device::CpuDevice;
pub use memory::{HugeAllocator, HugeMemory, Mapping};
pub use pool::Pool;
