//! `hefu selftest`: whether this machine computes what the contract says, in every way that answers come about.

mod child;
mod group;
mod matrix;
mod means;
mod models;
mod report;

use crate::failure::Failure;
use crate::flags::place;
use crate::options::Place;
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use clap::Args;
use clap::builder::PossibleValuesParser;
use hefu_cpu::Pool;
use hefu_cpu::select::ISAS;
use hefu_engine::selftest::Extent;
use hefu_numerics::conformance::{self, Deviation};
use hefu_numerics::device::Device;
use matrix::Matrix;
use means::Means;
use models::Source;
use report::Report;
use std::sync::Arc;

/// Check that this machine gives the same bits in every way that answers come about
///
/// First each operation of each instruction set that this machine has, or of the device that is named, is held to a published list of
/// inputs and digests. Then the same questions are answered in every combination of instruction set, threads, batch, order of arrival, prefix reuse, prefill
/// chunk, pages, speculation, kind of cache and restart, and all tokens and logits are compared with those of the naive loops.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --model, tiny models of every family are tried, which are part of the program. The exit status is 1 if a single bit \
differs; the combination, the token and both bit patterns are named then.

Examples:
  hefu selftest
  hefu selftest --full --json
  hefu selftest --device opencl
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

    /// Device: cpu, opencl or opencl:N (see `hefu devices`), or auto, the first graphics processor that can be used [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = place, conflicts_with = "isa")]
    device: Option<Place>,

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
    let all = Means::asked(arguments.isa.as_deref(), arguments.device.as_ref())?;
    let matrix = Matrix { means: &all, sources: &sources, extent };
    if matrix.groups().is_empty() {
        let sentence = "the naive loops would take hours with a model of real size; leave --isa or --model out";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let mut meter = Meter::new("conformance", Unit::Count);
    let mut deviations = Vec::new();
    let pool = Arc::new(Pool::new(matrix::THREADS_FULL.last().copied().unwrap_or(1)));
    for (index, means) in all.iter().enumerate() {
        meter.set(index as u64, Some(all.len() as u64));
        deviations.extend(found_deviations(&*means.device(&pool)?)?);
    }
    drop(pool);
    let conformance_seconds = meter.elapsed().as_secs_f64();
    let tally = matrix.run(&mut meter)?;
    drop(meter);
    let report =
        Report { conformance_seconds, means: &all, sources: &sources, extent, deviations: &deviations, tally: &tally };
    if arguments.json {
        print_json(&report.json())?;
    } else {
        print(&report.words())?;
    }
    report.outcome()
}

/// Deviations of a device from the published list.
///
/// # Errors
/// If there is no memory for it.
pub(super) fn found_deviations(device: &dyn Device) -> Result<Vec<Deviation>, Failure> {
    conformance::deviations(device).map_err(|error| Failure::Other(error.to_string()))
}

/// Refuses a device that is not the contract's, before a server computes with it.
///
/// # Errors
/// [`Failure::Other`] with the first thing that is wrong.
pub(crate) fn must_conform(device: &dyn Device) -> Result<(), Failure> {
    let deviations = found_deviations(device)?;
    deviations.first().map_or(Ok(()), |first| {
        Err(Failure::Other(format!(
            "this machine does not compute what the numeric contract says, so nothing is served: {first}; hefu selftest \
             says more, and --isa chooses another instruction set"
        )))
    })
}

/// True if a model is so large that the naive loops would take hours.
fn is_large(source: &Source) -> bool {
    matches!(source, Source::File(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::device::{Batch, Error, Executable, Files, Footprint, Size, StepObserver, Weights};
    use hefu_numerics::program::{Entry, Op, Program, Value};
    use hefu_numerics::reference::ReferenceDevice;
    use hefu_numerics::team::{Alone, Team};
    use std::ops::Range;

    /// The naive loops, but for sums: these are differences.
    struct Broken;

    struct BrokenExecutable {
        within: Box<dyn Executable>,
        /// Sums, by what is read of them.
        sums: Vec<Value>,
    }

    impl Device for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn team(&self) -> &dyn Team {
            &Alone
        }

        fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
            ReferenceDevice.footprint(program, size)
        }

        fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
            ReferenceDevice.load(program, files)
        }

        fn compile(
            &self,
            program: &Arc<Program>,
            weights: &Arc<dyn Weights>,
            size: &Size,
            probes: &[Value],
        ) -> Result<Box<dyn Executable>, Error> {
            let within = ReferenceDevice.compile(program, weights, size, probes)?;
            let steps = program.sections.iter().flat_map(|section| &section.steps);
            let sum = |op: &Op| if let Op::Add { out, .. } = op { Some(*out) } else { None };
            Ok(Box::new(BrokenExecutable { within, sums: steps.filter_map(|step| sum(&step.op)).collect() }))
        }
    }

    impl Executable for BrokenExecutable {
        fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
            self.within.run(batch)
        }

        fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
            self.within.head(entry, rows)
        }

        fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
            self.within.read(value, rows, to)?;
            if self.sums.contains(&value) {
                to.iter_mut().for_each(|x| *x = -*x);
            }
            Ok(())
        }

        fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
            self.within.copy_page(group, from, to)
        }

        fn pages(&self) -> usize {
            self.within.pages()
        }

        fn footprint(&self) -> Footprint {
            self.within.footprint()
        }

        fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
            self.within.observe(observer);
        }
    }

    #[test]
    fn a_server_does_not_start_on_a_device_that_is_not_the_contracts() {
        for means in Means::of_the_cpu() {
            must_conform(&*means.device(&Arc::new(Pool::new(1))).unwrap()).unwrap();
        }
        let sentence = must_conform(&Broken).unwrap_err().to_string();
        assert!(sentence.contains("nothing is served: broken: sum"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}
