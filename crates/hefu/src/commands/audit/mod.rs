//! `hefu audit`: reading, examining and thinning out the log of answers.

mod time;

use crate::cli::{DeviceArguments, ModelArguments};
use crate::commands::verify::{self, Checked, Examined, public_key, totals};
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use crate::receipts;
use crate::units::thousands;
use crate::verifier::Manner;
use clap::{Args, Subcommand};
use hefu_proof::audit::{AuditLog, Entry, Error, ExportError, Filter, Found, Options, Reader, examine_export};
use hefu_proof::{Digest, Receipt};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
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
  hefu audit verify audit.db --key instance.pem
  hefu audit export audit.db > audit.jsonl
  hefu audit replay audit.db --since 2026-11-01
  hefu audit prune audit.db --before 2026-05-01")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
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

    /// Asked for with the API key of this name
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// Carries the command out.
///
/// # Errors
/// A log that cannot be read, or in which something is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        What::List { log, which, json } => list(&log.log, &which.filter(), *json),
        What::Show { log, id, receipt } => show(&log.log, id, *receipt),
        What::Verify { log, key, head, json } => examine(&log.log, key.as_deref(), head.as_deref(), *json),
        What::Export { log } => export(&log.log),
        What::Replay { log, which, steps, json, model, device } => {
            replay(&log.log, &which.filter(), &Manner { model, device, steps: *steps }, *json)
        }
        What::Prune { log, before } => prune(&log.log, *before),
    }
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            last: self.last,
            since: self.since,
            until: self.until,
            client: self.client.clone(),
            ..Filter::default()
        }
    }
}

fn list(path: &Path, filter: &Filter, json: bool) -> Result<(), Failure> {
    open(path)?.each(filter, |entry| {
        if json {
            return print(&format!("{}\n", value(&entry)));
        }
        let when = time::words(entry.time);
        let client = if entry.client.is_empty() { "-" } else { &entry.client };
        print(&format!("{:>8}  {when}  {}  {client}  {}\n", entry.seq, entry.id, entry.model))
    })
}

fn show(path: &Path, id: &str, receipt: bool) -> Result<(), Failure> {
    let found = open(path)?.find(id)?;
    let entry = found.ok_or_else(|| Failure::Other(format!("{} has no record {id}", path.display())))?;
    if receipt {
        let missing =
            || Failure::Other(format!("of record {} the log stores hashes alone, so it has no receipt", entry.seq));
        return print(entry.receipt.as_ref().ok_or_else(missing)?);
    }
    let mut shown = value(&entry);
    // The receipt as a document in a document is read more easily than as a string.
    if let Some(receipt) = entry.receipt.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        shown["receipt"] = receipt;
    }
    print_json(&shown)
}

fn value(entry: &Entry) -> Value {
    serde_json::to_value(entry).unwrap_or(Value::Null)
}

fn examine(path: &Path, key: Option<&str>, head: Option<&str>, json: bool) -> Result<(), Failure> {
    let key = key.map(public_key).transpose()?;
    let noted = head.map(noted_head).transpose()?;
    let mut meter = Meter::new("examining", Unit::Count);
    let mut found = if is_database(path)? {
        let reader = Reader::open(path)?;
        let mut found = reader.examine(&mut |done| meter.set(done, None))?;
        if let Some((seq, hash)) = noted {
            check_noted(&reader, &mut found, seq, hash)?;
        }
        found
    } else {
        if noted.is_some() {
            return Err(Failure::Usage("--head needs the log itself, not an export".to_owned()));
        }
        let failed = |error| Failure::file("read", path, error);
        let mut lines = BufReader::new(File::open(path).map_err(failed)?);
        examine_export(&mut lines, &mut |done| meter.set(done, None)).map_err(failed)?
    };
    drop(meter);
    if let Some(key) = &key {
        let others = found.keys.keys().filter(|other| **other != key.to_string());
        let others: Vec<String> = others.map(|other| format!("it is signed by another key too, {other}")).collect();
        found.problems.extend(others);
    }
    if json {
        print_json(&report(&found))?
    } else {
        print(&words(&found, key.is_some()))?
    }
    match found.problems.len() {
        0 => Ok(()),
        _ => Err(Failure::Other(format!("{} was changed, or is not whole", path.display()))),
    }
}

/// Whether the file is the log itself; an export is text.
fn is_database(path: &Path) -> Result<bool, Failure> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Failure::file("open", path, error))?;
    file.take(16).read_to_end(&mut start).map_err(|error| Failure::file("read", path, error))?;
    Ok(!start.starts_with(b"{"))
}

fn noted_head(text: &str) -> Result<(u64, Digest), Failure> {
    let read = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.parse().ok()?)));
    read.ok_or_else(|| Failure::Usage(format!("--head {text}: expected NUMBER:HASH, as `hefu audit verify` prints it")))
}

/// A log that was set back as a whole, head and all, is known by what somebody noted of it earlier.
fn check_noted(reader: &Reader, found: &mut Found, seq: u64, hash: Digest) -> Result<(), Failure> {
    let kept = reader.find(&seq.to_string())?.is_some_and(|entry| entry.seq == seq && entry.hash == hash);
    let is_gone = seq <= found.pruned;
    if !kept && !is_gone && seq > 0 {
        found
            .problems
            .push(format!("record {seq} is not the one that was noted: the log was set back or written anew"));
    }
    Ok(())
}

fn report(found: &Found) -> Value {
    json!({
        "records": found.records,
        "checkpoints": found.checkpoints,
        "pruned": found.pruned,
        "head": found.head.map(|(seq, hash)| format!("{seq}:{hash}")),
        "keys": found.keys,
        "problems": found.problems,
    })
}

fn words(found: &Found, key_is_known: bool) -> String {
    let mut text = format!(
        "{} records, {} checkpoints, {} records pruned\n",
        thousands(found.records),
        thousands(found.checkpoints),
        thousands(found.pruned)
    );
    if let Some((seq, hash)) = found.head {
        text += &format!("head {seq}:{hash}\n");
    }
    for (key, count) in found.keys.iter().filter(|_| !key_is_known) {
        text += &format!("signed by {key} ({count} times), which --key can ask for\n");
    }
    if found.problems.is_empty() {
        return text + "nothing was changed, and nothing is missing\n";
    }
    for problem in &found.problems {
        text += &format!("problem: {problem}\n");
    }
    text
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

fn replay(path: &Path, filter: &Filter, manner: &Manner<'_>, json: bool) -> Result<(), Failure> {
    let reader = open(path)?;
    let mut waiting = Vec::new();
    let mut done: Vec<Checked> = Vec::new();
    let mut flush = |waiting: &mut Vec<Checked>| -> Result<(), Failure> {
        verify::examine(manner, waiting, None)?;
        for checked in waiting.iter().filter(|checked| !json && !checked.is_match()) {
            print(&format!("{}\n", checked.sentence(true, None)))?;
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
        print_json(&verify::json(&done))?;
    } else {
        print(&format!("{} of {} answers match\n", thousands(totals.matching as u64), thousands(totals.all as u64)))?;
    }
    totals.outcome()
}

fn checked(entry: &Entry) -> Checked {
    let name = format!("record {} ({})", entry.seq, entry.id);
    let refused = |sentence: String| Checked { name: name.clone(), receipt: None, result: Examined::Refused(sentence) };
    match entry.receipt.as_deref().map(Receipt::parse) {
        None => refused("the log stores its hashes alone".to_owned()),
        Some(Err(error)) => refused(error.to_string()),
        Some(Ok(receipt)) => Checked { name, receipt: Some(receipt), result: Examined::Waiting },
    }
}

fn prune(path: &Path, before: u64) -> Result<(), Failure> {
    // Opening it to write would make it.
    drop(open(path)?);
    let log = AuditLog::open(path, receipts::identity()?, Options::default())?;
    let gone = log.prune(before)?;
    log.close()?;
    print(&format!("{} records removed\n", thousands(gone)))
}

fn open(path: &Path) -> Result<Reader, Failure> {
    Ok(Reader::open(path)?)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}
