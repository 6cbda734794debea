//! Choice of a file in a repository.

use crate::error::{SourceFailure, StoreError};
use crate::options::PullOptions;
use crate::progress::{Notice, Progress};
use crate::source::hub;
use crate::store::Store;

/// The source of the file that is meant by a repository: one that is in the store already, or else what the hub lists.
pub(crate) fn file_of(
    store: &Store,
    repository: &hub::Repository,
    options: &PullOptions,
    progress: &mut dyn Progress,
) -> Result<String, StoreError> {
    let listing = store.list()?;
    let sources = listing.models.iter().filter_map(|model| model.files.first()?.source.as_deref());
    let stored = sources.filter_map(|source| Some(hub::HubFile { name: repository.file_in(source)?, size: None }));
    if let Ok(chosen) = repository.choose(&stored.collect::<Vec<_>>(), None) {
        return Ok(repository.source_of(&chosen.file));
    }
    let spec = repository.to_string();
    let files = repository.list(options).map_err(|reason| {
        let failure = SourceFailure { source: "the hub's list of its files".to_owned(), reason };
        StoreError::AllSourcesFailed { file: spec.clone(), failures: vec![failure] }
    })?;
    let chosen = repository.choose(&files, options.room);
    let hub::Chosen { file, size, reason } = chosen.map_err(|reason| StoreError::InvalidSource { spec, reason })?;
    let source = repository.source_of(&file);
    progress.notice(&Notice::Chosen { file, size, reason });
    Ok(source)
}
