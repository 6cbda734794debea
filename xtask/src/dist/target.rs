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
    /// For wheels: a static program runs beside either C library.
    pub(super) wheel: &'static str,
}

/// All of them. The C library is musl's, linked into the program.
pub(super) const TARGETS: &[Target] = &[
    Target {
        triple: "x86_64-unknown-linux-musl",
        machine: "x86_64",
        debian: "amd64",
        wheel: "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        machine: "aarch64",
        debian: "arm64",
        wheel: "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    },
];

impl Target {
    /// Whether this machine runs programs for it.
    pub(super) fn runs_here(&self) -> bool {
        cfg!(target_os = "linux") && std::env::consts::ARCH == self.machine
    }

    /// What this machine lacks to build for it, and how to get it; `None` if nothing.
    pub(super) fn lacks(&self, sysroot: &Path) -> Option<String> {
        if !sysroot.join("lib/rustlib").join(self.triple).join("lib").is_dir() {
            return Some(format!("Rust's library for it is not here: rustup target add {}", self.triple));
        }
        (!on_path("cargo-zigbuild") && !self.has_compiler())
            .then(|| "no C compiler for it is here: pip install cargo-zigbuild ziglang".to_owned())
    }

    /// Whether a compiler for musl's C library and this machine's own processor is there.
    fn has_compiler(&self) -> bool {
        self.runs_here() && on_path("musl-gcc")
    }

    /// The cargo command that builds for it.
    pub(super) fn cargo_command(&self) -> &'static str {
        if on_path("cargo-zigbuild") { "zigbuild" } else { "build" }
    }
}

fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
