//! Elementary functions, operation by operation.
//!
//! Each is written once over [`Real`], which is one f32 here and 16 of them side by side in a kernel, so scalar and
//! vector results are the same by construction. Stated errors are the worst found against a correctly rounded
//! reference over a dense sample of the whole range, in units in the last place (ulp).

mod exp;
mod fma;
mod gates;
mod real;

pub use exp::exp;
pub use fma::fma;
pub use gates::{activation, bounded_silu, elu, gate, gelu, gelu_erf, relu, sigmoid, silu, softplus, tanh};
pub use real::Real;
