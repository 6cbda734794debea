//! `hefu man`: the table of flags as manual pages.

use crate::failure::Failure;
use crate::output::print;
use clap::{Args, Command};
use std::fs;
use std::path::PathBuf;

/// Print the manual page, or write the pages of all commands to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu man | man -l -
  hefu man ~/.local/share/man/man1")]
pub(crate) struct Arguments {
    /// Folder for hefu.1, hefu-run.1 and so on; it is made if it is missing
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Carries the command out. `table` is that of all commands.
///
/// # Errors
/// If the pages cannot be written.
pub(crate) fn run(arguments: &Arguments, table: Command) -> Result<(), Failure> {
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(table).render(&mut page);
        rendered.map_err(|error| Failure::Other(format!("the manual page could not be made: {error}")))?;
        return print(&String::from_utf8_lossy(&page));
    };
    fs::create_dir_all(folder).map_err(|error| Failure::file("create the folder", folder, error))?;
    clap_mangen::generate_to(table, folder).map_err(|error| Failure::file("write pages to", folder, error))
}
