//! Everything that can go wrong between a file and its program.

use hefu_numerics::program::SealError;

use crate::gguf;

/// A model that cannot be run, in one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is no GGUF that can be read.
    #[error(transparent)]
    File(#[from] gguf::Error),

    /// A family that is not in [`crate::families::FAMILIES`].
    #[error("the model's architecture is `{found}`, which is not supported; supported are {known}")]
    UnknownArchitecture {
        /// `general.architecture` of the file.
        found: String,
        /// Names of the families.
        known: String,
    },

    /// A family of [`crate::families::MISSING`].
    #[error("the model's architecture is `{architecture}`, which is not supported: what is missing is {missing}")]
    MissingOperation {
        /// `general.architecture` of the file.
        architecture: &'static str,
        /// The combination that no operation computes.
        missing: &'static str,
    },

    /// A metadata key that might change results and that nothing reads.
    #[error("the file's metadata key `{key}` is not known for architecture `{architecture}` and could change results")]
    UnknownKey {
        /// The whole key.
        key: String,
        /// The family.
        architecture: &'static str,
    },

    /// A metadata value that makes no sense.
    #[error("the file's metadata key `{key}` {problem}")]
    BadKey {
        /// The whole key.
        key: String,
        /// The mistake in its value.
        problem: String,
    },

    /// A tensor that the family needs.
    #[error("the file lacks the tensor `{name}` ({expected}), which architecture `{architecture}` needs")]
    MissingTensor {
        /// Its name.
        name: String,
        /// The expected shape.
        expected: String,
        /// The family.
        architecture: &'static str,
    },

    /// A tensor of another shape than the metadata say.
    #[error("the tensor `{name}` has shape {found}, but the file's metadata make it {expected}")]
    BadShape {
        /// Its name.
        name: String,
        /// Its shape in the file.
        found: String,
        /// The expected shape.
        expected: String,
    },

    /// A tensor whose values cannot be used.
    #[error("the tensor `{name}` {problem}")]
    BadTensor {
        /// Its name.
        name: String,
        /// The fault.
        problem: String,
    },

    /// Tensors that the family does not have; to ignore them would be to run another model.
    #[error("the file has {count} tensors that architecture `{architecture}` does not use: {names}")]
    LeftOverTensors {
        /// Their count.
        count: usize,
        /// The first of them by name.
        names: String,
        /// The family.
        architecture: &'static str,
    },

    /// A program that cannot be run: a mistake in the family's file.
    #[error(transparent)]
    Program(#[from] SealError),

    /// A model without logits, where one that writes is needed.
    #[error("models of the architecture `{architecture}` read texts as a whole and write none")]
    Encoder {
        /// The family.
        architecture: &'static str,
    },

    /// A context that the model cannot have.
    #[error("a context of {asked} positions was asked for, but the model allows from 1 to {allowed}")]
    Context {
        /// The context asked for.
        asked: usize,
        /// The most that the model was made for.
        allowed: usize,
    },
}
