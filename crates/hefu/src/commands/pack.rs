//! `hefu pack`: keep a model's weights in the form in which they lie in memory.

use crate::failure::Failure;
use crate::flags::{CheckArguments, DeviceArguments};
use crate::load::pack_weights;
use crate::models::{find_here, open_store};
use crate::options::ModelChoice;
use crate::output::print_plain;
use crate::units;
use clap::Args;
use hefu_store::Check;
use std::path::Path;

/// Keep a packed copy of a model's weights, so that it starts in the time of reading them
///
/// Weights lie in memory in another order than in the file, and bringing them there takes most of a large model's start. The copy lies
/// beside the store, is as large as the model, and is mapped where it lies: programs that run the same model share it. Answers are the
/// same to the bit. Whoever changes the model's file or updates the program packs again; a copy that does not fit is not used.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu pack qwen2.5-coder-0.5b-instruct
  hefu pack ./model.gguf
  hefu pack ./model.gguf --remove")]
pub(crate) struct Arguments {
    /// The model, as --model takes it
    #[arg(value_name = "NAME|PATH")]
    name: String,

    /// Remove the model's packed copies instead
    #[arg(long)]
    remove: bool,

    #[command(flatten)]
    check: CheckArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that is not here or cannot be run, or no room for the copy.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.remove {
        return remove(&arguments.name);
    }
    let model = find_here(ModelChoice { name: Some(&arguments.name), check: arguments.check.check })?;
    let name = model.name.clone();
    let bytes = pack_weights(model, &arguments.device.options())?;
    print_plain(&format!("packed {name} ({})\n", units::bytes(bytes as u64)))
}

/// Removes the packed copies of a model; of one whose files are gone, those that bear its name.
fn remove(name: &str) -> Result<(), Failure> {
    let store = open_store()?;
    let (name, freed) = match find_here(ModelChoice { name: Some(name), check: Check::Never }) {
        Ok(model) => (model.name.clone(), store.remove_packed(&model)?),
        Err(failure) => {
            let file = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
            match store.remove_packed_by_name(&file)? {
                0 => return Err(failure),
                freed => (file, freed),
            }
        }
    };
    print_plain(&match freed {
        0 => format!("{name} has no packed copy\n"),
        freed => format!("removed the packed copy of {name} ({} freed)\n", units::bytes(freed)),
    })
}
