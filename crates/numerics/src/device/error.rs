//! Errors of devices: reasons why they do not do what they are asked.

/// Errors of devices, in one sentence each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Memory that is not there.
    #[error("there is no memory for {bytes} bytes of {what}: {reason}")]
    Memory {
        /// Bytes needed.
        bytes: usize,
        /// Purpose: `weights` or `cache`.
        what: &'static str,
        /// Reason why it failed.
        reason: String,
    },

    /// Files that do not hold what the program says.
    #[error("the file does not hold the tensor `{tensor}` where it should: {problem}")]
    Files {
        /// Its name.
        tensor: String,
        /// The fault.
        problem: String,
    },

    /// Files that cannot be read another time.
    #[error("the model's files cannot be read again: {problem}")]
    Gone {
        /// What is wrong.
        problem: String,
    },

    /// A context that the model cannot have.
    #[error("a context of {asked} positions was asked for, but the model allows from 1 to {allowed}")]
    Context {
        /// The context asked for.
        asked: usize,
        /// The most that the model was made for.
        allowed: usize,
    },

    /// A batch that does not fit the program or its states.
    #[error("the batch cannot be run: {problem}")]
    BadBatch {
        /// Its fault.
        problem: String,
    },

    /// A program that a device cannot run.
    #[error("the model cannot be computed so: {problem}")]
    Unsuited {
        /// The obstacle.
        problem: String,
    },

    /// A device that cannot go on: its driver failed, or it was taken away.
    #[error("the device {device} failed, and whatever it holds is lost: {problem}")]
    Device {
        /// Its name.
        device: &'static str,
        /// The driver's message.
        problem: String,
    },

    /// A device that was taken away and is there again: the program runs, but all pages and slots are empty. What a sequence
    /// had there has to be computed again from its tokens.
    #[error("{device} was lost and is there again, without what its states held: {problem}")]
    StatesLost {
        /// Its name.
        device: String,
        /// Cause of the loss.
        problem: String,
    },

    /// Results that are no numbers.
    #[error("row {row} of the logits holds a NaN or an infinity: the model's weights or its metadata are damaged")]
    NotFinite {
        /// Row among the wanted ones.
        row: usize,
    },
}

impl Error {
    /// A batch that does not fit.
    pub fn bad_batch(problem: impl Into<String>) -> Error {
        Error::BadBatch { problem: problem.into() }
    }
}
