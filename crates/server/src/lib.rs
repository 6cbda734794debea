//! The HTTP server: what applications speak, in front of the engine.
//!
//! * [`ask`], [`answer`], [`error`]: the seam between dialects and everything else.

pub mod answer;
pub mod ask;
pub mod error;

pub use answer::Answer;
pub use ask::Ask;
pub use error::ApiError;
