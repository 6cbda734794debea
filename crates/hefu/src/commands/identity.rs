//! `hefu identity`: the key by which this instance's receipts are known.

use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::receipts;
use clap::Args;
use serde_json::json;

/// Show the public key that signs this instance's receipts and audit logs
#[derive(Debug, Args)]
#[command(after_help = "\
The key pair is made at its first use and lies in identity.pem, in HEFU_HOME, else in the folder hefu of the user's data folder. \
Whoever has that file can sign in this instance's name.

Examples:
  hefu identity
  hefu identity --pem > instance.pem")]
pub(crate) struct Arguments {
    /// Print it in PEM, as other programs read it
    #[arg(long, conflicts_with = "json")]
    pem: bool,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
///
/// # Errors
/// If the key cannot be read or made.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let key = receipts::identity()?.public();
    if arguments.json {
        return print_json(&json!({"key": key.to_string(), "pem": key.to_pem()}));
    }
    print(&if arguments.pem { key.to_pem() } else { format!("{key}\n") })
}
