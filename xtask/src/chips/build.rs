//! Building for a chip, and running what was built.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::list::{Chip, Level, NODE, WINE};

/// The crates that need no C compiler.
const WITHOUT_C: [&str; 5] = ["hefu-check", "hefu-text", "hefu-grammar", "hefu-answer", "hefu-provenance"];

/// A program that was built for a chip, and what runs it.
pub(super) struct Runner {
    root: PathBuf,
    /// The target, its linker and its folder; none for this machine.
    target: Option<(&'static Chip, PathBuf)>,
    /// The emulator with its arguments, then the program.
    command: Vec<String>,
}

impl Runner {
    /// For this machine.
    ///
    /// # Errors
    /// What the compiler says.
    pub(super) fn native(root: &Path) -> Result<Self, String> {
        let folder = target_folder(root).join("chips/native");
        let mut cargo = cargo(root, &folder);
        finish(cargo.args(["build", "--release", "--package", "hefu-check"]), "cargo build")?;
        let program = folder.join("release/hefu-check").display().to_string();
        Ok(Self { root: root.to_owned(), target: None, command: vec![program] })
    }

    /// For a chip at a level.
    ///
    /// # Errors
    /// What this machine lacks for it, or what the compiler says.
    pub(super) fn new(root: &Path, chip: &'static Chip, level: &Level) -> Result<Self, String> {
        standard_library(chip)?;
        let mut command: Vec<String> = level.runner.iter().map(|word| (*word).to_owned()).collect();
        for program in chip.linker.into_iter().filter(|linker| *linker != "rust-lld").chain([level.runner[0]]) {
            if !is_there(program) {
                return Err(format!("{program} is not installed"));
            }
        }
        // Other features make other programs.
        let kind: String = level.features.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder = target_folder(root).join("chips").join(if kind.is_empty() { "plain" } else { &kind });
        let mut cargo = cargo(root, &folder);
        if !level.features.is_empty() {
            cargo.env("RUSTFLAGS", format!("-C target-feature={}", level.features));
        }
        if let Some(linker) = chip.linker {
            cargo.env(variable(chip, "LINKER"), linker);
        }
        let arguments = ["build", "--release", "--package", "hefu-check", "--target", chip.triple];
        finish(cargo.args(arguments), "cargo build")?;
        let ending = match level.runner[0] {
            NODE => ".wasm",
            WINE => ".exe",
            _ => "",
        };
        let program = folder.join(chip.triple).join(format!("release/hefu-check{ending}"));
        if level.runner[0] == NODE {
            // Node.js 20 breaks down where it marks garbage while the memory of a model grows.
            command.extend(["--no-warnings", "--no-incremental-marking"].map(str::to_owned));
            command.push(root.join("xtask/src/chips/wasi.mjs").display().to_string());
        }
        command.push(program.display().to_string());
        Ok(Self { root: root.to_owned(), target: Some((chip, folder)), command })
    }

    /// The program that was built.
    pub(super) fn program(&self) -> PathBuf {
        self.command.last().map(PathBuf::from).unwrap_or_default()
    }

    /// What the program prints; a status other than 0 is told by what it prints, or as an error if that is nothing.
    pub(super) fn call(&self, arguments: &[String]) -> Result<String, String> {
        let done = Command::new(&self.command[0])
            // Wine tells what it lacks, and nobody asks.
            .env("WINEDEBUG", "-all")
            .args(&self.command[1..])
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.command[0]))?;
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        if !done.status.success() && printed.is_empty() {
            return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
        }
        Ok(printed)
    }

    /// Runs the tests of the kernels.
    ///
    /// # Errors
    /// If one fails.
    pub(super) fn tests(&self, level: &Level) -> Result<(), String> {
        let Some((chip, folder)) = &self.target else { return Ok(()) };
        let mut cargo = cargo(&self.root, folder);
        if let Some(linker) = chip.linker {
            cargo.env(variable(chip, "LINKER"), linker);
        }
        let runner = &self.command[..self.command.len() - 1];
        cargo.env(variable(chip, "RUNNER"), runner.join(" "));
        if !level.features.is_empty() {
            cargo.env("RUSTFLAGS", format!("-C target-feature={}", level.features));
        }
        let arguments = [
            "test",
            "--release",
            "--package",
            "hefu-numerics",
            "--package",
            "hefu-cpu",
            "--lib",
            "--tests",
            "--target",
        ];
        finish(cargo.args(arguments).arg(chip.triple), "cargo test")
    }
}

/// Checks the types of all that needs no C compiler of a system that cannot be run here.
///
/// # Errors
/// What this machine lacks for it, or what the compiler says.
pub(super) fn check_types(root: &Path, chip: &Chip) -> Result<(), String> {
    standard_library(chip)?;
    let mut cargo = cargo(root, &target_folder(root).join("chips/plain"));
    cargo.arg("check");
    WITHOUT_C.iter().for_each(|package| _ = cargo.args(["--package", package]));
    finish(cargo.args(["--target", chip.triple]), "cargo check")
}

/// Where builds go.
fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn cargo(root: &Path, folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Settings of the caller's for another target.
    cargo.current_dir(root).env("CARGO_TARGET_DIR", folder).env_remove("RUSTFLAGS");
    cargo
}

/// A setting of cargo's for a target.
fn variable(chip: &Chip, name: &str) -> String {
    format!("CARGO_TARGET_{}_{name}", chip.triple.to_uppercase().replace('-', "_"))
}

fn finish(command: &mut Command, name: &str) -> Result<(), String> {
    let status = command.arg("--quiet").status().map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed; it says above why")) }
}

/// Whether a program is installed.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Sees to it that the compiler has the chip's standard library.
fn standard_library(chip: &Chip) -> Result<(), String> {
    let has = || {
        let arguments = ["--print", "target-libdir", "--target", chip.triple];
        let told = Command::new("rustc").args(arguments).output().ok()?;
        let folder = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
        std::fs::read_dir(folder).ok()?.next().map(|_| ())
    };
    if has().is_some() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", chip.triple]).output();
    match has() {
        Some(()) => Ok(()),
        None => Err(match added {
            Ok(_) => format!("the standard library for {} could not be fetched", chip.triple),
            Err(_) => format!("there is no standard library for {}, and no rustup to fetch it", chip.triple),
        }),
    }
}
