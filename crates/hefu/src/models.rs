//! From the name of a model to its files.

use crate::cli::ModelArguments;
use crate::failure::Failure;
use crate::progress::{Meter, Unit, line};
use crate::units;
use hefu_store::{
    Environment, Flow, Notice, Phase, Progress, PullOptions, Pulled, PulledState, Resolution, ResolvedModel, Store,
};
use std::ops::ControlFlow;

/// The store of this user.
///
/// # Errors
/// If no folder for it is known.
pub(crate) fn open_store() -> Result<Store, Failure> {
    Ok(Store::open(None)?)
}

/// The model that was asked for, or the default one; fetched first if the catalogue has it and the store does not.
///
/// # Errors
/// A name that nothing is known under, or a failed download.
pub(crate) fn find(arguments: &ModelArguments) -> Result<ResolvedModel, Failure> {
    let store = open_store()?;
    let name = name_or_default(&store, arguments)?;
    match store.resolve(&name)? {
        Resolution::Ready(model) => Ok(model),
        Resolution::NotPulled(model) => {
            line(&format!(
                "hefu: fetching {} on its first use ({}, licence {})",
                model.name,
                units::bytes(model.size()),
                model.licence
            ));
            Ok(pull(&store, &model.name, &PullOptions::default())?.model)
        }
    }
}

fn name_or_default(store: &Store, arguments: &ModelArguments) -> Result<String, Failure> {
    let default = || store.catalogue().default_model().map(|model| model.name.clone());
    let asked = arguments.model.clone().filter(|name| !name.is_empty());
    let missing = || Failure::Usage("the catalogue has no default model; name one with --model".to_owned());
    asked.or_else(default).ok_or_else(missing)
}

/// Pulls with a progress bar, honouring the settings of the environment.
///
/// # Errors
/// The store's.
pub(crate) fn pull(store: &Store, name_or_source: &str, options: &PullOptions) -> Result<Pulled, Failure> {
    let mut watcher = Watcher::new();
    let options = PullOptions { environment: Environment::from_process(), ..options.clone() };
    let pulled = store.pull(name_or_source, &options, &mut watcher)?;
    let took = watcher.meter.elapsed();
    drop(watcher);
    if pulled.state != PulledState::AlreadyThere {
        let (name, size) = (&pulled.model.name, units::bytes(pulled.model.size()));
        line(&format!("hefu: fetched {name} ({size}, digest checked) in {:.1} s", took.as_secs_f64()));
    }
    Ok(pulled)
}

/// Shows what the store is doing.
#[derive(Debug)]
pub(crate) struct Watcher {
    meter: Meter,
}

impl Watcher {
    /// Nothing is shown yet.
    pub(crate) fn new() -> Self {
        Self { meter: Meter::new("fetching", Unit::Bytes) }
    }
}

impl Progress for Watcher {
    fn advance(&mut self, phase: Phase, done: u64, total: Option<u64>) -> Flow {
        self.meter.relabel(match phase {
            Phase::Waiting => "waiting",
            Phase::Rehashing => "checking what is here",
            Phase::Downloading => "fetching",
            Phase::Verifying => "checking",
        });
        self.meter.set(done, total);
        ControlFlow::Continue(())
    }

    fn notice(&mut self, notice: &Notice) {
        let text = match notice {
            Notice::WaitingForOther { file } => format!("another process is fetching {file}; waiting for it"),
            Notice::TryingSource { source, kept: 0 } => format!("trying {}", short(source)),
            Notice::TryingSource { source, kept } => {
                format!("going on with {} after {}", short(source), units::bytes(*kept))
            }
            Notice::Retrying { failure } => {
                format!("{} was interrupted ({}); trying again", short(&failure.source), failure.reason)
            }
            Notice::SourceFailed { failure } => {
                format!("{} failed: {}", short(&failure.source), failure.reason)
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
