//! A model's files, opened another time.

use crate::open::MappedModel;
use hefu_model::ModelFiles;
use hefu_numerics::device::{Error, Files, Reopen};
use hefu_store::ResolvedModel;

/// Where a model's files are, and what they were when they were first read.
#[derive(Debug)]
pub(crate) struct Reopened {
    /// Name, licence and digests.
    pub(crate) model: ResolvedModel,
}

impl Reopen for Reopened {
    fn with(&self, read: &mut dyn FnMut(&dyn Files) -> Result<(), Error>) -> Result<(), Error> {
        let gone = |problem: String| Error::Gone { problem };
        let files = MappedModel::new(self.model.clone()).map_err(|failure| gone(failure.to_string()))?;
        let gguf = files.gguf().map_err(|failure| gone(failure.to_string()))?;
        let done = |file, range| {
            if let Some(mapping) = files.mapping(file) {
                mapping.release(range);
            }
        };
        read(&ModelFiles::new(&gguf, &done))?;
        // What answers go on with is what they began with.
        self.model.still_is().map_err(|error| gone(error.to_string()))
    }
}
