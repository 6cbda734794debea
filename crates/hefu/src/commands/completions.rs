//! `hefu completions`: the table of flags for a shell.

use crate::failure::Failure;
use crate::output::print;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu completions bash > ~/.local/share/bash-completion/completions/hefu
  hefu completions zsh > ~/.zfunc/_hefu
  hefu completions fish > ~/.config/fish/completions/hefu.fish")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Carries the command out. `table` is that of all commands.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(arguments: &Arguments, mut table: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut table, "hefu", &mut script);
    print(&String::from_utf8_lossy(&script))
}
