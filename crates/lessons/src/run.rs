//! Running a learner's program, within limits.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks at whether a program has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Interpreters of files by the ends of their names.
const INTERPRETERS: &[(&str, &str)] =
    &[("py", if cfg!(windows) { "python" } else { "python3" }), ("js", "node"), ("mjs", "node"), ("rb", "ruby")];

/// Limits of a program.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Bytes on standard output.
    pub output: usize,
}

/// Reason why there is nothing to grade.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The compiler refuses it.
    #[error("{0} does not compile; the compiler says above why")]
    Compile(String),
    /// It took too long.
    #[error("the program had not ended after {} s and was stopped; --seconds gives it more", .0.as_secs())]
    Time(Duration),
    /// It wrote too much.
    #[error("the program wrote more than {0} bytes and was stopped")]
    Output(usize),
    /// It failed.
    #[error("the program failed: {status}; before that it had written {lines} lines, one for each case")]
    Failed {
        /// How it ended.
        status: String,
        /// Lines that it wrote, by which is seen at which case it failed.
        lines: usize,
    },
    /// Its output cannot be read.
    #[error("the program's output cannot be read: {0}")]
    Unreadable(String),
}

/// Runs a program on an input, and gives what it wrote. A file in Rust is compiled first; one of a language that needs an
/// interpreter is handed to it.
///
/// # Errors
/// Reason why there is nothing to grade.
pub fn run(program: &[OsString], input: String, limits: &Limits) -> Result<String, RunError> {
    let Some((first, rest)) = program.split_first() else {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "no program is named");
        return Err(RunError::Start { program: String::new(), source });
    };
    let folder = tempfile::tempdir().map_err(|source| RunError::Start { program: said(first), source })?;
    let path = Path::new(first);
    let end = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let mut command = match INTERPRETERS.iter().find(|(known, _)| *known == end).filter(|_| path.is_file()) {
        Some((_, interpreter)) => {
            let mut command = Command::new(interpreter);
            command.arg(path);
            command
        }
        None if end == "rs" && path.is_file() => Command::new(compiled(path, folder.path())?),
        None => Command::new(first),
    };
    command.args(rest).stdin(Stdio::piped()).stdout(Stdio::piped());
    // With what it starts itself, so that all of it can be stopped.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(|source| RunError::Start { program: said(command.get_program()), source })?;
    watched(child, input, limits)
}

fn said(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// Compiles a file in Rust, as fast code is compiled.
fn compiled(path: &Path, folder: &Path) -> Result<std::path::PathBuf, RunError> {
    let program = folder.join("program");
    let mut command = Command::new("rustc");
    command.args(["-O", "--edition", "2021", "-o"]).arg(&program).arg(path).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().map_err(|source| RunError::Start { program: "rustc".to_owned(), source })?;
    if status.success() { Ok(program) } else { Err(RunError::Compile(path.display().to_string())) }
}

/// Feeds and reads a program until it ends, or has to be ended.
fn watched(mut child: Child, input: String, limits: &Limits) -> Result<String, RunError> {
    let deadline = Instant::now() + limits.time;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read all of it hears no more; what it wrote tells that.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        let most = limits.output as u64 + 1;
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(most).read_to_end(&mut bytes);
            sender.send(read.map(|_| bytes))
        });
    }
    let mut written = None;
    let status = loop {
        if written.is_none() {
            written = receiver.try_recv().ok();
        }
        if let Some(Ok(bytes)) = &written
            && bytes.len() > limits.output
        {
            stop(&mut child);
            return Err(RunError::Output(limits.output));
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => thread::sleep(PAUSE),
            Ok(None) => {
                stop(&mut child);
                return Err(RunError::Time(limits.time));
            }
            Err(error) => return Err(RunError::Failed { status: error.to_string(), lines: 0 }),
        }
    };
    let written = match written {
        Some(written) => written,
        // Its own children may still hold its output open.
        None => receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|_| {
            stop(&mut child);
            RunError::Time(limits.time)
        })?,
    };
    let bytes = written.map_err(|error| RunError::Unreadable(error.to_string()))?;
    if bytes.len() > limits.output {
        return Err(RunError::Output(limits.output));
    }
    if !status.success() {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        return Err(RunError::Failed { status: status.to_string(), lines });
    }
    String::from_utf8(bytes).map_err(|error| RunError::Unreadable(error.utf8_error().to_string()))
}

/// Ends a program and all that it started.
fn stop(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
        // A process that has ended already cannot be ended again.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(line: &str, seconds: u64) -> Result<String, RunError> {
        let program = ["sh", "-c", line].map(OsString::from);
        let limits = Limits { time: Duration::from_secs(seconds), output: 1000 };
        run(&program, "one\ntwo\n".repeat(100_000), &limits)
    }

    #[test]
    fn programs_are_fed_and_heard() {
        assert_eq!(shell("head -n 1; echo done", 20).unwrap(), "one\ndone\n");
        // Nothing is read at all.
        assert_eq!(shell("echo x", 20).unwrap(), "x\n");
    }

    #[test]
    fn programs_that_do_not_end_or_write_without_end_are_stopped() {
        assert!(matches!(shell("sleep 1000", 1), Err(RunError::Time(_))));
        assert!(matches!(shell("sleep 1000 & exit 0", 1), Err(RunError::Time(_))));
        assert!(matches!(shell("yes", 20), Err(RunError::Output(1000))));
        assert!(matches!(shell("cat", 20), Err(RunError::Output(1000))));
    }

    #[test]
    fn programs_that_fail_or_are_not_there_are_told() {
        assert!(matches!(shell("echo; echo; exit 3", 20), Err(RunError::Failed { lines: 2, .. })));
        assert!(matches!(shell("printf '\\377'", 20), Err(RunError::Unreadable(_))));
        let limits = Limits { time: Duration::from_secs(1), output: 10 };
        let absent = run(&["hefu-no-such-program".into()], String::new(), &limits);
        assert!(matches!(absent, Err(RunError::Start { .. })));
        assert!(matches!(run(&[], String::new(), &limits), Err(RunError::Start { .. })));
    }
}
