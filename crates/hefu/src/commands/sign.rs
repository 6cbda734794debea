//! `hefu sign`: sign a model's files.

use crate::failure::Failure;
use crate::models;
use crate::options::ModelChoice;
use crate::output::{print_plain, text_file};
use crate::signing::Signed;
use clap::Args;
use hefu_provenance::signing::{SecretKey, sign};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Sign a model's files with your key, in the format of OpenSSF model signing
#[derive(Debug, Args)]
#[command(after_help = "\
The signature holds the SHA-256 of every file. It is checked by `hefu verify-model`, by `hefu serve --require-signature` and by \
other tools of that format. Keys are PEM files on the curve P-256 or P-384, as OpenSSL makes them.

Examples:
  hefu sign --create-key release.pem
  hefu sign qwen2.5-coder-0.5b-instruct --private-key release.pem
  hefu sign ./model.gguf --private-key release.pem --signature model.sig")]
pub(crate) struct Arguments {
    /// The model, as --model takes it, or a folder, all of whose files are signed
    #[arg(value_name = "NAME|PATH", required_unless_present = "create_key")]
    name: Option<String>,

    /// The key that signs, a PEM file
    #[arg(long, value_name = "FILE", required_unless_present = "create_key")]
    private_key: Option<PathBuf>,

    /// Where the signature goes [default: beside the model's file, with .sig after its name; in a folder, model.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,

    /// Make a new key instead: FILE gets the private half, FILE.pub the public one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "private_key", "signature"])]
    create_key: Option<PathBuf>,
}

/// Carries the command out.
///
/// # Errors
/// A model or key that cannot be had, or a file that cannot be written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.create_key {
        return create(path);
    }
    let (Some(name), Some(key)) = (&arguments.name, &arguments.private_key) else {
        return Err(Failure::Usage("name a model and the key that signs it".to_owned()));
    };
    let key =
        SecretKey::from_pem(&text_file(key)?).map_err(|error| Failure::Other(format!("{}: {error}", key.display())))?;
    let signed = signed(name)?;
    let place = arguments.signature.as_ref().unwrap_or(&signed.signature);
    let text = sign(signed.subject(), place, &key).map_err(|error| Failure::Other(error.to_string()))?;
    std::fs::write(place, text).map_err(|error| Failure::file("write", place, error))?;
    print_plain(&format!("signed: {}\n", place.display()))
}

/// Thing that a name or path stands for: a folder, or the files of a model.
///
/// # Errors
/// If nothing is known under it.
pub(crate) fn signed(name: &str) -> Result<Signed, Failure> {
    if Path::new(name).is_dir() {
        return Ok(Signed::folder(Path::new(name)));
    }
    Signed::model(&models::find_here(ModelChoice::named(name))?)
}

fn create(path: &Path) -> Result<(), Failure> {
    let fault = |error: hefu_provenance::signing::Error| Failure::Other(error.to_string());
    let key = SecretKey::create().map_err(fault)?;
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    write_new(&public, &key.public().to_pem().map_err(fault)?, false)?;
    // Both or none: a public key without its other half would stand in the way of the next try.
    write_new(path, &key.to_pem().map_err(fault)?, true).inspect_err(|_| drop(fs::remove_file(&public)))?;
    print_plain(&format!(
        "made {} (keep it secret) and {} (give it to whoever checks)\n",
        path.display(),
        public.display()
    ))
}

/// Writes a file that must not be there yet: a key that is overwritten is lost.
fn write_new(path: &Path, text: &str, secret: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Other(format!(
            "{} is there already, and a key that is overwritten is lost; give another name",
            path.display()
        )),
        _ => Failure::file("create", path, error),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Failure::file("write", path, error))
}
