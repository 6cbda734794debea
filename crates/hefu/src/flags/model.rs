//! Flags of every command that names a model.

use crate::options::ModelChoice;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hefu_store::Check;

/// The environment variable that names the model when `--model` does not.
pub(crate) const MODEL_VARIABLE: &str = "HEFU_MODEL";

/// Which model.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArguments {
    /// Model: a name that `hefu models` lists, the path of a GGUF file or of a folder of safetensors files, or a source that `hefu pull` takes
    ///
    /// A model that the catalogue knows, or that a source names, is fetched on first use. Without this flag the model is the catalogue's default.
    #[arg(short, long, value_name = "NAME|PATH", env = MODEL_VARIABLE)]
    model: Option<String>,

    #[command(flatten)]
    check: CheckArguments,
}

/// How carefully a model's files are compared with what was pulled.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct CheckArguments {
    /// Read a model's files again before use and compare them with what was pulled: if their time stamps changed,
    /// always (about a second per gigabyte), or never
    #[arg(long, value_name = "WHEN", default_value = "changed", value_parser = checks())]
    pub(crate) check: Check,
}

impl ModelArguments {
    /// The options of these flags.
    pub(crate) fn choice(&self) -> ModelChoice<'_> {
        ModelChoice { name: given(self.model.as_deref()), check: self.check.check }
    }
}

/// A name as it was given. A variable that is set to nothing is as one that is not set; a flag that is given nothing is a
/// mistake, and said to be one.
pub(crate) fn given(name: Option<&str>) -> Option<&str> {
    let is_unset = std::env::var_os(MODEL_VARIABLE).is_some_and(|value| value.is_empty());
    name.filter(|name| !name.is_empty() || !is_unset)
}

fn checks() -> impl TypedValueParser<Value = Check> {
    PossibleValuesParser::new(["changed", "always", "never"]).map(|name| match name.as_str() {
        "always" => Check::Always,
        "never" => Check::Never,
        _ => Check::Changed,
    })
}
