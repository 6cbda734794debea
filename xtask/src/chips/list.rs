//! The chips, and systems on which this machine's chip is another target. One is a line here and, where it has kernels of its
//! own, a folder in `crates/cpu/src/isa`.

/// A kind of processor.
pub(super) struct Chip {
    /// Name for people.
    pub(super) name: &'static str,
    /// Name for the compiler.
    pub(super) triple: &'static str,
    /// The linker, where it is not the compiler's own.
    pub(super) linker: Option<&'static str>,
    /// Feature levels, each examined by itself.
    pub(super) levels: &'static [Level],
}

/// A processor with some of its chip's features.
pub(super) struct Level {
    /// Name for people.
    pub(super) name: &'static str,
    /// Features that the compiler may use everywhere, beyond what each such chip has.
    pub(super) features: &'static str,
    /// The emulator and its arguments; without one, types are checked and nothing is run.
    pub(super) runner: &'static [&'static str],
}

/// Zig as linker: it brings the C library of chips for which a distribution may have no cross compiler. It is looked for as a
/// program and as the Python package `ziglang`.
pub(super) const ZIG: &str = "zig";

/// Runtime of WebAssembly: [`super::build`] puts the script's path behind it.
pub(super) const NODE: &str = "node";

/// Runtime of programs for Windows.
pub(super) const WINE: &str = "wine";

/// WebAssembly with the system interface that the page and Node.js offer.
pub(super) const WEBASSEMBLY: &str = "wasm32-wasip1";

const RISCV: &str = "riscv64-linux-gnu-gcc";

/// All of them.
pub(super) const CHIPS: &[Chip] = &[
    chip(
        "aarch64",
        "aarch64-unknown-linux-musl",
        Some("rust-lld"),
        &[
            level("NEON alone (Cortex-A57)", "", &["qemu-aarch64", "-cpu", "cortex-a57"]),
            level("dot products (Neoverse N1)", "", &["qemu-aarch64", "-cpu", "neoverse-n1"]),
            level("i8mm (all features)", "", &["qemu-aarch64", "-cpu", "max"]),
        ],
    ),
    chip(
        "riscv64",
        "riscv64gc-unknown-linux-gnu",
        Some(RISCV),
        &[
            level("no vectors", "+crt-static", &["qemu-riscv64", "-cpu", "rv64,v=false"]),
            level(
                "vectors of 128 bits",
                "+crt-static,+v",
                &["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128,vext_spec=v1.0"],
            ),
            level(
                "vectors of 256 bits",
                "+crt-static,+v",
                &["qemu-riscv64", "-cpu", "rv64,v=true,vlen=256,vext_spec=v1.0"],
            ),
        ],
    ),
    chip(
        "s390x",
        "s390x-unknown-linux-gnu",
        Some("s390x-linux-gnu-gcc"),
        &[level("big-endian", "+crt-static", &["qemu-s390x"])],
    ),
    chip(
        "wasm32",
        "wasm32-wasip1",
        None,
        &[level("no vectors", "", &[NODE]), level("vectors of 128 bits", "+simd128", &[NODE])],
    ),
    chip("windows", "x86_64-pc-windows-gnu", Some("x86_64-w64-mingw32-gcc"), &[level("x86-64, Wine", "", &[WINE])]),
    chip("macos", "aarch64-apple-darwin", None, &[level("aarch64, types alone", "", &[])]),
    chip("macos-x86", "x86_64-apple-darwin", None, &[level("x86-64, types alone", "", &[])]),
    chip(
        "loongarch64",
        "loongarch64-unknown-linux-musl",
        Some(ZIG),
        &[level("as it is", "+crt-static", &["qemu-loongarch64"])],
    ),
];

const fn chip(
    name: &'static str,
    triple: &'static str,
    linker: Option<&'static str>,
    levels: &'static [Level],
) -> Chip {
    Chip { name, triple, linker, levels }
}

const fn level(name: &'static str, features: &'static str, runner: &'static [&'static str]) -> Level {
    Level { name, features, runner }
}
