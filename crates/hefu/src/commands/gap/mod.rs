//! `hefu gap`: how far a model is from what this machine can do, and where.
//!
//! [`crate::gap`] measures and counts; [`text`], [`plot`]: what a person sees.

mod plot;
#[cfg(test)]
mod tests;
mod text;

use super::bench::{MAX_PARALLEL, fits};
use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments};
use crate::gap::ceilings::{no_limits, rates};
use crate::gap::measure::{Load, Round, measure};
use crate::gap::peaks;
use crate::gap::placed::{Placed, placed};
use crate::gap::report::{PartOf, Report, Subject};
use crate::load::Loaded;
use crate::open::instruction_set;
use crate::options::{DeviceName, ModelOptions, Place};
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use clap::Args;
use hefu_numerics::device::Model;
use hefu_numerics::team::Team;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// Rounds are repeated until this much time has passed.
const ENOUGH: Duration = Duration::from_secs(6);
/// Most rounds that are measured, after one to warm up.
const MOST_ROUNDS: usize = 5;

/// Show how far a model is from the limits of this machine, and in which operation
///
/// Measures what each device in use reads and computes at most, with this program's own instructions, then runs the model and
/// sets the time of every operation against the time that it takes at least. The largest gap comes first, with what
/// closing it would be worth. Takes about ten seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: model, isa, devices, threads, parallel, largest_gaps, machine, tolerance, faults, phases. \
Rates are per second, times in seconds of the whole phase, achieved is a share of 1.

An operation above its limit by more than the tolerance is a fault of the count: it is named, and the exit status is 1.

Examples:
  hefu gap
  hefu gap --svg gap.svg
  hefu gap --parallel 16
  hefu gap --device opencl
  hefu gap --model gemma-3-270m --threads 1 --isa avx2 --json")]
pub(crate) struct Arguments {
    /// Tokens of the prompt; 0 leaves the prefill out
    #[arg(short, long, value_name = "N", default_value = "512")]
    prompt: usize,

    /// Tokens to generate; 0 leaves the decode out
    #[arg(short, long, value_name = "N", default_value = "32")]
    generate: usize,

    /// Sequences to generate them for, all at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_PARALLEL))]
    parallel: u64,

    /// Draw the result to a file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had or run, that was made for fewer tokens, or a count that is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (prompt, generate) = (arguments.prompt, arguments.generate);
    let Some(positions) = prompt.checked_add(generate).filter(|&positions| positions > 0) else {
        let problem = "there is nothing to measure; --prompt or --generate must be above 0, and their sum a context";
        return Err(Failure::Usage(problem.to_owned()));
    };
    let device = arguments.device.options();
    let isa = instruction_set(&device)?;
    if device.place == Place::On(DeviceName::Cpu) && isa.peaks().is_none() {
        return Err(no_limits(isa.name));
    }
    let wishes = ModelOptions {
        model: arguments.model.choice(),
        device: &device,
        context: Some(positions),
        cache: arguments.cache.profile(),
        template: None,
        state_memory: io::stderr().is_terminal(),
        guessing: false,
    };
    let loaded = Loaded::new(&wishes)?;
    let (devices, sequences) = (placed(&loaded.model), arguments.parallel as usize);
    let chunk = device.prefill_chunk;
    let load = Load { prompt, chunk, steps: generate, sequences, enough: ENOUGH, most_rounds: MOST_ROUNDS };
    fits(&loaded, sequences, load.pages())?;
    let cpu = devices.iter().find_map(|placed| peaks(placed.device.name()));
    let machine = cpu.map(|peaks| rates(peaks, &*loaded.pool)).transpose()?.unwrap_or_default();
    let rounds = rounds(&loaded.model, &devices, load)?;
    let subject = Subject {
        model: loaded.resolved.name.clone(),
        isa: loaded.isa,
        devices: devices.iter().map(PartOf::new).collect(),
        threads: loaded.pool.threads(),
        prompt,
        steps: generate,
        sequences,
    };
    let report = Report::new(subject, machine, &rounds);
    if let Some(path) = &arguments.svg {
        std::fs::write(path, plot::svg(&report)).map_err(|error| Failure::file("write to", path, error))?;
    }
    if arguments.json {
        let value = serde_json::to_value(&report).map_err(|error| Failure::Other(error.to_string()))?;
        print_json(&value)?;
    } else {
        print(&text::text(&report))?;
    }
    verdict(&report)
}

/// Measures all rounds, and shows how far it is.
fn rounds(model: &Model, devices: &[Placed], load: Load) -> Result<Vec<Round>, Failure> {
    let mut meter = Meter::new("measuring", Unit::Count);
    let mut goes_on = |round: usize| {
        meter.set(round as u64, Some(MOST_ROUNDS as u64 + 1));
        true
    };
    Ok(measure(model, devices, load, &mut goes_on)?.unwrap_or_default())
}

/// A report above the limits is none.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.faults.is_empty() {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "the count is wrong, or the machine was slower while its limits were measured: {}; run it again on a quieter \
         machine, and if it stays so, report it",
        report.faults.join("; ")
    )))
}
