//! The same bits on every chip: `cargo xtask chips`.
//!
//! `hefu-check` is built for each chip and run in an emulator at each level of its features ([`list`]): the conformance list,
//! the logits of all tiny models, and receipts that this machine has made. What comes out must be what comes out here. A chip
//! whose compiler or emulator cannot be had is left out, and the table says so.

mod build;
mod list;
mod receipts;
mod report;
mod target;
mod wine;

use std::path::{Path, PathBuf};

use build::Runner;
use list::{CHIPS, Chip, WEBASSEMBLY};
use receipts::Made;
use report::{Row, Table, Verdicts};

/// Usage of the command.
const USAGE: &str = "cargo xtask chips [--tests] [--require] [--hefu PROGRAM] [CHIP]...";

/// Options of the command.
#[derive(Default)]
struct Options {
    chips: Vec<&'static Chip>,
    /// Also the tests of the kernels.
    tests: bool,
    /// A chip that is left out is a failure.
    require: bool,
    /// The program that makes receipts.
    hefu: Option<String>,
}

/// Examines the chips asked for, or all, and prints the table; what is wrong otherwise, in one sentence.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let here = Runner::native(root, options.hefu.is_none())?;
    let hefu = options.hefu.as_deref();
    let logits = report::logits(&here.call(&logits_arguments(root))?);
    let expected = Expected { root, hefu, logits, receipts: receipts::make(root, hefu)? };
    let mut table = Table::default();
    table.row(expected.examine(&here, "this machine", "all"));
    let chips = if options.chips.is_empty() { CHIPS.iter().collect() } else { options.chips };
    for chip in chips {
        for (index, level) in chip.levels.iter().enumerate() {
            println!("examining {} {}", chip.name, level.name);
            if level.runner.is_empty() {
                match build::check_types(root, chip) {
                    Ok(()) => table.noted(chip.name, level.name, "types are right; nothing was run"),
                    Err(lack) => table.left_out(chip.name, level.name, &lack, options.require),
                }
                continue;
            }
            match Runner::new(root, chip, level) {
                Err(lack) => table.left_out(chip.name, level.name, &lack, options.require),
                Ok(runner) => {
                    table.row(expected.examine(&runner, chip.name, level.name));
                    // The last level has the instruction sets of all.
                    if options.tests && index + 1 == chip.levels.len() {
                        runner.tests(level)?;
                    }
                }
            }
        }
    }
    table.print();
    if table.is_right() { Ok(()) } else { Err("a chip gives other bits, or could not be examined".to_owned()) }
}

/// The program for a tab of a browser.
pub(crate) fn webassembly(root: &Path) -> Result<PathBuf, String> {
    let chip = CHIPS.iter().find(|chip| chip.triple == WEBASSEMBLY).ok_or("WebAssembly is not among the chips")?;
    let level = chip.levels.last().ok_or("WebAssembly has no level")?;
    Ok(Runner::new(root, chip, level)?.program())
}

/// Receipts of tiny models that this machine makes: model and receipt.
pub(crate) fn receipts(root: &Path, hefu: Option<&str>) -> Result<Vec<(String, String)>, String> {
    Ok(receipts::make(root, hefu)?.into_iter().map(|made| (made.model, made.receipt)).collect())
}

/// Results that every chip must give.
struct Expected<'a> {
    root: &'a Path,
    /// The program that makes and judges receipts here.
    hefu: Option<&'a str>,
    logits: report::Logits,
    receipts: Vec<Made>,
}

impl Expected<'_> {
    /// All that is held of one chip at one level.
    fn examine(&self, runner: &Runner, chip: &str, level: &str) -> Row {
        // Emulators are slow, and use one core each.
        let (conformance, logits) = std::thread::scope(|scope| {
            let conformance = scope.spawn(|| runner.call(&["conformance".to_owned()]));
            let logits = runner.call(&logits_arguments(self.root));
            (conformance.join().unwrap_or_else(|_| Err("the thread that waited for it broke down".to_owned())), logits)
        });
        let verdicts: Vec<_> = self
            .receipts
            .iter()
            .map(|made| Verdicts {
                made,
                said: runner.call(&["verify".to_owned(), made.model.clone(), made.receipt.clone()]),
                // The real model takes minutes, and has nothing that the others have not.
                back: (!made.is_real).then(|| receipts::other_way(self.root, self.hefu, runner, made)),
            })
            .collect();
        Row::new(chip, level, conformance, logits, &self.logits, &verdicts)
    }
}

fn logits_arguments(root: &Path) -> Vec<String> {
    let models = root.join("golden/models");
    let mut arguments = vec!["logits".to_owned(), models.join("tokens.txt").display().to_string()];
    arguments.extend(crate::files::below(&models, ".gguf").iter().map(|path| path.display().to_string()));
    arguments
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--tests" => options.tests = true,
                "--require" => options.require = true,
                "--hefu" => options.hefu = Some(words.next().ok_or("--hefu needs a program")?.clone()),
                name => {
                    let known = || CHIPS.iter().map(|chip| chip.name).collect::<Vec<_>>().join(", ");
                    let chip = CHIPS.iter().find(|chip| chip.name == name);
                    options
                        .chips
                        .push(chip.ok_or_else(|| format!("there is no chip {name}; there are {}: {USAGE}", known()))?);
                }
            }
        }
        Ok(options)
    }
}
