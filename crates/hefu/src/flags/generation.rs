//! Flags of every command that answers: how long, in how much context, by which template.

use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The frame of an answer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Answer")]
pub(crate) struct GenerationArguments {
    /// End the answer after N tokens [default: when the model ends it or the context is full]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) max_tokens: Option<NonZeroUsize>,

    /// End the answer before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,

    /// Tokens that prompt and answer may have together [default: 4096, or the model's own limit if that is lower]
    ///
    /// The cache for them is taken at the start; `hefu show` states its size.
    #[arg(short, long, value_name = "N")]
    pub(crate) context: Option<NonZeroUsize>,

    /// Chat template (Jinja) in place of the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
}
