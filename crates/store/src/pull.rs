//! Pulling a model: which files, from where, under which locks, and when it becomes visible.

use std::path::Path;

use crate::catalogue::CatalogueModel;
use crate::digest::Digest;
use crate::error::{SourceFailure, StoreError};
use crate::layout;
use crate::manifest::{Manifest, ManifestFile};
use crate::model::ResolvedModel;
use crate::name::{self, ModelName};
use crate::options::PullOptions;
use crate::partial::{Expected, Partial};
use crate::progress::{Meter, Notice, Progress};
use crate::repository::file_of;
use crate::source::{self, FetchError, Job, NO_MODEL, hub};
use crate::stamp::Check;
use crate::store::Store;

/// Number of times that files are fetched again if another process removes them in the meantime.
const MAX_ROUNDS: usize = 3;

/// Outcome of a pull: something to do, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PulledState {
    /// The model was in the store already.
    AlreadyThere,
    /// At least one file was fetched, or the manifest was written anew.
    Fetched,
}

/// The result of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The model as it now is in the store.
    pub model: ResolvedModel,
    /// The outcome.
    pub state: PulledState,
    /// True if the digest of every file was known beforehand, so that its bytes were held against it.
    pub is_checked: bool,
}

/// Goal of a pull.
struct Plan {
    name: ModelName,
    licence: Option<String>,
    description: Option<String>,
    files: Vec<PlannedFile>,
}

struct PlannedFile {
    name: String,
    expected: Expected,
    sources: Vec<String>,
}

impl PlannedFile {
    /// The name of its lock and partial file: its digest, or that of the place it comes from.
    fn key(&self) -> String {
        match self.expected.sha256 {
            Some(digest) => digest.to_string(),
            None => format!("source-{}", Digest::of(self.sources.join("\n").as_bytes())),
        }
    }

    fn is_met_by(&self, file: &ManifestFile) -> bool {
        match self.expected.sha256 {
            Some(digest) => digest == file.sha256,
            None => self.sources.contains(&file.source),
        }
    }
}

impl Store {
    /// Fetches a model of the catalogue, or the file (or split files) of a source, unless it is there.
    ///
    /// # Errors
    /// [`StoreError::AllSourcesFailed`] lists every source with its reason; [`StoreError::Stopped`] if `progress`
    /// said so; others for names, digests, the disk and the store's own files.
    pub fn pull(
        &self,
        name_or_source: &str,
        options: &PullOptions,
        progress: &mut dyn Progress,
    ) -> Result<Pulled, StoreError> {
        pull(self, name_or_source, options, progress)
    }
}

/// Pulls what a name, short name or source stands for.
fn pull(store: &Store, what: &str, options: &PullOptions, progress: &mut dyn Progress) -> Result<Pulled, StoreError> {
    let what = store.catalogue().repository(what).map_or(what, |known| &known.source);
    let what = &*hub::plain(what);
    let repository = hub::Repository::parse(what);
    let found = repository.map(|repository| file_of(store, &repository, options, progress)).transpose()?;
    let plan = plan(store, found.as_deref().unwrap_or(what), options)?;
    store.layout().create()?;
    let total = plan.files.iter().map(|file| file.expected.size).sum();
    let mut meter = Meter::new(progress, total);
    let is_checked = plan.files.iter().all(|file| file.expected.sha256.is_some());
    let _lock = store.wait_for_lock(&format!("model-{}", plan.name), plan.name.as_str(), &mut meter)?;
    if let Some(model) = already_there(store, &plan, &mut meter)? {
        let state = PulledState::AlreadyThere;
        return Ok(Pulled { model, state, is_checked });
    }
    meter.inspects = plan.files.len() == 1;
    for _ in 0..MAX_ROUNDS {
        meter.base = 0;
        let mut files = Vec::new();
        for file in &plan.files {
            let file = fetch_file(store, &plan.name, file, options, &mut meter)?;
            meter.base = meter.base.saturating_add(file.size);
            files.push(file);
        }
        if let Some(model) = make_visible(store, &plan, files)? {
            let state = PulledState::Fetched;
            return Ok(Pulled { model, state, is_checked });
        }
    }
    Err(StoreError::Busy(plan.name.to_string()))
}

/// Decides what to fetch.
fn plan(store: &Store, what: &str, options: &PullOptions) -> Result<Plan, StoreError> {
    if let Some(model) = store.catalogue().find(what) {
        return plan_from_catalogue(model, what, options);
    }
    if source::is_source(what) {
        if Path::new(what).is_dir() {
            return Err(store.no_file(what));
        }
        return plan_from_source(store, what, options);
    }
    // A model that was once pulled from a source can be pulled again by its name.
    let stored = match ModelName::parse(what) {
        Ok(name) => Manifest::read(store.layout(), &name)?.map(|manifest| (name, manifest)),
        Err(_) => None,
    };
    let Some((name, manifest)) = stored else {
        return Err(store.no_file(what));
    };
    let files = manifest.files.into_iter().map(|file| PlannedFile {
        name: file.name,
        expected: Expected { size: Some(file.size), sha256: Some(file.sha256) },
        sources: vec![file.source],
    });
    Ok(Plan { name, licence: manifest.licence, description: manifest.description, files: files.collect() })
}

fn plan_from_catalogue(model: &CatalogueModel, what: &str, options: &PullOptions) -> Result<Plan, StoreError> {
    if let Some(wanted) = options.sha256 {
        match model.files.as_slice() {
            [file] if file.sha256 != wanted => {
                return Err(StoreError::NameTaken {
                    name: what.to_owned(),
                    owner: format!("a model of the catalogue with the SHA-256 {}", file.sha256),
                });
            }
            [_] => {}
            _ => return Err(StoreError::DigestForShards(what.to_owned())),
        }
    }
    let files = model.files.iter().map(|file| PlannedFile {
        name: file.name.clone(),
        expected: Expected { size: Some(file.size), sha256: Some(file.sha256) },
        sources: file.sources.clone(),
    });
    Ok(Plan {
        name: ModelName::parse(options.name.as_deref().unwrap_or(&model.name))?,
        licence: Some(model.licence.clone()),
        description: Some(model.description.clone()),
        files: files.collect(),
    })
}

fn plan_from_source(store: &Store, spec: &str, options: &PullOptions) -> Result<Plan, StoreError> {
    let file_name = source::parse(spec)?.file_name();
    let name = match &options.name {
        Some(name) => ModelName::parse(name)?,
        None => ModelName::from_file_name(&file_name)?,
    };
    if store.catalogue().find(name.as_str()).is_some() {
        return Err(StoreError::NameTaken { name: name.to_string(), owner: "a model of the catalogue".to_owned() });
    }
    let sources = match name::shard_names(&file_name) {
        // The other files of a split model lie beside the one that was named.
        Some(shards) if shards.len() > 1 => {
            if options.sha256.is_some() {
                return Err(StoreError::DigestForShards(spec.to_owned()));
            }
            let (before, after) = spec.rsplit_once(&file_name).unwrap_or((spec, ""));
            let beside = |shard: &String| format!("{before}{shard}{after}");
            shards.iter().map(beside).collect()
        }
        _ => vec![spec.to_owned()],
    };
    let planned = |source: String| -> Result<PlannedFile, StoreError> {
        Ok(PlannedFile {
            name: plain_file_name(&source::parse(&source)?.file_name(), &name),
            expected: Expected { size: None, sha256: options.sha256 },
            sources: vec![source],
        })
    };
    let files = sources.into_iter().map(planned).collect::<Result<_, _>>()?;
    Ok(Plan { name, licence: None, description: None, files })
}

/// The source's name for a file if the store can keep it, else the model's.
fn plain_file_name(file_name: &str, model: &ModelName) -> String {
    if name::is_file_name(file_name) { file_name.to_owned() } else { format!("{model}.gguf") }
}

/// The stored model if it is what the plan wants and all its files are there as they were pulled.
fn already_there(store: &Store, plan: &Plan, meter: &mut Meter<'_>) -> Result<Option<ResolvedModel>, StoreError> {
    let manifest = match Manifest::read(store.layout(), &plan.name) {
        Ok(Some(manifest)) => manifest,
        // A damaged manifest is replaced.
        Ok(None) | Err(StoreError::Manifest { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let same = manifest.files.len() == plan.files.len()
        && plan.files.iter().zip(&manifest.files).all(|(planned, file)| planned.is_met_by(file));
    let of_catalogue = store.catalogue().find(plan.name.as_str()).is_some();
    if !same && !of_catalogue {
        let owner = manifest.files.first().map_or("", |file| &file.source);
        return Err(StoreError::NameTaken { name: plan.name.to_string(), owner: format!("a model from {owner}") });
    }
    if !same {
        return Ok(None);
    }
    let model = match store.stored(&plan.name, manifest) {
        Ok(model) => model,
        Err(StoreError::MissingFile { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    for file in &model.files {
        if let Some(digest) = file.sha256
            && !is_whole(store, &file.path, digest, file.size, meter)?
        {
            return Ok(None);
        }
    }
    Ok(Some(model))
}

/// True if a blob still is what its name says; one that is not is taken out of the way.
fn is_whole(store: &Store, blob: &Path, digest: Digest, size: u64, meter: &mut Meter<'_>) -> Result<bool, StoreError> {
    if !std::fs::metadata(blob).is_ok_and(|there| there.len() == size) {
        return Ok(false);
    }
    match store.notes().digest_checked(blob, Check::Changed, meter) {
        Ok(found) if found == digest => Ok(true),
        Ok(_) | Err(StoreError::ReadsOtherwise { .. }) => {
            store.notes().forget(blob);
            layout::remove_if_there(blob)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Brings one file into the store as a blob.
fn fetch_file(
    store: &Store,
    model: &ModelName,
    file: &PlannedFile,
    options: &PullOptions,
    meter: &mut Meter<'_>,
) -> Result<ManifestFile, StoreError> {
    let key = file.key();
    let _lock = store.wait_for_lock(&key, &file.name, meter)?;
    if let (Some(digest), Some(size)) = (file.expected.sha256, file.expected.size) {
        let blob = store.layout().blob(&digest);
        if is_whole(store, &blob, digest, size, meter)? {
            let source = file.sources.first().cloned().unwrap_or_default();
            return Ok(ManifestFile { name: file.name.clone(), size, sha256: digest, source });
        }
    }
    let mut partial = Partial::open(store.layout(), &key, model.as_str(), file.expected, meter)?;
    if let Some(size) = file.expected.size {
        partial.ensure_space(size)?;
    }
    let mut failures = Vec::new();
    for spec in &file.sources {
        match try_source(spec, file, &mut partial, options, meter) {
            Ok(()) => {
                let size = partial.length();
                let sha256 = partial.publish(store.layout())?;
                return Ok(ManifestFile { name: file.name.clone(), size, sha256, source: spec.clone() });
            }
            Err(FetchError::Store(error @ StoreError::Refused(_))) => {
                partial.restart()?;
                partial.discard_if_empty()?;
                return Err(error);
            }
            Err(FetchError::Store(error)) => {
                // Bytes that arrived are kept for the next attempt; the first error is the one to tell.
                let _ = partial.flush();
                return Err(error);
            }
            Err(FetchError::Source(reason)) => {
                partial.flush()?;
                let source = spec.clone();
                let failure = SourceFailure { source, reason };
                meter.notice(Notice::SourceFailed { failure: failure.clone() });
                failures.push(failure);
            }
        }
    }
    partial.discard_if_empty()?;
    Err(StoreError::AllSourcesFailed { file: file.name.clone(), failures })
}

/// Completes the partial file from one source and checks it.
fn try_source(
    spec: &str,
    file: &PlannedFile,
    partial: &mut Partial,
    options: &PullOptions,
    meter: &mut Meter<'_>,
) -> Result<(), FetchError> {
    let source = source::parse(spec)?;
    loop {
        partial.begin_source(spec);
        let kept = partial.length();
        meter.notice(Notice::TryingSource { source: spec.to_owned(), kept });
        if !partial.is_complete() {
            source.fetch(&mut Job { partial: &mut *partial, options, meter: &mut *meter, spec })?;
        }
        let Err(reason) = check(file, partial) else {
            return Ok(());
        };
        partial.restart()?;
        // The fault may lie in what was kept from before, so this source has one chance from the start.
        if kept == 0 {
            return Err(FetchError::Source(reason));
        }
    }
}

/// Checks that the partial file is the file that is wanted; the reason is part of a sentence.
fn check(file: &PlannedFile, partial: &Partial) -> Result<(), String> {
    let length = partial.length();
    if let Some(size) = file.expected.size.filter(|size| *size != length) {
        return Err(format!("gave {length} bytes instead of {size}"));
    }
    match file.expected.sha256 {
        Some(expected) => {
            let found = partial.digest();
            if found == expected {
                Ok(())
            } else {
                Err(format!("gave other bytes: their SHA-256 is {found} instead of {expected}"))
            }
        }
        None if length < 4 || !partial.may_be_model() => Err(NO_MODEL.to_owned()),
        None => Ok(()),
    }
}

/// Writes the manifest, provided that the blobs are still there; `None` if one was removed in the meantime.
fn make_visible(store: &Store, plan: &Plan, files: Vec<ManifestFile>) -> Result<Option<ResolvedModel>, StoreError> {
    let _lock = store.lock()?;
    let mut manifest = Manifest::new(&plan.name, files);
    manifest.licence.clone_from(&plan.licence);
    manifest.description.clone_from(&plan.description);
    let model = match store.stored(&plan.name, manifest.clone()) {
        Ok(model) => model,
        Err(StoreError::MissingFile { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let replaced = Manifest::read(store.layout(), &plan.name).ok().flatten();
    manifest.write(store.layout(), &plan.name)?;
    if let Some(replaced) = replaced {
        store.remove_unused_blobs(&replaced)?;
    }
    Ok(Some(model))
}
