//! Sampling and generation.

pub mod sampling;
pub mod stop;
