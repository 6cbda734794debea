//! `hefu learn class`: a class in a room, on the teacher's machine.

use crate::commands::serve::{self, Extra};
use crate::failure::Failure;
use crate::home;
use crate::lessons::lessons;
use crate::output::{print_json, print_plain};
use clap::Args;
use hefu_class::limits::{MAX_FILE_BYTES, MAX_PUPILS, PUPILS_PER_ADDRESS};
use hefu_class::progress::{Progress, Signed};
use hefu_class::{Class, Settings};
use hefu_proof::PublicKey;
use serde_json::json;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Address of a class on the server.
const PAGE: &str = "/class";
/// Tokens of an answer in a class unless told otherwise, so that nobody's long answer keeps thirty waiting.
const CLASS_ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// Tokens of a prompt in a class unless told otherwise.
const CLASS_PROMPT_TOKENS: NonZeroUsize = NonZeroUsize::new(3072).unwrap();
/// Tokens of prompt and answer together in a class unless told otherwise.
const CLASS_CONTEXT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// An address that is never asked (RFC 5737): the system says by which of its own it would be reached.
const SOMEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu learn class --model gemma-3-270m
  hefu learn class --folder autumn --per-address 30")]
pub(super) struct ClassArguments {
    /// Where the class is kept: its key, its code and a signed file for each pupil [default: class in HEFU_HOME, else in the folder hefu of the user's data folder]
    #[arg(long, value_name = "FOLDER", help_heading = "Class")]
    folder: Option<PathBuf>,

    /// Pupils who may come from one address; a room behind one address needs as many as it has pupils
    #[arg(long, value_name = "N", default_value_t = PUPILS_PER_ADDRESS, value_parser = per_address, help_heading = "Class")]
    per_address: usize,

    /// Take progress files, too, that this public key has signed: that of another class, which its files name; may be given several times
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse, help_heading = "Class")]
    trust: Vec<PublicKey>,

    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Debug, Args)]
pub(super) struct ProgressArguments {
    /// The file, as a class has signed it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The public key that must have signed it [default: any, which is shown]
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
    key: Option<PublicKey>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

fn per_address(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_PUPILS).contains(number));
    number.ok_or_else(|| format!("expected a whole number from 1 to {MAX_PUPILS}, as many pupils as a class may have"))
}

/// Holds a class.
///
/// # Errors
/// A folder that cannot be had, or what keeps a server from serving.
pub(super) fn run(arguments: &ClassArguments) -> Result<(), Failure> {
    let folder = arguments.folder.clone().map_or_else(|| home::file("class"), Ok)?;
    let lessons = lessons(arguments.serve.lessons.as_deref())?;
    let settings = Settings { per_address: arguments.per_address, trusted: arguments.trust.clone() };
    let class = Class::open(&folder, lessons, settings).map_err(|refusal| Failure::Other(refusal.to_string()))?;
    let class = Arc::new(class);
    let (code, key) = (class.code(), class.teacher_key());
    let extra = Extra {
        path: PAGE,
        host: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        class: Some(class),
        context: Some(CLASS_CONTEXT),
        prompt_tokens: Some(CLASS_PROMPT_TOKENS),
        answer_tokens: Some(CLASS_ANSWER_TOKENS),
        said: Some(Box::new(move |scheme, address| said(scheme, address, &code, &key))),
    };
    serve::serve_at(&arguments.serve, extra)
}

/// Text that is printed once the server listens. The key stands behind `#`, which browsers send to nobody.
fn said(scheme: &str, address: SocketAddr, code: &str, key: &str) -> String {
    let port = address.port();
    let (pupils, teacher) = match address.ip() {
        ip if ip.is_unspecified() => (in_the_room().unwrap_or(ip), IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ip => (ip, ip),
    };
    let (pupils, teacher) = (SocketAddr::new(pupils, port), SocketAddr::new(teacher, port));
    format!(
        "hefu: pupils open {scheme}://{pupils}{PAGE} and type the code {code}\nhefu: the teacher opens \
         {scheme}://{teacher}{PAGE}/teacher#key={key}\n"
    )
}

/// The address of this machine on its way to others. Nothing is sent.
fn in_the_room() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(SOMEWHERE).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Checks a pupil's file, offline.
///
/// # Errors
/// A file that cannot be read, was changed, or is signed by another key.
pub(super) fn progress(arguments: &ProgressArguments) -> Result<(), Failure> {
    let path = arguments.file.display();
    let text = read(&arguments.file).map_err(|error| {
        Failure::Other(format!("cannot read {path}: {error}; give the file that the class's page downloads"))
    })?;
    let signed = Signed::read(&text)
        .map_err(|why| Failure::Other(format!("{path} is no progress file that can be taken: {why}")))?;
    if let Some(key) = arguments.key.filter(|key| *key != signed.public_key) {
        return Err(Failure::Other(format!("{path} is signed by {}, not by {key}", signed.public_key)));
    }
    if arguments.json {
        return print_json(&json!({"public_key": signed.public_key, "progress": signed.progress}));
    }
    print_plain(&in_lines(&signed.public_key, &signed.progress))
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// A pupil's file for people: names of lessons and exercises are those of the program.
fn in_lines(key: &PublicKey, progress: &Progress) -> String {
    let mut text = format!("{} (class {}, pupil {})\nsigned by {key}\n", progress.name, progress.class, progress.pupil);
    for (lesson, answers) in &progress.lessons {
        let right = answers.values().filter(|answered| answered.right).count();
        text += &format!("{lesson:16} {right} of {} answers right\n", answers.len());
    }
    for (name, handed) in &progress.exercises {
        text += &format!("{name:16} {} of {} cases right\n", handed.right, handed.cases);
    }
    for sat in &progress.exams {
        let right = sat.questions.iter().filter(|asked| asked.right).count();
        text += &format!("exam {}: {right} of {} questions right\n", sat.exam, sat.questions.len());
        for set in &sat.exercises {
            let (cases, right) = set.handed.as_ref().map_or((0, 0), |handed| (handed.cases, handed.right));
            text += &format!("  {:14} {right} of {cases} cases right\n", set.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_as_many_from_one_address_as_a_class_may_have() {
        assert_eq!(per_address("30"), Ok(30));
        assert!(["0", "65", "x", ""].iter().all(|text| per_address(text).is_err()));
    }

    #[test]
    fn pupils_and_teacher_are_told_where_to_go() {
        let text = said("http", "10.0.0.7:81".parse().unwrap(), "ABC-DEF", "k");
        assert!(text.contains("http://10.0.0.7:81/class and type the code ABC-DEF"));
        assert!(text.contains("http://10.0.0.7:81/class/teacher#key=k"));
        let text = said("https", "0.0.0.0:81".parse().unwrap(), "ABC-DEF", "k");
        assert!(text.contains("https://127.0.0.1:81/class/teacher#key=k"));
    }
}
