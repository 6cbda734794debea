//! A class in a room: a teacher's machine that lets pupils in by a code, keeps what each has done as a signed file, and holds exams.
//!
//! * [`Class`]: all that can be asked of it; what it acknowledges is on the disk before;
//! * [`progress`]: what a pupil has done, and the signed file of it ([`progress::Signed`]);
//! * [`exam`]: what is drawn for whom, and by which numbers an exercise is graded;
//! * [`report`]: an exam as JSON, CSV or Markdown;
//! * [`limits`]: what a class keeps to;
//! * [`site`]: its pages.
//!
//! Nothing here knows a model or a connection, and no program of a pupil is ever run: they hand in what their programs wrote.

mod class;
mod code;
mod doing;
pub mod exam;
mod folder;
pub mod limits;
mod pace;
pub mod progress;
mod refusal;
pub mod report;
pub mod site;

pub use class::{Class, Joined, Settings, Who};
pub use doing::Graded;
pub use refusal::Refusal;
