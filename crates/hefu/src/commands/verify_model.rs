//! `hefu verify-model`: check a model's files against a signature.

use super::sign::signed;
use crate::failure::Failure;
use crate::output::print_plain;
use crate::signing::public_key;
use clap::Args;
use std::path::PathBuf;

/// Check that a model's files are those that somebody signed
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with status 1 and says what differs if the signature does not fit or a file was changed, added or removed.

Examples:
  hefu verify-model qwen2.5-coder-0.5b-instruct --public-key release.pem.pub
  hefu verify-model ./model.gguf --public-key release.pem.pub --signature model.sig")]
pub(crate) struct Arguments {
    /// The model, as --model takes it, or a folder
    #[arg(value_name = "NAME|PATH")]
    name: String,

    /// The public half of the key that signed, a PEM file
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,

    /// The signature [default: beside the model's file, with .sig after its name; in a folder, model.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

/// Carries the command out.
///
/// # Errors
/// Whatever does not fit.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let key = public_key(&arguments.public_key)?;
    let signed = signed(&arguments.name)?;
    let manifest = signed.verify(arguments.signature.as_ref().unwrap_or(&signed.signature), &key)?;
    let count = manifest.resources.len();
    print_plain(&format!("matches: {} ({count} {})\n", arguments.name, if count == 1 { "file" } else { "files" }))
}
