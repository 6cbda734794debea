//! `hefu doctor`: what this machine is, what the program makes of it, and what would make it faster.

mod machine;

use crate::commands::selftest::found_deviations;
use crate::failure::Failure;
use crate::flags::DeviceArguments;
use crate::memory::{available_memory, total_memory};
use crate::models::open_store;
use crate::open::instruction_set;
use crate::output::{print_json, print_plain};
use crate::units::bytes;
use clap::Args;
use hefu_cpu::Pool;
use hefu_cpu::select::{ISAS, Isa};
use hefu_numerics::conformance;
use machine::{Machine, Pages};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Free memory below which the default model may not fit, in bytes.
const LITTLE_MEMORY: u64 = 1 << 30;

/// Show what this machine is, what was chosen for it and why, and what would make it faster
///
/// Computes the conformance list on every instruction set that is there, which takes a few seconds. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with status 1 if an instruction set does not compute what the numeric contract says; hefu selftest says more.

Examples:
  hefu doctor
  hefu doctor --json")]
pub(crate) struct Arguments {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArguments,
}

/// An instruction set on this machine.
struct Tried {
    name: &'static str,
    /// `None` if the machine lacks it.
    deviations: Option<Vec<String>>,
}

/// Carries the command out.
///
/// # Errors
/// An instruction set that does not compute what the contract says.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let machine = Machine::look();
    let device = arguments.device.options();
    let (threads, chosen) = (device.threads, instruction_set(&device)?.name);
    let pool = Arc::new(Pool::new(threads));
    let tried: Vec<Tried> = ISAS.iter().map(|isa| tried(isa, &pool)).collect::<Result<_, _>>()?;
    drop(pool);
    let advice = advice(&machine, chosen, threads);
    if arguments.json {
        print_json(&report(&machine, chosen, threads, &tried, &advice))?;
    } else {
        print_plain(&words(&machine, arguments, chosen, &tried, &advice))?;
    }
    let wrong = tried.iter().find(|tried| tried.deviations.as_ref().is_some_and(|found| !found.is_empty()));
    wrong.map_or(Ok(()), |tried| {
        let name = tried.name;
        Err(Failure::Other(format!(
            "{name} does not compute what the numeric contract says here; hefu selftest says more, and --isa chooses another"
        )))
    })
}

fn tried(isa: &Isa, pool: &Arc<Pool>) -> Result<Tried, Failure> {
    if !(isa.is_available)() {
        return Ok(Tried { name: isa.name, deviations: None });
    }
    let found = found_deviations(&*isa.device(Arc::clone(pool) as _))?;
    Ok(Tried { name: isa.name, deviations: Some(found.iter().map(ToString::to_string).collect()) })
}

/// Advice on what would make it faster or is in the way, each as a sentence that says what to do.
fn advice(machine: &Machine, chosen: &str, threads: usize) -> Vec<String> {
    let mut advice = Vec::new();
    let mut say = |is_so: bool, sentence: String| advice.extend(is_so.then_some(sentence));
    say(
        machine.huge_pages == Some(Pages::Never),
        "huge pages are off; allow them where they are asked for: echo madvise | sudo tee \
         /sys/kernel/mm/transparent_hugepage/enabled"
            .to_owned(),
    );
    let cores = machine.cores.unwrap_or(0);
    say(
        cores > 0 && threads > cores,
        format!(
            "there are {cores} cores for {threads} threads; try --threads {cores}, as threads of one core share its units"
        ),
    );
    say(
        machine.governor.as_deref() == Some("powersave") && machine.has_slow_governor,
        "the processor's clock is held low (governor powersave); choose performance: cpupower frequency-set -g performance"
            .to_owned(),
    );
    let best = hefu_cpu::select::best().name;
    say(chosen != best, format!("--isa {chosen} was asked for, but {best} is faster here and gives the same bits"));
    say(
        chosen == "portable" || chosen == "reference",
        format!(
            "{chosen} code is in use: this processor has none of the instruction sets that this program was made faster with"
        ),
    );
    if let Some(free) = available_memory().filter(|free| *free < LITTLE_MEMORY) {
        say(
            true,
            format!(
                "only {} of memory are free; end other programs, or take --cache q8 and a smaller model",
                bytes(free)
            ),
        );
    }
    advice
}

fn words(machine: &Machine, arguments: &Arguments, chosen: &str, tried: &[Tried], advice: &[String]) -> String {
    let known = |value: Option<String>| value.unwrap_or_else(|| "not known here".to_owned());
    let device = &arguments.device;
    let why = match (&device.isa, device.threads) {
        (Some(_), _) => "as --isa asks",
        (None, _) => "the first of the list that this machine has",
    };
    let threads_why = if device.threads.is_some() { "as --threads asks" } else { "all that the system grants" };
    let mut rows = vec![
        ("processor", known(machine.processor.clone())),
        ("features", known(Some(machine.features.join(" ")).filter(|text| !text.is_empty()))),
        (
            "cores",
            known(machine.cores.map(|cores| format!("{cores} ({} threads of hardware)", machine.hardware_threads))),
        ),
        ("caches", known(Some(machine.caches.join(", ")).filter(|text| !text.is_empty()))),
        (
            "memory",
            known(
                total_memory()
                    .zip(available_memory())
                    .map(|(total, free)| format!("{}, {} free", bytes(total), bytes(free))),
            ),
        ),
        ("huge pages", known(machine.huge_pages.map(|pages| pages.words().to_owned()))),
        ("nodes", known(machine.nodes.map(|nodes| nodes.to_string()))),
        ("store", store().map_or_else(|failure| failure.to_string(), |folder| folder.display().to_string())),
        ("instruction set", format!("{chosen}: {why}")),
        ("threads", format!("{}: {threads_why}", device.options().threads)),
    ];
    for tried in tried {
        rows.push(("", format!("{:10} {}", tried.name, verdict(tried))));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
    text += "\n";
    match advice {
        [] => text += "nothing was found that would make it faster\n",
        some => some.iter().for_each(|sentence| text += &format!("* {sentence}\n")),
    }
    text
}

fn verdict(tried: &Tried) -> String {
    match &tried.deviations {
        None => "not on this machine".to_owned(),
        Some(found) if found.is_empty() => {
            format!("conforms: {} entries, 0 differing bits", conformance::cases().len())
        }
        Some(found) => {
            format!("{} of {} entries differ: {}", found.len(), conformance::cases().len(), found.join("; "))
        }
    }
}

fn report(machine: &Machine, chosen: &str, threads: usize, tried: &[Tried], advice: &[String]) -> Value {
    let isas = tried.iter().map(|tried| {
        json!({
            "name": tried.name,
            "available": tried.deviations.is_some(),
            "entries": conformance::cases().len(),
            "deviations": tried.deviations,
        })
    });
    json!({
        "processor": machine.processor,
        "features": machine.features,
        "cores": machine.cores,
        "hardware_threads": machine.hardware_threads,
        "caches": machine.caches,
        "memory_bytes": total_memory(),
        "available_bytes": available_memory(),
        "huge_pages": machine.huge_pages.map(Pages::words),
        "nodes": machine.nodes,
        "governor": machine.governor,
        "store": store().ok(),
        "isa": chosen,
        "threads": threads,
        "isas": isas.collect::<Vec<_>>(),
        "advice": advice,
    })
}

/// The store's folder, if one is known.
fn store() -> Result<PathBuf, Failure> {
    Ok(open_store()?.root()?.to_owned())
}
