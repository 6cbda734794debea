//! `hefu label`: labels of generated content.

use crate::failure::Failure;
use crate::output::{print_plain, text_file};
use clap::{Args, Subcommand};
use hefu_provenance::label::document::check;
use std::path::PathBuf;

/// Check the labels of generated documents (GB 45438-2025)
#[derive(Debug, Args)]
#[command(after_help = "\
Labels are made by `hefu export` and by `hefu serve --label cn`. What is checked was gathered from public guides to the standard, \
and this is no legal advice.

Examples:
  hefu label check answer.md")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check that Markdown documents carry the visible notice and a whole metadata block
    #[command(after_help = "Examples:\n  hefu label check answer.md")]
    Check {
        /// The documents
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Carries the command out.
///
/// # Errors
/// If a document lacks a label, once all were looked at.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Action::Check { files } = &arguments.action;
    let mut problems = 0;
    for file in files {
        match check(&text_file(file)?) {
            Ok(found) => {
                let (who, id) = (&found.implicit.content_producer, &found.implicit.produce_id);
                print_plain(&format!(
                    "{}: labelled, produced by {who} as {id}, notice \"{}\"\n",
                    file.display(),
                    found.explicit
                ))?;
            }
            Err(error) => {
                problems += 1;
                print_plain(&format!("{}: not labelled: {error}\n", file.display()))?;
            }
        }
    }
    match problems {
        0 => Ok(()),
        _ => Err(Failure::Other(format!("{problems} of {} documents are not labelled as they should be", files.len()))),
    }
}
