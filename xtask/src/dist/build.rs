//! Building the program and the Python package for each target, without a trace of the folders it was built in.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::entry;
use super::target::{TARGETS, Target};

/// The systems that a wheel is for: those with glibc 2.17 or later, the least that Rust supports.
const WHEEL_SYSTEMS: &str = "manylinux2014";

/// A program that was built.
pub(super) struct Program {
    pub(super) target: &'static Target,
    pub(super) path: PathBuf,
}

/// This machine's compiler and the workspace.
pub(super) struct Builder {
    root: PathBuf,
    cargo: PathBuf,
    /// Output of `cargo metadata`.
    metadata: Value,
    sysroot: PathBuf,
    cargo_home: PathBuf,
}

impl Builder {
    pub(super) fn new(root: &Path) -> Result<Self, String> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cargo = variable("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = root.join("Cargo.toml");
        let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path"].map(AsRef::as_ref);
        let metadata = entry::output(&cargo, &[&arguments[..], &[manifest.as_os_str()]].concat())?;
        let metadata =
            serde_json::from_slice(&metadata).map_err(|error| format!("cargo metadata is no JSON: {error}"))?;
        let sysroot = entry::output(Path::new("rustc"), &["--print".as_ref(), "sysroot".as_ref()])?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot).trim());
        let home = || variable("HOME").map(|home| home.join(".cargo"));
        let cargo_home = variable("CARGO_HOME").or_else(home).ok_or("set CARGO_HOME to cargo's folder")?;
        Ok(Self { root: root.to_owned(), cargo, metadata, sysroot, cargo_home })
    }

    /// The compiler's folder.
    pub(super) fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// Output of `cargo metadata`.
    pub(super) fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Folder of builds.
    pub(super) fn target_folder(&self) -> PathBuf {
        self.metadata["target_directory"].as_str().map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// The program's version.
    pub(super) fn version(&self) -> Result<String, String> {
        let packages = self.metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let program = packages.iter().find(|package| package["name"] == "hefu" && package["source"].is_null());
        let version = program.and_then(|package| package["version"].as_str());
        version.map(str::to_owned).ok_or_else(|| "the workspace has no package hefu".to_owned())
    }

    /// Time when what is built was committed, in seconds since 1970; `SOURCE_DATE_EPOCH` says otherwise.
    pub(super) fn commit_time(&self) -> Result<u64, String> {
        let text = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text,
            Err(_) => {
                let arguments =
                    ["-C".as_ref(), self.root.as_os_str(), "log".as_ref(), "-1".as_ref(), "--format=%ct".as_ref()];
                let text = entry::output(Path::new("git"), &arguments);
                let text =
                    text.map_err(|error| format!("{error}; without git, set SOURCE_DATE_EPOCH to the release's time"))?;
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        text.trim().parse().map_err(|_| format!("{text:?} is no time in seconds since 1970 (SOURCE_DATE_EPOCH)"))
    }

    /// Builds for the targets asked for; without any, for all that this machine can build for, and says what is left out.
    pub(super) fn programs(&self, wanted: &[&'static Target]) -> Result<Vec<Program>, String> {
        let mut programs = Vec::new();
        for target in if wanted.is_empty() { TARGETS.iter().collect() } else { wanted.to_vec() } {
            match target.lacks(&self.sysroot) {
                None => programs.push(self.program(target)?),
                Some(lack) if wanted.is_empty() => println!("left out  {}: {lack}", target.triple),
                Some(lack) => return Err(format!("{}: {lack}", target.triple)),
            }
        }
        if programs.is_empty() { Err("there is no target that can be built here".to_owned()) } else { Ok(programs) }
    }

    fn program(&self, target: &'static Target) -> Result<Program, String> {
        println!("building  {}", target.triple);
        let mut command = Command::new(&self.cargo);
        command.args([target.cargo_command(), "--release", "--locked", "--package", "hefu", "--target", target.triple]);
        self.built(command.current_dir(&self.root))?;
        let path = self.target_folder().join(target.triple).join("release/hefu");
        self.check_traces(&path.display().to_string(), &entry::bytes(&path)?)?;
        Ok(Program { target, path })
    }

    /// Has maturin build the Python package for a target; the wheel's path, in a folder of its own.
    pub(super) fn wheel(&self, target: &Target) -> Result<PathBuf, String> {
        println!("building  the Python package for {}", target.library);
        let folder = self.target_folder().join("dist-wheel");
        entry::empty_folder(&folder)?;
        let mut command = Command::new("maturin");
        command.args(["build", "--release", "--locked", "--quiet", "--zig", "--compatibility", WHEEL_SYSTEMS]);
        command.args(["--target", target.library, "--out"]).arg(&folder);
        self.built(command.current_dir(self.root.join("crates/python")))?;
        let mut wheels = crate::files::below(&folder, ".whl");
        wheels.pop().ok_or_else(|| format!("maturin left no wheel in {}", folder.display()))
    }

    /// Runs a command that compiles, so that nothing of what it makes names a folder of this machine.
    fn built(&self, command: &mut Command) -> Result<(), String> {
        let maps = self.folders().map(|(folder, name)| format!("{}={name}", folder.display()));
        let mut flags: Vec<String> = maps.iter().map(|map| format!("--remap-path-prefix={map}")).collect();
        flags.push("-Cstrip=symbols".to_owned());
        let c_flags: Vec<String> = maps.iter().map(|map| format!("-ffile-prefix-map={map}")).collect();
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env("CFLAGS", c_flags.join(" "));
        let name = command.get_program().to_string_lossy().into_owned();
        let status = command.status().map_err(|error| format!("cannot run {name}: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("{name} could not build this")) }
    }

    /// Folders of this machine, and what stands for them in the program.
    fn folders(&self) -> [(&Path, &str); 2] {
        [(&self.cargo_home, "/cargo"), (&self.root, "/hefu")]
    }

    /// Refuses a file that names a folder of this machine.
    pub(super) fn check_traces(&self, file: &str, bytes: &[u8]) -> Result<(), String> {
        let mut folders = vec![self.sysroot.as_path()];
        folders.extend(self.folders().map(|(folder, _)| folder));
        for folder in folders {
            let needle = folder.as_os_str().as_encoded_bytes();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                return Err(format!("{file} names the folder {} of this machine", folder.display()));
            }
        }
        Ok(())
    }
}
