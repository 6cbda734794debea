//! The tiny golden models, alone and together, with guesses and without: always the same tokens and the same logits.

mod attended;
mod batches;
mod guesses;
mod inspected;
mod layouts;
mod matrix;
mod mtp;
#[path = "../../../numerics/tests/common/reordered.rs"]
mod reordered;
mod support;
mod traces;
mod whole;
