//! `hefu selftest`: whether this machine computes what the contract says, in every way that answers come about.

mod child;
mod matrix;
mod models;
mod report;

use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use clap::Args;
use clap::builder::PossibleValuesParser;
use hefu_cpu::Pool;
use hefu_cpu::select::{ISAS, Isa};
use hefu_engine::selftest::Extent;
use hefu_numerics::conformance;
use hefu_numerics::ops::{Ops, Team};
use matrix::Matrix;
use models::Source;
use report::Report;

/// Check that this machine gives the same bits in every way that answers come about
///
/// First each operation of each instruction set that this machine has is held to a published list of inputs and digests. Then
/// the same questions are answered in every combination of instruction set, threads, batch, order of arrival, prefix reuse, prefill
/// chunk, pages, speculation, kind of cache and restart, and all tokens and logits are compared with those of the naive loops.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --model, tiny models of every family are tried, which are part of the program. The exit status is 1 if a single bit \
differs; the combination, the token and both bit patterns are named then.

Examples:
  hefu selftest
  hefu selftest --full --json
  hefu selftest --model qwen2.5-coder-0.5b-instruct")]
pub(crate) struct Arguments {
    /// Try every combination, which takes minutes
    #[arg(long)]
    full: bool,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    /// Model: a name that `hefu models` lists, or the path of a GGUF file
    #[arg(short, long, value_name = "NAME|PATH")]
    model: Option<String>,

    /// This instruction set alone [default: all that this machine has]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ISAS.iter().map(|isa| isa.name)))]
    isa: Option<String>,

    /// Answers in one way after another, on standard output, for the process that compares them
    #[arg(long, value_name = "PLACE", hide = true)]
    child: Option<String>,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had, or anything that differs.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let extent = if arguments.full { Extent::Full } else { Extent::Quick };
    let sources = models::sources(arguments.model.as_deref(), extent)?;
    if let Some(place) = &arguments.child {
        return child::answer(&sources, extent, place);
    }
    let devices = devices(arguments.isa.as_deref())?;
    let matrix = Matrix { devices: &devices, sources: &sources, extent };
    if matrix.groups().is_empty() {
        let sentence = "the naive loops would take hours with a model of real size; leave --isa or --model out";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let mut meter = Meter::new("conformance", Unit::Count);
    let mut deviations = Vec::new();
    let pool = Pool::new(matrix::THREADS_FULL.last().copied().unwrap_or(1));
    for (index, ops) in devices.iter().enumerate() {
        meter.set(index as u64, Some(devices.len() as u64));
        deviations.extend(conformance::deviations(ops, &pool));
    }
    drop(pool);
    let conformance_seconds = meter.elapsed().as_secs_f64();
    let tally = matrix.run(&mut meter)?;
    drop(meter);
    let report = Report {
        conformance_seconds,
        devices: &devices,
        sources: &sources,
        extent,
        deviations: &deviations,
        tally: &tally,
    };
    if arguments.json {
        print_json(&report.json())?;
    } else {
        print(&report.words())?;
    }
    report.outcome()
}

/// Refuses operations that are not the contract's, before a server computes with them.
///
/// # Errors
/// [`Failure::Other`] with the first thing that is wrong.
pub(crate) fn must_conform(ops: &Ops, team: &dyn Team) -> Result<(), Failure> {
    let deviations = conformance::deviations(ops, team);
    deviations.first().map_or(Ok(()), |first| {
        Err(Failure::Other(format!(
            "this machine does not compute what the numeric contract says, so nothing is served: {first}; hefu selftest \
             says more, and --isa chooses another instruction set"
        )))
    })
}

/// Operations of the instruction sets that this machine has, or of the one that was named.
fn devices(named: Option<&str>) -> Result<Vec<&'static Ops>, Failure> {
    match named {
        Some(name) => {
            let ops = hefu_cpu::select::by_name(name).map_err(|error| Failure::Usage(error.to_string()))?;
            Ok(vec![ops])
        }
        None => Ok(ISAS.iter().filter_map(Isa::ops).collect()),
    }
}

/// The naive loops, which everything is compared with: the last of the list.
fn specification() -> &'static Ops {
    ISAS.last().and_then(Isa::ops).unwrap_or(&hefu_numerics::reference::OPS)
}

/// Whether these are the naive loops.
fn is_specification(ops: &Ops) -> bool {
    ops.name == specification().name
}

/// Whether a model is so large that the naive loops would take hours.
fn is_large(source: &Source) -> bool {
    matches!(source, Source::File(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::ops::Alone;
    use hefu_numerics::reference;

    #[test]
    fn a_server_does_not_start_on_operations_that_are_not_the_contracts() {
        for ops in devices(None).unwrap() {
            must_conform(ops, &Alone).unwrap();
        }
        static BROKEN: Ops = Ops {
            name: "broken",
            add: |_, sum, addend, _| {
                sum.iter_mut().zip(addend).for_each(|(a, b)| *a = (f64::from(*a) - f64::from(*b)) as f32)
            },
            ..reference::OPS
        };
        let sentence = must_conform(&BROKEN, &Alone).unwrap_err().to_string();
        assert!(sentence.contains("nothing is served: broken: sum"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}
