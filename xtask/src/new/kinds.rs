//! The kinds of things that can be begun, and what each needs.

use super::{Edit, Kind};
use crate::files;

pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "family", edits: family, then: after_family },
    Kind { name: "operation", edits: operation, then: after_operation },
    Kind { name: "chip", edits: chip, then: after_chip },
    Kind { name: "lesson", edits: lesson, then: after_lesson },
];

/// A family of decoders of alike blocks: its file, its line, a tiny model and the tests that hold it.
fn family(name: &str) -> Vec<Edit> {
    let constant = name.to_uppercase();
    let file = format!(
        "//! `{name}` (paper or model card …): how it differs from a family that is here.\n\n\
         use hefu_numerics::program::{{Activation, RopeStyle}};\n\n\
         use super::Family;\n\
         use crate::build::{{Builder, Decoder, FeedForward, Gated, RopeFactors}};\n\
         use crate::error::Error;\n\n\
         pub(super) const {constant}: Family = Family {{ name: \"{name}\", write }};\n\n\
         fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {{\n\
         \x20   let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));\n\
         \x20   Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?.write(b)\n\
         }}\n"
    );
    let model = format!(
        "def {name}(folder):\n    model = Decoder(folder, \"{name}\", SEED)\n    model.all_blocks()\n    return model\n\n\n"
    );
    let families = "crates/model/src/families/mod.rs";
    vec![
        Edit::File { path: format!("crates/model/src/families/{name}.rs"), text: file },
        Edit::Sorted { path: families, begins: "mod ", ends: ";", line: format!("mod {name};") },
        Edit::Before {
            path: families,
            after: "pub const FAMILIES",
            anchor: "];",
            text: format!("    {name}::{constant},\n"),
        },
        after_line(
            "crates/model/tests/model/golden.rs",
            "    olmo2_with_windows",
            format!("    {name}: \"tiny-{name}\","),
        ),
        after_line(
            "crates/hefu/src/commands/selftest/models.rs",
            "    \"tiny-olmo2\"",
            format!("    \"tiny-{name}\","),
        ),
        Edit::Before { path: "golden/models/make_families.py", after: "", anchor: "MODELS = [", text: model },
        after_line("golden/models/make_families.py", "MODELS = [", format!("          {name},")),
        after_line("golden/models/README.md", "| `tiny-olmo2` |", format!("| `tiny-{name}` | … |")),
        after_line("docs/users/families.md", "| `olmo2` |", format!("| `{name}` | … | … | … |")),
        after_line("docs/users/families.zh-CN.md", "| `olmo2` |", format!("| `{name}` | … | … | … |")),
    ]
}

/// A line behind the first one that begins so.
fn after_line(path: &'static str, begins: &'static str, line: String) -> Edit {
    Edit::Before { path, after: begins, anchor: "\n", text: format!("\n{line}") }
}

fn after_family(name: &str) -> Vec<String> {
    vec![
        format!("crates/model/src/families/{name}.rs: say what it is, and write it; docs/readers/families.md tells what a builder offers."),
        format!("golden/models/make_families.py: give `{name}` a seed of its own and the shape that shows what is new; with `pip install gguf`, `python golden/models/make_families.py golden/models` makes it."),
        "A pre-tokeniser of its own: a line in crates/text/src/tokenizer/pretokenizer/registry.rs; a chat template needs nothing.".to_owned(),
        "golden/models/make_expected.py: have llama.cpp compute the expected logits; the README there tells how.".to_owned(),
        format!("cargo run --release -p hefu-model --example make_programs: the program of tiny-{name} as text."),
        format!("cargo test --release -p hefu-model {name}: the logits against llama.cpp's; then cargo xtask tables."),
        "Fill in the rows of docs/users/families.md, its Chinese half and golden/models/README.md, and a line of CHANGELOG.md.".to_owned(),
    ]
}

/// An operation: its naive loop with a test.
fn operation(name: &str) -> Vec<Edit> {
    let file = format!(
        "//! The operation in words (clause …, docs/readers/numerics.md).\n\n\
         /// `out[i] = …`, in the order and with the roundings of the clause.\n\
         pub fn {name}(x: &[f32], out: &mut [f32]) {{\n\
         \x20   out.copy_from_slice(x);\n\
         }}\n\n\
         #[cfg(test)]\n\
         mod tests {{\n\
         \x20   use super::*;\n\n\
         \x20   #[test]\n\
         \x20   fn gives_the_numbers_of_the_clause() {{\n\
         \x20       let mut out = [0.0; 3];\n\
         \x20       {name}(&[1.0, -2.0, 0.5], &mut out);\n\
         \x20       assert_eq!(out, [f32::NAN; 3], \"numbers worked out by hand from the clause\");\n\
         \x20   }}\n\
         }}\n"
    );
    let module = "crates/numerics/src/reference/mod.rs";
    vec![
        Edit::File { path: format!("crates/numerics/src/reference/{name}.rs"), text: file },
        Edit::Sorted { path: module, begins: "mod ", ends: ";", line: format!("mod {name};") },
        Edit::Sorted { path: module, begins: "pub use ", ends: ";", line: format!("pub use {name}::{name};") },
    ]
}

fn after_operation(name: &str) -> Vec<String> {
    vec![
        "docs/readers/numerics.md and its Chinese half: the clause, whose every rounding is said.".to_owned(),
        format!("crates/numerics/src/reference/{name}.rs: the loop that a newcomer would write, and a test with numbers worked out by hand."),
        "crates/numerics/src/program: a variant of `Op` with what it reads and writes, its check, its text, its work.".to_owned(),
        "crates/numerics/src/reference/device/interpret.rs: a line that calls the loop.".to_owned(),
        "crates/numerics/src/conformance/list/later.rs: cases, at the end; then examples/make_conformance.rs writes their digests.".to_owned(),
        "crates/cpu/src/device/run: a kernel that equals the loop; cargo test --release -p hefu-cpu holds it to that.".to_owned(),
    ]
}

/// A chip: its line, by which portable code is held to the same bits there.
fn chip(name: &str) -> Vec<Edit> {
    let line = format!(
        "    chip(\"{name}\", \"{name}-unknown-linux-gnu\", Some(\"{name}-linux-gnu-gcc\"), &[level(\"as it is\", \"+crt-static\", &[\"qemu-{name}\"])]),\n"
    );
    vec![Edit::Before { path: "xtask/src/chips/list.rs", after: "const CHIPS", anchor: "];", text: line }]
}

fn after_chip(name: &str) -> Vec<String> {
    vec![
        "xtask/src/chips/list.rs: correct the triple, the linker and the emulator, and name its feature levels."
            .to_owned(),
        format!("cargo xtask chips --require {name}: portable code must give no other bit."),
        format!(
            "Kernels of its own: a folder crates/cpu/src/isa/{name}, as aarch64 has; ARCHITECTURE.md says what it holds."
        ),
        "docs/readers/devices.md and its Chinese half: what was proved there, and nothing more.".to_owned(),
    ]
}

/// The folder of a lesson, with a number behind all others unless it is there already.
fn lesson_folder(name: &str) -> String {
    let name = name.replace('_', "-");
    let folders = std::fs::read_dir(files::root().join("lessons")).into_iter().flatten().flatten();
    let folders = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let numbered: Vec<(usize, String)> = folders
        .filter_map(|folder| {
            folder.split_once('-').and_then(|(number, name)| Some((number.parse().ok()?, name.to_owned())))
        })
        .collect();
    let own = numbered.iter().find(|(_, other)| *other == name).map(|(number, _)| *number);
    let next = numbered.iter().map(|(number, _)| number + 1).max().unwrap_or_default();
    format!("lessons/{:02}-{name}", own.unwrap_or(next))
}

/// A lesson with a widget and a question, in both languages.
fn lesson(name: &str) -> Vec<Edit> {
    let folder = lesson_folder(name);
    let file = |file: &str, text: String| Edit::File { path: format!("{folder}/{file}"), text };
    let text = |heading: &str| format!("## {heading} `{name}`\n\n…\n\n```widget tokens\ntext = \"{name}\"\n```\n\n…\n");
    let data = format!(
        "level = \"principles\"\nminutes = 20\nneeds = []\n\n\
         [title]\nen = \"{name}\"\nzh-CN = \"…\"\n\n\
         [summary]\nen = \"…\"\nzh-CN = \"…\"\n\n\
         [[question]]\nask.en = \"…\"\nask.zh-CN = \"…\"\n\
         answers.en = [\"…\", \"…\"]\nanswers.zh-CN = [\"…\", \"…\"]\nright = 1\n\
         why.en = \"…\"\nwhy.zh-CN = \"…\"\n"
    );
    vec![file("en.md", text("Why")), file("zh-CN.md", text("为什么要学")), file("lesson.toml", data)]
}

fn after_lesson(name: &str) -> Vec<String> {
    let folder = lesson_folder(name);
    vec![
        format!("{folder}: the text, its widgets and questions; docs/users/lessons.md lists widgets and levels."),
        "An exercise: a file in crates/lessons/src/exercise with cases and mistakes, a line in EXERCISES, [exercise] in lesson.toml, and a solution and each mistake in crates/lessons/tests/solutions.".to_owned(),
        "cargo test --release -p hefu-lessons: the lesson can be taken, and its solution is right.".to_owned(),
        "cargo xtask lessons unfinished: both languages say the same, and no place is left open.".to_owned(),
        "docs/users/lessons.md, its Chinese half and CHANGELOG.md: one lesson more.".to_owned(),
    ]
}
