//! `hefu key`: API keys of the server.

use crate::failure::Failure;
use crate::home;
use crate::output::{print_json, print_plain};
use clap::{Args, Subcommand};
use hefu_server::keys;
use serde_json::json;
use std::path::PathBuf;

/// The name of the file of keys.
const FILE: &str = "keys.json";

/// Add, list and revoke API keys of the server
#[derive(Debug, Args)]
#[command(after_help = "\
A key is shown once, when it is added; only its hash is kept. A running server takes notice of a change within a second.

Examples:
  hefu key add phone
  hefu key add laptop --group mine
  hefu key add admin --operator
  hefu key list
  hefu key revoke phone")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Action,

    /// The file of keys [default: keys.json in HEFU_HOME, else in the folder hefu of the user's data folder]
    #[arg(long, value_name = "FILE", global = true)]
    keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it
    Add {
        /// A name to know it by
        #[arg(value_name = "NAME")]
        name: String,

        /// Keys of one group share what the cache holds of their prompts, so that each can tell by times and counts what the
        /// others asked; without a group, a key shares it with itself alone
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,

        /// Whoever has the key may move the server's work to another one, and hand it the work of another one
        #[arg(long)]
        operator: bool,
    },
    /// List the names of all keys
    List {
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key
    Revoke {
        /// The key's name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Carries the command out.
///
/// # Errors
/// A name that is taken or not known, or a file that cannot be read or written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = file(arguments.keys.clone())?;
    let failed = |error: keys::KeyError| Failure::Other(error.to_string());
    match &arguments.what {
        Action::Add { name, group, operator } => {
            print_plain(&format!("{}\n", keys::add(&path, name, group.as_deref(), *operator).map_err(failed)?))
        }
        Action::Revoke { name } => {
            keys::revoke(&path, name).map_err(failed)?;
            print_plain(&format!("revoked: {name}\n"))
        }
        Action::List { json } => {
            let entries = keys::list(&path).map_err(failed)?;
            if *json {
                let entry = |entry: &keys::Entry| {
                    json!({
                        "name": entry.name, "created": entry.created, "group": entry.group,
                        "operator": entry.operator,
                    })
                };
                return print_json(&entries.iter().map(entry).collect());
            }
            if entries.is_empty() {
                crate::progress::line(&format!(
                    "hefu: there are no keys in {}; hefu key add NAME makes one",
                    path.display()
                ));
            }
            entries.iter().try_for_each(|entry| print_plain(&format!("{}\n", entry.name)))
        }
    }
}

/// The file of keys: the one that was given, or this user's.
///
/// # Errors
/// If no folder is known for this user.
pub(crate) fn file(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    given.map_or_else(|| home::file(FILE), Ok)
}
