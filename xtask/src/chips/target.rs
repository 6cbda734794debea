//! Cross-compilation by cargo: its standard library, and its linker.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::list::{Chip, ZIG};

/// Arguments of cargo that build for a chip.
pub(super) struct Target {
    triple: &'static str,
    linker: Option<PathBuf>,
    /// The standard library is built too: the compiler's makers offer none.
    from_source: bool,
}

impl Target {
    /// For a chip.
    ///
    /// # Errors
    /// A tool that this machine lacks for it.
    pub(super) fn new(root: &Path, chip: &'static Chip) -> Result<Self, String> {
        let linker = match chip.linker {
            Some(ZIG) => Some(zig(root, chip)?),
            Some(program) if program != "rust-lld" && !is_there(program) => {
                return Err(format!("{program} is not installed"));
            }
            linker => linker.map(PathBuf::from),
        };
        // Zig brings the C library that a standard library from source wants.
        let from_source = !standard_library(chip.triple);
        if from_source && (chip.linker != Some(ZIG) || !source_is_there()) {
            return Err(no_standard_library(chip));
        }
        Ok(Self { triple: chip.triple, linker, from_source })
    }

    /// The linker, where it is not the compiler's own.
    pub(super) fn linker(&self) -> Option<&Path> {
        self.linker.as_deref()
    }

    /// Has a command of cargo's build for it, with these features everywhere.
    pub(super) fn choose<'a>(&self, cargo: &'a mut Command, features: &str) -> &'a mut Command {
        let mut flags = Vec::new();
        if !features.is_empty() {
            flags.push(format!("-C target-feature={features}"));
        }
        if let Some(linker) = &self.linker {
            cargo.env(self.variable("LINKER"), linker);
        }
        if self.from_source {
            // A feature of cargo's that only nightly compilers have without this.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
            flags.push("-C panic=abort -C link-self-contained=no".to_owned());
        }
        if !flags.is_empty() {
            cargo.env("RUSTFLAGS", flags.join(" "));
        }
        cargo.args(["--target", self.triple])
    }

    /// The name of a setting of cargo's for this target.
    pub(super) fn variable(&self, name: &str) -> String {
        format!("CARGO_TARGET_{}_{name}", self.triple.to_uppercase().replace('-', "_"))
    }
}

/// A script that has Zig link for a chip.
fn zig(root: &Path, chip: &Chip) -> Result<PathBuf, String> {
    let has_package =
        || Command::new("python3").args(["-c", "import ziglang"]).output().ok()?.status.success().then_some(());
    let program = match (is_there(ZIG), has_package()) {
        (true, _) => ZIG,
        (false, Some(())) => "python3 -m ziglang",
        (false, None) => return Err("zig is not installed; pip install ziglang brings it".to_owned()),
    };
    // Zig names no maker.
    let triple = chip.triple.replace("-unknown-", "-");
    let folder = target_folder(root).join("chips");
    // By the end of its name rustc knows that it is a C compiler, and what it may say to it.
    let script = folder.join(format!("{triple}-cc"));
    let text = format!("#!/bin/sh\nexec {program} cc -target {triple} \"$@\"\n");
    let made = std::fs::create_dir_all(&folder);
    let written = made.and_then(|()| std::fs::write(&script, text)).and_then(|()| executable(&script));
    written.map_err(|error| format!("{} cannot be written: {error}", script.display()))?;
    Ok(script)
}

#[cfg(unix)]
fn executable(path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// True if the source of the standard library is there.
fn source_is_there() -> bool {
    let told = Command::new("rustc").args(["--print", "sysroot"]).output();
    told.is_ok_and(|told| {
        let root = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
        root.join("lib/rustlib/src/rust/library/std").is_dir()
    })
}

/// Sees to it that the compiler has a target's standard library: whether it has.
pub(super) fn standard_library(triple: &str) -> bool {
    let has = || {
        let arguments = ["--print", "target-libdir", "--target", triple];
        let told = Command::new("rustc").args(arguments).output().ok()?;
        let folder = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
        std::fs::read_dir(folder).ok()?.next().map(|_| ())
    };
    if has().is_none() {
        // Without rustup, and where it fails, the library is still not there.
        let _ = Command::new("rustup").args(["target", "add", triple]).output();
    }
    has().is_some()
}

/// That there is none.
pub(super) fn no_standard_library(chip: &Chip) -> String {
    format!("there is no standard library for {}, and rustup could not fetch it", chip.triple)
}

/// Folder of builds.
pub(super) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// True if a program is installed.
pub(super) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
