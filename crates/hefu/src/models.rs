//! From the name of a model to its files.

use crate::failure::Failure;
use crate::flags;
use crate::interrupt::{self, Wish};
use crate::memory::total_memory;
use crate::options::ModelChoice;
use crate::preview;
use crate::progress::{Meter, Unit, line};
use crate::units;
use hefu_store::{
    Environment, Flow, Notice, Phase, Progress, PullOptions, Pulled, PulledState, Reason, Resolution, ResolvedModel,
    Store, StoreError,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The store of this user.
///
/// # Errors
/// If no folder for it is known.
pub(crate) fn open_store() -> Result<Store, Failure> {
    Ok(Store::open(None)?)
}

/// The model that was asked for, or the default one; fetched first if it is a source, or if the catalogue has it and the
/// store does not.
///
/// # Errors
/// A name that nothing is known under, or a failed download.
pub(crate) fn find(choice: ModelChoice<'_>) -> Result<ResolvedModel, Failure> {
    let store = open_store()?;
    let name = name_or_default(&store, choice.name)?;
    if Store::is_remote(&name) || store.catalogue().repository(&name).is_some() {
        let model = pull(&store, &name, &PullOptions::default(), Doubt::Refuse)?.model;
        return checked(&store, model, choice);
    }
    match store.resolve(&name)? {
        Resolution::Ready(model) => checked(&store, model, choice),
        Resolution::NotPulled(model) => {
            line(&format!(
                "hefu: fetching {} on its first use ({}, licence {})",
                model.name,
                units::bytes(model.size()),
                model.licence
            ));
            Ok(pull(&store, &model.name, &PullOptions::default(), Doubt::Refuse)?.model)
        }
    }
}

/// As [`find`], but nothing is fetched.
///
/// # Errors
/// A model that is not here.
pub(crate) fn find_here(choice: ModelChoice<'_>) -> Result<ResolvedModel, Failure> {
    let store = open_store()?;
    let name = name_or_default(&store, choice.name)?;
    if Store::is_remote(&name) || store.catalogue().repository(&name).is_some() {
        return Err(Failure::Usage(format!(
            "{name} is a source; fetch it with `hefu pull {name}`, then give the name that it has in the store"
        )));
    }
    match store.resolve(&name)? {
        Resolution::Ready(model) => checked(&store, model, choice),
        Resolution::NotPulled(model) => Err(StoreError::NotPulled(model.name).into()),
    }
}

/// The model, once its files have been compared with what was pulled.
fn checked(store: &Store, model: ResolvedModel, choice: ModelChoice<'_>) -> Result<ResolvedModel, Failure> {
    store.check(&model, choice.check, &mut Watcher::new(Doubt::Fetch))?;
    Ok(model)
}

fn name_or_default(store: &Store, asked: Option<&str>) -> Result<String, Failure> {
    let default = || store.catalogue().default_model().map(|model| model.name.clone());
    let missing = || Failure::Usage("the catalogue has no default model; name one with --model".to_owned());
    flags::given(asked).map(str::to_owned).or_else(default).ok_or_else(missing)
}

/// Treatment of a download that would be of no use on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It is given up as soon as that is known.
    Refuse,
    /// It is fetched all the same.
    Fetch,
}

/// Pulls with a progress bar, honouring the settings of the environment.
///
/// # Errors
/// The store's.
pub(crate) fn pull(
    store: &Store,
    name_or_source: &str,
    options: &PullOptions,
    doubt: Doubt,
) -> Result<Pulled, Failure> {
    let mut watcher = Watcher::new(doubt);
    let options = PullOptions { environment: Environment::from_process(), room: room(), ..options.clone() };
    let pulled = store.pull(name_or_source, &options, &mut watcher)?;
    let took = watcher.meter.elapsed();
    drop(watcher);
    if pulled.state != PulledState::AlreadyThere {
        let (name, size) = (&pulled.model.name, units::bytes(pulled.model.size()));
        // A local file, or an address of which nothing is known, has only the digest that was taken on the way.
        let digest = if pulled.is_checked { "digest checked" } else { "digest noted" };
        line(&format!("hefu: fetched {name} ({size}, {digest}) in {:.1} s", took.as_secs_f64()));
    }
    Ok(pulled)
}

/// Bytes of a model's file that this machine bears, where that is known: caches and everything else need memory too.
pub(crate) fn room() -> Option<u64> {
    total_memory().map(|bytes| bytes / 5 * 4)
}

/// Reason why a file of a repository was taken, where there was a choice.
fn chosen(file: &str, size: Option<u64>, reason: Reason) -> Option<String> {
    let size = size.map(|size| format!(" ({})", units::bytes(size))).unwrap_or_default();
    match reason {
        Reason::Named | Reason::Only => None,
        Reason::Usual => Some(format!(
            "taking {file}{size}: of the usual formats it is the first that this machine's memory bears; name another after a colon"
        )),
        Reason::Largest => Some(format!(
            "taking {file}{size}, the largest that this machine's memory bears: files of the usual formats are larger"
        )),
    }
}

/// Shows what the store is doing, and stops it in order at Ctrl-C: what has arrived by then is on the disk.
pub(crate) struct Watcher {
    meter: Meter,
    doubt: Doubt,
    /// Sentence about a source that failed, told once another is tried; of the last one the error says it.
    failed: Option<String>,
    is_interrupted: Arc<AtomicBool>,
    /// Where signals cannot be caught, Ctrl-C ends the program as it always does.
    _interrupt: Option<Wish>,
}

impl Watcher {
    /// Nothing is shown yet.
    pub(crate) fn new(doubt: Doubt) -> Self {
        let is_interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_interrupted);
        let interrupt = interrupt::instead(move || flag.store(true, Ordering::Relaxed)).ok();
        let meter = Meter::new("fetching", Unit::Bytes);
        Self { meter, doubt, failed: None, is_interrupted, _interrupt: interrupt }
    }
}

impl Progress for Watcher {
    fn advance(&mut self, phase: Phase, done: u64, total: Option<u64>) -> Flow {
        self.meter.relabel(match phase {
            Phase::Waiting => "waiting",
            Phase::Rehashing => "checking what is here",
            Phase::Downloading => "fetching",
            Phase::Verifying => "checking",
            Phase::Packing => "writing",
        });
        self.meter.set(done, total);
        if self.is_interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn begins(&mut self, head: &Path, total: u64) -> Result<(), String> {
        if self.doubt == Doubt::Fetch { Ok(()) } else { preview::would_run(head, total) }
    }

    fn notice(&mut self, notice: &Notice) {
        if let (Notice::TryingSource { .. }, Some(failed)) = (notice, self.failed.take()) {
            self.meter.say(&failed);
        }
        let text = match notice {
            Notice::Chosen { file, size, reason } => match chosen(file, *size, *reason) {
                Some(text) => text,
                None => return,
            },
            Notice::WaitingForOther { file } => format!("another process is writing {file}; waiting for it"),
            Notice::TryingSource { source, kept: 0 } => format!("trying {}", short(source)),
            Notice::TryingSource { source, kept } => {
                format!("going on with {} after {}", short(source), units::bytes(*kept))
            }
            Notice::Retrying { failure } => {
                format!("{} was interrupted ({}); trying again", short(&failure.source), failure.reason)
            }
            Notice::SourceFailed { failure } => {
                self.failed = Some(format!("hefu: {} failed: {}", short(&failure.source), failure.reason));
                return;
            }
            _ => return,
        };
        self.meter.say(&format!("hefu: {text}"));
    }
}

/// A source that fits a line: lists of packages can be long.
fn short(source: &str) -> String {
    const MOST: usize = 60;
    if source.chars().count() <= MOST {
        return source.to_owned();
    }
    let start: String = source.chars().take(MOST).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_told_where_there_was_one() {
        assert_eq!(chosen("m.gguf", Some(5), Reason::Only), None);
        assert_eq!(chosen("m.gguf", None, Reason::Named), None);
        let usual = chosen("m.gguf", Some(3 << 30), Reason::Usual).unwrap();
        assert!(usual.contains("m.gguf (3.00 GiB)") && usual.contains("usual"), "{usual}");
        assert!(chosen("m.gguf", None, Reason::Largest).unwrap().starts_with("taking m.gguf, the largest"));
    }
}
