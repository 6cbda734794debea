//! `hefu audit`: reading, examining and changing the log of answers as far as it can be changed.

mod changes;
mod examination;
mod time;

use crate::commands::verify::{self, Checked, Examined, totals};
use crate::failure::Failure;
use crate::flags::{DeviceArguments, ModelArguments};
use crate::options::VerifyOptions;
use crate::output::{print, print_json, print_plain};
use crate::plain::{json_text, on_one_line};
use crate::receipts;
use crate::units::thousands;
use changes::{Opinion, Review, Stamping};
use clap::{Args, Subcommand};
use examination::Asked;
use hefu_proof::Receipt;
use hefu_proof::audit::{Content, Entry, Error, ExportError, Filter, Reader};
use hefu_server::ids;
use serde_json::Value;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Records whose answers are made again before the next are read.
const REPLAYED_AT_ONCE: usize = 1024;

/// List, check, export and replay the log of answers that `serve --audit` keeps
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu audit list audit.db --last 20
  hefu audit show audit.db 0198c0de-0000-7000-8000-000000000001
  hefu audit show audit.db 0198c0de-0000-7000-8000-000000000001 --receipt > answer.json
  hefu audit verify audit.db --key instance.pem --authorities tsa.pem
  hefu audit export audit.db > audit.jsonl
  hefu audit replay audit.db --since 2026-11-01
  hefu audit annotate audit.db ID --verdict corrected --by \"A. Reviewer\"
  hefu audit redact audit.db ID --reason \"asked for by its user\"
  hefu audit stamp audit.db --authority https://tsa.example/
  hefu audit prune audit.db --before 2026-05-01")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List records, the oldest first
    List {
        #[command(flatten)]
        log: LogArgument,
        #[command(flatten)]
        which: Which,
        /// Print everything as JSON, a record on each line
        #[arg(long)]
        json: bool,
    },
    /// Print a record with everything that is stored of it
    Show {
        #[command(flatten)]
        log: LogArgument,
        /// The answer's id, or the record's number
        #[arg(value_name = "ID")]
        id: String,
        /// Print its receipt alone, as `hefu verify` takes it
        #[arg(long)]
        receipt: bool,
    },
    /// Check every hash, signature and receipt, and that nothing is missing
    Verify {
        #[command(flatten)]
        log: LogArgument,
        /// The public key that must have signed, or a file with it; without it, any key may have
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// The head that an earlier examination showed, NUMBER:HASH: the log must still have it
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
        /// Certificates of the authorities (PEM) that must have signed its time stamps
        #[arg(long, value_name = "FILE")]
        authorities: Option<PathBuf>,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the whole log as JSON, a row on each line; `verify` takes it too
    Export {
        #[command(flatten)]
        log: LogArgument,
    },
    /// Make the answers again, as `hefu verify` does
    Replay {
        #[command(flatten)]
        log: LogArgument,
        #[command(flatten)]
        which: Which,
        /// One token after another, as the answer was made; the verdict is the same
        #[arg(long)]
        steps: bool,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        model: ModelArguments,
        #[command(flatten)]
        device: DeviceArguments,
    },
    /// Record what a person thought of an answer: accepted, corrected or overruled
    Annotate {
        #[command(flatten)]
        log: LogArgument,
        /// The answer's id, or the record's number
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        review: Review,
    },
    /// Take away what one record says; its digest stays, and the log can be checked as before
    Redact {
        #[command(flatten)]
        log: LogArgument,
        /// The answer's id, or the record's number
        #[arg(value_name = "ID")]
        id: String,
        /// Why; it is recorded, so it should name nobody
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Have the last checkpoint stamped with the time by an authority (RFC 3161), or take a stamp out
    Stamp {
        #[command(flatten)]
        log: LogArgument,
        #[command(flatten)]
        how: Stamping,
    },
    /// Remove what is older, up to a checkpoint, and leave a signed note of it
    Prune {
        #[command(flatten)]
        log: LogArgument,
        /// Records that were complete before this day (UTC), or before this time in milliseconds since 1970
        #[arg(long, value_name = "TIME", value_parser = time::parse)]
        before: u64,
    },
}

#[derive(Debug, Args)]
struct LogArgument {
    /// The log
    #[arg(value_name = "LOG")]
    log: PathBuf,
}

/// Which records.
#[derive(Debug, Args)]
struct Which {
    /// The newest N alone
    #[arg(long, value_name = "N")]
    last: Option<u64>,

    /// Complete on this day (UTC) or later, or from this time on in milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<u64>,

    /// Complete before this day (UTC), or before this time in milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<u64>,

    /// Answers asked for with the API key of this name
    #[arg(long, value_name = "NAME")]
    client: Option<String>,

    /// Answers for this person, as `user`, `safety_identifier` or `metadata.user_id` of their requests named them
    #[arg(long, value_name = "TEXT")]
    user: Option<String>,

    /// Records of this type: answer, event or annotation
    #[arg(long = "type", value_name = "TYPE", value_parser = ["answer", "event", "annotation"])]
    kind: Option<String>,
}

/// Carries the command out.
///
/// # Errors
/// A log that cannot be read, or in which something is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        Action::List { log, which, json } => list(&log.log, &which.filter()?, *json),
        Action::Show { log, id, receipt } => show(&log.log, ids::bare(id), *receipt),
        Action::Verify { log, key, head, authorities, json } => {
            let asked = Asked { key: key.as_deref(), head: head.as_deref(), authorities: authorities.as_deref() };
            examination::examine(&log.log, &asked, *json)
        }
        Action::Export { log } => export(&log.log),
        Action::Replay { log, which, steps, json, model, device } => {
            // Nothing but answers can be made again.
            let filter = Filter { kind: Some("answer".to_owned()), ..which.filter()? };
            replay(
                &log.log,
                &filter,
                &VerifyOptions { model: model.choice(), device: &device.options(), steps: *steps, trace: false },
                *json,
            )
        }
        Action::Annotate { log, id, review } => changes::annotate(&log.log, ids::bare(id), review),
        Action::Redact { log, id, reason } => changes::redact(&log.log, ids::bare(id), reason),
        Action::Stamp { log, how } => changes::stamp(&log.log, how),
        Action::Prune { log, before } => changes::prune(&log.log, *before),
    }
}

impl Which {
    /// # Errors
    /// A person is asked for, and there is no key of this instance by which their pseudonym is made.
    fn filter(&self) -> Result<Filter, Failure> {
        let pseudonym = |user: &str| {
            let missing =
                "--user needs the key of the instance that wrote the log, and there is none here (hefu identity)";
            let identity = receipts::existing_identity().ok_or_else(|| Failure::Other(missing.to_owned()))?;
            Ok::<_, Failure>(identity.pseudonym(user))
        };
        let user = self.user.as_deref().map(pseudonym);
        Ok(Filter {
            last: self.last,
            since: self.since,
            until: self.until,
            client: self.client.clone(),
            user: user.transpose()?,
            kind: self.kind.clone(),
            ..Filter::default()
        })
    }
}

fn list(path: &Path, filter: &Filter, json: bool) -> Result<(), Failure> {
    open(path)?.each(filter, |entry| {
        if json {
            return print(&format!("{}\n", json_text(&value(&entry).to_string())));
        }
        let when = time::words(entry.time);
        print_plain(&format!("{:>8}  {when}  {}  {}\n", entry.seq, on_one_line(&entry.id), on_one_line(&about(&entry))))
    })
}

/// Content of a record, in a few words.
fn about(entry: &Entry) -> String {
    match entry.parsed() {
        Ok(Some(Content::Answer(answer))) => {
            let client = if answer.client.is_empty() { "-" } else { &answer.client };
            format!("{client}  {}", answer.model)
        }
        Ok(Some(Content::Event(event))) => format!("event: {}", event.event),
        Ok(Some(Content::Annotation(annotated))) => {
            let annotation = &annotated.annotation;
            let verdict = Opinion::from(annotation.verdict).name();
            format!("annotation: {} {verdict} by {}", annotation.of, annotation.by)
        }
        Ok(None) => format!("{}: what it said was taken away", entry.kind),
        Err(sentence) => format!("{}: {sentence}", entry.kind),
    }
}

fn show(path: &Path, id: &str, receipt: bool) -> Result<(), Failure> {
    let found = open(path)?.find(id)?;
    let entry = found.ok_or_else(|| Failure::Other(format!("{} has no record {id}", path.display())))?;
    if receipt {
        let missing = || {
            Failure::Other(format!(
                "of record {} the log stores hashes alone or is of no answer, so it has no receipt",
                entry.seq
            ))
        };
        return print(&entry.answer().and_then(|answer| answer.receipt).ok_or_else(missing)?);
    }
    print_json(&value(&entry))
}

/// A record as it is read most easily: documents in place of the texts that they are kept as.
fn value(entry: &Entry) -> Value {
    let mut shown = serde_json::to_value(entry).unwrap_or(Value::Null);
    let document = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(mut content) = entry.content.as_deref().and_then(document) {
        if let Some(receipt) = content.get("receipt").and_then(Value::as_str).and_then(document) {
            content["receipt"] = receipt;
        }
        shown["content"] = content;
    }
    shown
}

fn export(path: &Path) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::file("write to", Path::new("standard output"), error),
    };
    open(path)?.export(&mut out).map_err(|error| match error {
        ExportError::Read(error) => error.into(),
        ExportError::Write(error) => failed(error),
    })?;
    out.flush().map_err(failed)
}

fn replay(path: &Path, filter: &Filter, options: &VerifyOptions<'_>, json: bool) -> Result<(), Failure> {
    let reader = open(path)?;
    // A record whose type or time was changed would not even be found below.
    let problems = reader.examine(None, &mut |_| {})?.problems;
    let mut waiting = Vec::new();
    let mut done: Vec<Checked> = Vec::new();
    let mut flush = |waiting: &mut Vec<Checked>| -> Result<(), Failure> {
        verify::examine(options, waiting, None)?;
        for checked in waiting.iter().filter(|checked| !json && !checked.is_match()) {
            print_plain(&format!("{}\n", checked.sentence(true, None)))?;
        }
        done.append(waiting);
        Ok(())
    };
    reader.each::<Failure>(filter, |entry| {
        waiting.push(checked(&entry));
        if waiting.len() == REPLAYED_AT_ONCE { flush(&mut waiting) } else { Ok(()) }
    })?;
    flush(&mut waiting)?;
    let totals = totals(&done);
    if json {
        let mut report = verify::json(&done);
        report["problems"] = problems.clone().into();
        print_json(&report)?;
    } else {
        print(&format!("{} of {} answers match\n", thousands(totals.matching as u64), thousands(totals.all as u64)))?;
        problems.iter().try_for_each(|problem| print_plain(&format!("problem: {problem}\n")))?;
    }
    if problems.is_empty() { totals.outcome() } else { Err(examination::changed(path)) }
}

fn checked(entry: &Entry) -> Checked {
    let name = format!("record {} ({})", entry.seq, entry.id);
    let refused = |sentence: String| Checked {
        name: name.clone(),
        receipt: None,
        digests: None,
        result: Examined::Refused(sentence),
    };
    match entry.answer().and_then(|answer| answer.receipt).as_deref().map(Receipt::parse) {
        None => refused("the log stores its hashes alone, or what it said was taken away".to_owned()),
        Some(Err(error)) => refused(error.to_string()),
        Some(Ok(receipt)) => Checked { name, receipt: Some(receipt), digests: None, result: Examined::Waiting },
    }
}

fn open(path: &Path) -> Result<Reader, Failure> {
    Ok(Reader::open(path)?)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}
