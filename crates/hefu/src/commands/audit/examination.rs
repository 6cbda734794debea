//! `hefu audit verify`: whether a log is what was written.

use crate::commands::verify::public_key;
use crate::failure::Failure;
use crate::output::{print_json, print_plain, text_file};
use crate::progress::{Meter, Unit};
use crate::units::thousands;
use hefu_proof::Digest;
use hefu_proof::audit::{Found, Reader, Trusted, examine_export};
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

/// Things beside itself that a log is compared with.
pub(super) struct Asked<'a> {
    /// The key that must have signed.
    pub(super) key: Option<&'a str>,
    /// A head that was noted earlier.
    pub(super) head: Option<&'a str>,
    /// A file with certificates of those who must have signed its time stamps.
    pub(super) authorities: Option<&'a Path>,
}

pub(super) fn examine(path: &Path, asked: &Asked<'_>, json: bool) -> Result<(), Failure> {
    let key = asked.key.map(public_key).transpose()?;
    let noted = asked.head.map(noted_head).transpose()?;
    let trusted = asked.authorities.map(authorities).transpose()?;
    let mut meter = Meter::new("examining", Unit::Count);
    let mut found = if is_database(path)? {
        let reader = Reader::open(path)?;
        let mut found = reader.examine(trusted.clone(), &mut |done| meter.set(done, None))?;
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
        examine_export(&mut lines, trusted.clone(), &mut |done| meter.set(done, None)).map_err(failed)?
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
        print_plain(&words(&found, key.is_some(), trusted.is_some()))?
    }
    match found.problems.len() {
        0 => Ok(()),
        _ => Err(changed(path)),
    }
}

/// Failure of a log in which something is wrong.
pub(super) fn changed(path: &Path) -> Failure {
    Failure::Other(format!("{} was changed, or is not whole", path.display()))
}

/// The authorities that are trusted.
fn authorities(path: &Path) -> Result<Arc<Trusted>, Failure> {
    let text = text_file(path)?;
    let trusted = Trusted::from_pem(text.as_bytes());
    trusted.map(Arc::new).map_err(|sentence| Failure::Other(format!("{}: {sentence}", path.display())))
}

/// True if the file is the log itself; an export is text.
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
        "answers": found.answers,
        "checkpoints": found.checkpoints,
        "pruned": found.pruned,
        "redacted": found.redacted,
        "trusted_stamps": found.trusted_stamps,
        "stamps": found.stamps.iter().map(|(seq, time)| json!({"seq": seq, "time": time})).collect::<Vec<_>>(),
        "head": found.head.map(|(seq, hash)| format!("{seq}:{hash}")),
        "keys": found.keys,
        "problems": found.problems,
    })
}

fn words(found: &Found, key_is_known: bool, authority_is_known: bool) -> String {
    let mut text = format!(
        "{} records, {} of them of answers, {} checkpoints, {} records pruned, {} redacted\n",
        thousands(found.records),
        thousands(found.answers),
        thousands(found.checkpoints),
        thousands(found.pruned),
        thousands(found.redacted)
    );
    if let Some((seq, hash)) = found.head {
        text += &format!("head {seq}:{hash}\n");
    }
    if let Some((seq, time)) = found.stamps.last() {
        let whose = match authority_is_known {
            true => format!("{} of them by the authorities given", found.trusted_stamps),
            false => "--authorities asks whose they are".to_owned(),
        };
        text += &format!("{} time stamps, the last at record {seq} says {time}; {whose}\n", found.stamps.len());
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
