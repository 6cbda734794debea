//! The machines that programs are made for.

use std::path::Path;

/// A kind of machine, under the names that compilers and packages give it.
pub(super) struct Target {
    /// For rustc.
    pub(super) triple: &'static str,
    /// In names of archives.
    pub(super) machine: &'static str,
    /// For Debian.
    pub(super) debian: &'static str,
    /// For rustc, of what an interpreter loads: a library has its C library from there.
    pub(super) library: &'static str,
}

/// All of them. The C library is musl's, linked into the program.
pub(super) const TARGETS: &[Target] = &[
    Target {
        triple: "x86_64-unknown-linux-musl",
        machine: "x86_64",
        debian: "amd64",
        library: "x86_64-unknown-linux-gnu",
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        machine: "aarch64",
        debian: "arm64",
        library: "aarch64-unknown-linux-gnu",
    },
];

impl Target {
    /// True if this machine runs programs for it.
    pub(super) fn runs_here(&self) -> bool {
        cfg!(target_os = "linux") && std::env::consts::ARCH == self.machine
    }

    /// Tool that this machine lacks to build for it, and how to get it; `None` if there is none.
    pub(super) fn lacks(&self, sysroot: &Path) -> Option<String> {
        lacks_library(sysroot, self.triple).or_else(|| {
            (!on_path("cargo-zigbuild") && !self.has_compiler())
                .then(|| "no C compiler for it is here: pip install cargo-zigbuild ziglang".to_owned())
        })
    }

    /// The same of the Python package.
    pub(super) fn lacks_for_wheel(&self, sysroot: &Path) -> Option<String> {
        lacks_library(sysroot, self.library).or_else(|| {
            (!on_path("maturin")).then(|| "what builds wheels is not here: pip install maturin ziglang".to_owned())
        })
    }

    /// True if a compiler for musl's C library and this machine's own processor is there.
    fn has_compiler(&self) -> bool {
        self.runs_here() && on_path("musl-gcc")
    }

    /// The cargo command that builds for it.
    pub(super) fn cargo_command(&self) -> &'static str {
        if on_path("cargo-zigbuild") { "zigbuild" } else { "build" }
    }
}

fn lacks_library(sysroot: &Path, triple: &str) -> Option<String> {
    (!sysroot.join("lib/rustlib").join(triple).join("lib").is_dir())
        .then(|| format!("Rust's library for it is not here: rustup target add {triple}"))
}

fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
