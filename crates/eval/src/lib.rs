//! Evaluations: what a model knows, measured so that anybody gets the same number.
//!
//! ```text
//! Task (YAML) + Data (JSONL, CSV, Parquet) ─▶ Question, one for each sample ─▶ Work: jobs for a scheduler
//!                    Score ◀── Points ◀── SampleRecord: what was fed and what came ◀── drive ◀┘
//! ```
//!
//! * [`task`]: what is measured and how; [`data`]: rows; [`question`]: what a row asks, by the task's templates;
//! * [`work`]: questions as tokens; [`drive`](drive()): many at once on one scheduler;
//! * [`record`]: what came of a sample, exact to the bit; [`mod@grade`]: what it earned;
//! * [`again`]: a record held to the model a second time.
//!
//! Nothing here knows files of models, chips or clocks.

pub mod again;
pub mod data;
mod drive;
pub mod grade;
pub mod question;
pub mod record;
mod render;
pub mod task;
pub mod work;

pub use drive::drive;
pub use grade::{Points, grade};
pub use record::{Part, SampleRecord};
pub use task::{Measure, Task};

/// Error in a task, its data or a record: one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    fn of(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
