//! `hefu remove`: take models out of the store.

use crate::failure::Failure;
use crate::models;
use crate::output::print_plain;
use crate::units;
use clap::Args;
use hefu_store::Resolution;

/// Remove models from the store, and what unfinished downloads of them left
#[derive(Debug, Args)]
#[command(after_help = "\
Files that another model of the store uses stay.

Examples:
  hefu remove gemma-3-270m")]
pub(crate) struct Arguments {
    /// Names as `hefu models` lists them
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Carries the command out, model by model.
///
/// # Errors
/// The first name that is not in the store, or that is being fetched.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = models::open_store()?;
    for name in &arguments.names {
        let mut freed = 0;
        if let Ok(Resolution::Ready(model)) = store.resolve(name) {
            freed += store.remove_packed(&model)?;
        }
        let removed = store.remove(name)?;
        print_plain(&format!("removed {} ({} freed)\n", removed.name, units::bytes(freed + removed.freed)))?;
    }
    Ok(())
}
