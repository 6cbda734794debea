//! Building for a chip, and running what was built.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::list::{Chip, Level, NODE, WINE};
use super::target::{Target, is_there, no_standard_library, standard_library, target_folder};
use super::wine;

/// Crates that are checked where nothing can be run: the whole program, too.
const CHECKED: [&str; 2] = ["hefu", "hefu-check"];

/// Stand-in for a C compiler that cannot be had: types do not depend on what it would make of the TLS library.
const NO_COMPILER: &str = "true";

/// A program that was built for a chip, and what runs it.
pub(super) struct Runner {
    root: PathBuf,
    /// Target of cargo for the chip, and the folder of its builds; none for this machine.
    target: Option<(Target, PathBuf)>,
    /// The emulator with its arguments, then the program.
    command: Vec<String>,
    /// Environment of the emulator.
    settings: Vec<(String, String)>,
}

impl Runner {
    /// For this machine; with `hefu`, what makes and judges receipts is built too.
    ///
    /// # Errors
    /// The compiler's error.
    pub(super) fn native(root: &Path, hefu: bool) -> Result<Self, String> {
        let folder = target_folder(root);
        let mut cargo = cargo(root, &folder);
        cargo.args(["build", "--release", "--package", "hefu-check"]);
        if hefu {
            // In one call: asked for one after the other, they would have the crates that both use compiled twice, with other
            // features of what those use.
            cargo.args(["--package", "hefu"]);
        }
        finish(&mut cargo, "cargo build")?;
        let program = folder.join("release/hefu-check").display().to_string();
        Ok(Self { root: root.to_owned(), target: None, command: vec![program], settings: Vec::new() })
    }

    /// For a chip at a level.
    ///
    /// # Errors
    /// A tool that this machine lacks, or the compiler's error.
    pub(super) fn new(root: &Path, chip: &'static Chip, level: &Level) -> Result<Self, String> {
        let emulator = level.runner[0];
        if !is_there(emulator) {
            return Err(format!("{emulator} is not installed"));
        }
        let target = Target::new(root, chip)?;
        let mut command: Vec<String> = level.runner.iter().map(|word| (*word).to_owned()).collect();
        // Other features make other programs.
        let kind: String = level.features.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder = target_folder(root).join("chips").join(if kind.is_empty() { "plain" } else { &kind });
        let mut cargo = cargo(root, &folder);
        cargo.args(["build", "--release", "--package", "hefu-check"]);
        finish(target.choose(&mut cargo, level.features), "cargo build")?;
        let ending = match emulator {
            NODE => ".wasm",
            WINE => ".exe",
            _ => "",
        };
        let program = folder.join(chip.triple).join(format!("release/hefu-check{ending}"));
        if emulator == NODE {
            // Node.js 20 breaks down where it marks garbage while the memory of a model grows.
            command.extend(["--no-warnings", "--no-incremental-marking"].map(str::to_owned));
            command.push(root.join("xtask/src/chips/wasi.mjs").display().to_string());
        }
        let program = program.display().to_string();
        let settings = match target.linker() {
            Some(compiler) if emulator == WINE => wine::settings(root, &folder, compiler, &program)?,
            _ => Vec::new(),
        };
        command.push(program);
        Ok(Self { root: root.to_owned(), target: Some((target, folder)), command, settings })
    }

    /// The program that was built.
    pub(super) fn program(&self) -> PathBuf {
        self.command.last().map(PathBuf::from).unwrap_or_default()
    }

    /// Output of the program; a status other than 0 is told by it, or as an error if it is empty.
    pub(super) fn call(&self, arguments: &[String]) -> Result<String, String> {
        let done = Command::new(&self.command[0])
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
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
        let Some((target, folder)) = &self.target else { return Ok(()) };
        let mut cargo = cargo(&self.root, folder);
        let runner = &self.command[..self.command.len() - 1];
        cargo.env(target.variable("RUNNER"), runner.join(" "));
        cargo.envs(self.settings.iter().map(|(name, value)| (name, value)));
        cargo.args(["test", "--release", "--package", "hefu-numerics", "--package", "hefu-cpu", "--lib", "--tests"]);
        finish(target.choose(&mut cargo, level.features), "cargo test")
    }
}

/// Checks the types of the program for a system that cannot be run here.
///
/// # Errors
/// A tool that this machine lacks, or the compiler's error.
pub(super) fn check_types(root: &Path, chip: &Chip) -> Result<(), String> {
    if !standard_library(chip.triple) {
        return Err(no_standard_library(chip));
    }
    let mut cargo = cargo(root, &target_folder(root).join("chips/plain"));
    cargo.arg("check");
    CHECKED.iter().for_each(|package| _ = cargo.args(["--package", package]));
    for tool in ["CC", "AR"] {
        cargo.env(format!("{tool}_{}", chip.triple.replace('-', "_")), NO_COMPILER);
    }
    // Apple's would be asked where it is.
    cargo.env("SDKROOT", "/");
    finish(cargo.args(["--target", chip.triple]), "cargo check")
}

fn cargo(root: &Path, folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Settings of the caller's for another target.
    cargo.current_dir(root).env("CARGO_TARGET_DIR", folder).env_remove("RUSTFLAGS");
    cargo
}

fn finish(command: &mut Command, name: &str) -> Result<(), String> {
    let status = command.arg("--quiet").status().map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed; it says above why")) }
}
