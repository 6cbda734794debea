//! The numeric contract as code (`docs/readers/numerics.md` is the same in words).
//!
//! * [`quant`]: how weights lie in files, one file per format; [`quant::FORMATS`] lists them all.
//! * [`program`]: what a model is, as a list of operations; [`device`]: what runs it.
//! * [`functions`]: `exp`, `silu` and their like, operation by operation, generic over scalars and lanes.
//! * [`mod@reference`]: the naive scalar loops. They *are* the specification: every device is tested against them for
//!   equality, not closeness.
//!
//! The one idea: **parallel across outputs, sequential along the sum.** This crate knows no chip, no thread, no model
//! family and no file beyond the bytes of a block of weights.

pub mod attention;
pub mod buffer;
pub mod conformance;
pub mod device;
pub mod functions;
pub mod half;
pub mod kv;
pub mod matrix;
pub mod program;
pub mod quant;
pub mod reference;
pub mod rope;
pub mod team;

/// Version of the numeric contract; a change of any result is a new version.
pub const CONTRACT_VERSION: u32 = 1;
