//! Flags of every command that names a model.

use clap::Args;

/// The environment variable that names the model when `--model` does not.
pub(crate) const MODEL_VARIABLE: &str = "HEFU_MODEL";

/// Which model.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArguments {
    /// Model: a name that `hefu models` lists, or the path of a GGUF file
    ///
    /// A model that the catalogue knows is fetched on first use. Without this flag the model is the catalogue's default.
    #[arg(short, long, value_name = "NAME|PATH", env = MODEL_VARIABLE)]
    pub(crate) model: Option<String>,
}
