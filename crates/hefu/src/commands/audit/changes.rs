//! Changes of a log by hand: notes added, contents taken out.

use crate::failure::Failure;
use crate::orders::{Order, hand_over};
use crate::output::{print, print_plain};
use crate::receipts;
use crate::timestamp::Authority;
use crate::units::thousands;
use clap::{Args, ValueEnum};
use hefu_proof::Identity;
use hefu_proof::audit::{Annotated, Annotation, AuditLog, Error, Options, Reader, Token, Verdict, stamp_request};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest answer of an authority that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A person's opinion of an answer.
#[derive(Debug, Args)]
pub(super) struct Review {
    /// Verdict on the answer
    #[arg(long, value_name = "VERDICT")]
    verdict: Opinion,

    /// Name of the reviewer
    #[arg(long, value_name = "NAME")]
    by: String,

    /// A note
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,

    /// The reviewer's own private key (ed25519, PEM), which signs [default: that of this instance]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Opinion {
    /// It was used as it is
    Accepted,
    /// It was changed before it was used
    Corrected,
    /// It was set aside, and a person decided otherwise
    Overruled,
}

/// Where a time stamp comes from or goes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Stamping {
    /// Ask this authority for a stamp of the last checkpoint
    #[arg(long, value_name = "URL")]
    authority: Option<String>,

    /// Write the question for an authority to FILE (DER), to be sent by other means
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,

    /// Take the authority's answer from FILE (DER)
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,

    /// Print where the stamp of the checkpoint after record N can be checked with OpenSSL, and write it to N.tsr
    #[arg(long, value_name = "N")]
    export: Option<u64>,
}

impl Opinion {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Corrected => "corrected",
            Self::Overruled => "overruled",
        }
    }
}

impl From<Verdict> for Opinion {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::Corrected => Self::Corrected,
            Verdict::Overruled => Self::Overruled,
        }
    }
}

impl From<Opinion> for Verdict {
    fn from(opinion: Opinion) -> Self {
        match opinion {
            Opinion::Accepted => Self::Accepted,
            Opinion::Corrected => Self::Corrected,
            Opinion::Overruled => Self::Overruled,
        }
    }
}

/// Opens a log that is there for writing. Opening one that is not there would make it.
fn open_to_write(path: &Path) -> Result<AuditLog, Failure> {
    free_to_write(path)?.ok_or_else(|| Error::InUse { path: path.to_owned() }.into())
}

/// As [`open_to_write`]; `None` where another program is writing to it.
fn free_to_write(path: &Path) -> Result<Option<AuditLog>, Failure> {
    drop(Reader::open(path)?);
    match AuditLog::open(path, receipts::identity()?, Options::default()) {
        Ok(log) => Ok(Some(log)),
        Err(Error::InUse { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn prune(path: &Path, before: u64) -> Result<(), Failure> {
    let log = open_to_write(path)?;
    let gone = log.prune(before)?;
    log.close()?;
    print(&format!("{} records removed\n", thousands(gone)))
}

pub(super) fn redact(path: &Path, id: &str, reason: &str) -> Result<(), Failure> {
    let seq = match free_to_write(path)? {
        None => hand_over(path, &Order::Redact { id: id.to_owned(), reason: reason.to_owned() })?,
        Some(log) => {
            let seq = log.redact(id, reason)?;
            log.close()?;
            seq
        }
    };
    print(&format!("taken away: what record {seq} said; its digest and a signed note stay\n"))
}

pub(super) fn annotate(path: &Path, id: &str, review: &Review) -> Result<(), Failure> {
    let found = Reader::open(path)?.find(id)?;
    let missing = || Failure::Other(format!("{} has no record {id} of an answer that says anything", path.display()));
    let (entry, answer) = found.and_then(|entry| entry.answer().map(|answer| (entry, answer))).ok_or_else(missing)?;
    let identity = match &review.identity {
        Some(path) => Identity::open(path).map_err(|error| Failure::Other(error.to_string()))?,
        None => receipts::identity()?,
    };
    let annotation = Annotation {
        of: entry.id,
        receipt_digest: answer.receipt_digest,
        verdict: review.verdict.into(),
        by: review.by.clone(),
        note: review.note.clone(),
        time: receipts::now(),
    };
    let annotated = Annotated::sign(annotation, &identity).map_err(Failure::Other)?;
    let seq = match free_to_write(path)? {
        None => hand_over(path, &Order::Annotate(Box::new(annotated)))?,
        Some(log) => {
            let appended = log.annotate(annotated)?;
            log.close()?;
            appended.seq
        }
    };
    print_plain(&format!("recorded: {} by {}, record {seq}\n", review.verdict.name(), review.by))
}

pub(super) fn stamp(path: &Path, how: &Stamping) -> Result<(), Failure> {
    if let Some(seq) = how.export {
        return export(path, seq);
    }
    let none = || Failure::Other(format!("{} has no checkpoint that is without a time stamp", path.display()));
    let mark = Reader::open(path)?.unstamped()?.ok_or_else(none)?;
    if let Some(file) = &how.request {
        let question = stamp_request(&mark.hash).map_err(Failure::Other)?;
        fs::write(file, question).map_err(|error| Failure::file("write", file, error))?;
        return print_plain(&format!(
            "written: {}, the question for a stamp of the checkpoint after record {}; give the answer with --response\n",
            file.display(),
            mark.seq
        ));
    }
    let token = match (&how.authority, &how.response) {
        (Some(url), _) => Authority::new(url)?.stamp(&mark.hash).map_err(Failure::Other)?,
        (None, Some(file)) => read(file)?,
        (None, None) => return Err(Failure::Usage("give --authority or --response".to_owned())),
    };
    let time = Token::read(&token).map_err(Failure::Other)?.time;
    let log = open_to_write(path)?;
    log.stamp(mark.seq, &token)?;
    log.close()?;
    print(&format!("stamped: the checkpoint after record {}, at {time}\n", mark.seq))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file("read", path, error);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(MAX_TOKEN_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes a stamp to a file, and says how another program checks it.
fn export(path: &Path, seq: u64) -> Result<(), Failure> {
    let none = || Failure::Other(format!("{} has no time stamp at record {seq}", path.display()));
    let stamp = Reader::open(path)?.stamp(seq)?.ok_or_else(none)?;
    let file = PathBuf::from(format!("{seq}.tsr"));
    let bytes = stamp.der().ok_or_else(none)?;
    fs::write(&file, bytes).map_err(|error| Failure::file("write", &file, error))?;
    print(&format!("openssl ts -verify -digest {} -in {} -CAfile AUTHORITY.pem\n", stamp.of.hash, file.display()))
}
