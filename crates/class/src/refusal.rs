//! Reason why a class does not do what it is asked.

use crate::limits::{
    ACTS_PER_MINUTE, MAX_EXAMS, MAX_FILE_BYTES, MAX_HAND_INS, MAX_NAME, MAX_OUTPUT_BYTES, WRONG_CODES_PER_MINUTE,
};
use hefu_proof::IdentityError;
use std::io;
use std::path::PathBuf;

/// One sentence that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A file of the class cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// Action that was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file of the class is not what this program writes.
    #[error("{} is no file of this class: {why}; put back a copy of it, or move it away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// Another program has the class.
    #[error("the class in {} is open in another program; end that one, or name another --folder", .0.display())]
    Open(PathBuf),
    /// The key of the class cannot be had.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// A code that lets nobody in.
    #[error("this code is not the one of the class; look at the teacher's screen again")]
    Code,
    /// Too many wrong codes.
    #[error("more than {WRONG_CODES_PER_MINUTE} wrong codes came from this machine; wait a minute")]
    Guesses,
    /// Too much at once.
    #[error("more than {ACTS_PER_MINUTE} answers came in a minute; wait a little")]
    Pace,
    /// A name that cannot be.
    #[error("a name has 1 to {MAX_NAME} characters, all of them visible")]
    Name,
    /// Somebody has the name.
    #[error("somebody in this class is called so; take another name, or ask the teacher to let you back in")]
    Taken,
    /// The class is full.
    #[error("the class is full: it has {0} pupils; the teacher can remove some")]
    Full(usize),
    /// Too many from one machine.
    #[error(
        "{0} pupils came from this machine already, as many as may; the teacher can start the class with a greater --per-address"
    )]
    Address(usize),
    /// No such pupil.
    #[error("there is no such pupil in this class")]
    NoPupil,
    /// No such lesson, question or answer.
    #[error("there is no such {0} in this class")]
    Nothing(&'static str),
    /// Larger than may be.
    #[error("the output has more than {MAX_OUTPUT_BYTES} bytes; a right one is shorter")]
    Output,
    /// There is no exam now.
    #[error("there is no exam now")]
    NoExam,
    /// There is one.
    #[error("an exam is under way; end it first")]
    Exam,
    /// It cannot be so.
    #[error("{0}")]
    Plan(String),
    /// Handed in too often.
    #[error("this exercise was handed in {MAX_HAND_INS} times, as often as it may be")]
    HandIns,
    /// Too many exams.
    #[error("the class has had {MAX_EXAMS} exams; begin a new one with another --folder")]
    Exams,
    /// The record would be too long.
    #[error(
        "the record of this pupil would be longer than {MAX_FILE_BYTES} bytes; begin a new class with another --folder"
    )]
    Long,
    /// A file that is brought back and is no progress file of a class that is trusted.
    #[error("this is no progress file that can be taken: {0}")]
    Brought(String),
}

impl Refusal {
    /// A word for programs; pages say it in their language.
    pub fn word(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::Damaged { .. } | Self::Open(_) | Self::Key(_) | Self::Random(_) => "class_failed",
            Self::Code => "class_code",
            Self::Guesses => "class_guesses",
            Self::Pace => "class_pace",
            Self::Name => "class_name",
            Self::Taken => "class_taken",
            Self::Full(_) => "class_full",
            Self::Address(_) => "class_address",
            Self::NoPupil => "class_pupil",
            Self::Nothing(_) => "class_nothing",
            Self::Output => "class_output",
            Self::NoExam => "class_no_exam",
            Self::Exam => "class_exam",
            Self::Plan(_) => "class_plan",
            Self::HandIns => "class_hand_ins",
            Self::Exams => "class_exams",
            Self::Long => "class_long",
            Self::Brought(_) => "class_brought",
        }
    }
}
