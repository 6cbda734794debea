//! Running the program.

use crate::tiny;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder for the store and a tiny model in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// End of the program.
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        std::fs::write(home.model(), tiny::model(true)).unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tiny model's file.
    pub(crate) fn model(&self) -> PathBuf {
        self.path("tiny.gguf")
    }

    /// Runs `hefu` with nothing on standard input.
    pub(crate) fn hefu(&self, arguments: &[&str]) -> Outcome {
        self.hefu_with(arguments, "")
    }

    /// Runs `hefu` with the tiny model.
    pub(crate) fn tiny(&self, arguments: &[&str]) -> Outcome {
        let model = self.model();
        self.hefu(&[arguments, &["--model", model.to_str().unwrap()]].concat())
    }

    /// Runs `hefu` with text on standard input.
    pub(crate) fn hefu_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(arguments).env("HEFU_HOME", self.path("home")).env("LC_ALL", "C").env_remove("HEFU_MODEL");
        // Nothing of these tests may reach out.
        command.env("HF_ENDPOINT", "http://127.0.0.1:1").current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// Standard output of a run that must succeed.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    /// The JSON on standard output of a run that must succeed.
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.success()).unwrap()
    }

    /// Standard error of a run that must end with `status` and print nothing.
    pub(crate) fn failure(self, status: i32) -> String {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Whether this machine has an OpenCL device; where it has none, the reason is printed and a test has nothing to do.
pub(crate) fn has_opencl() -> bool {
    hefu_opencl::devices().map_err(|problem| println!("left out: {problem}")).is_ok()
}
