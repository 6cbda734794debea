//! Limits of a class.

/// Most pupils of a class.
pub const MAX_PUPILS: usize = 64;
/// Longest name of a pupil, in characters.
pub const MAX_NAME: usize = 40;
/// Pupils who may come from one address, unless the teacher says otherwise.
pub const PUPILS_PER_ADDRESS: usize = 4;
/// Wrong codes that an address may try in a minute: so few that all codes would take longer than any class lasts.
pub const WRONG_CODES_PER_MINUTE: u32 = 10;
/// Things that a pupil may do in a minute, each of which is written to the disk.
pub const ACTS_PER_MINUTE: u32 = 240;
/// Largest file of a pupil's progress, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Largest output of a program that is handed in, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Most exams of a class.
pub const MAX_EXAMS: usize = 16;
/// Most questions of an exam.
pub const MAX_EXAM_QUESTIONS: usize = 50;
/// Most exercises of an exam.
pub const MAX_EXAM_EXERCISES: usize = 10;
/// Longest exam, in minutes.
pub const MAX_EXAM_MINUTES: u64 = 600;
/// Most hand-ins of an exercise during an exam.
pub const MAX_HAND_INS: u32 = 20;
/// Addresses that are remembered at the same time.
pub(crate) const MAX_ADDRESSES: usize = 4096;
