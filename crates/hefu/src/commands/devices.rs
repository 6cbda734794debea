//! `hefu devices`: what there is to compute on, whether it computes what the contract says, and how fast.

use crate::commands::selftest::found_deviations;
use crate::failure::Failure;
use crate::memory::total_memory;
use crate::open::READ_BYTES;
use crate::output::{print_json, print_plain};
use crate::units::bytes;
use clap::Args;
use hefu_cpu::{Pool, select};
use hefu_numerics::conformance;
use hefu_numerics::device::{Device, Error};
use hefu_opencl::{FoundDevice, OpenClDevice};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// List the devices that --device and --split take, with what they can do
///
/// Computes the conformance list on each, reads its memory and multiplies bytes, which takes from seconds to a minute. A device that
/// lacks what the numeric contract needs, or gives one other bit, is listed with what is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: devices (device, name, driver, kind, memory_bytes, units, lacks, entries, deviations, read_bytes_per_second, \
int8_multiply_adds_per_second, failure), opencl (why there is none, or null).

Examples:
  hefu devices
  hefu devices --json")]
pub(crate) struct Arguments {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// A device and what was found.
#[derive(Debug, Default)]
struct Examined {
    /// The name by which it is chosen.
    device: String,
    name: String,
    driver: Option<String>,
    kind: &'static str,
    memory: Option<u64>,
    units: usize,
    lacks: Vec<String>,
    /// Entries of the conformance list that it computes otherwise; `None` if it was not asked.
    deviations: Option<Vec<String>>,
    /// Bytes read and products of bytes added, in a second.
    rates: Option<[f64; 2]>,
    /// Reason why it could not be examined to the end.
    failure: Option<String>,
}

/// Carries the command out.
///
/// # Errors
/// A CPU that fails its examination; what is wrong with other devices is printed.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let pool = Arc::new(Pool::new(threads));
    let mut all = vec![cpu(&pool)?];
    let found = hefu_opencl::devices();
    let missing = found.as_ref().err().map(ToString::to_string);
    all.extend(found.unwrap_or_default().iter().map(|found| opencl(found, &pool)));
    if arguments.json {
        let devices: Vec<Value> = all.iter().map(Examined::report).collect();
        return print_json(&json!({ "devices": devices, "opencl": missing }));
    }
    let mut text: String = all.iter().map(Examined::words).collect::<Vec<_>>().join("\n");
    if let Some(missing) = missing {
        text += &format!("\nOpenCL: {missing}\n");
    }
    print_plain(&text)
}

fn cpu(pool: &Arc<Pool>) -> Result<Examined, Failure> {
    let isa = select::best();
    let device = isa.device(Arc::clone(pool) as _);
    let found = found_deviations(&*device)?;
    Ok(Examined {
        device: "cpu".to_owned(),
        name: format!("this machine's CPU by {}", isa.name),
        kind: "cpu",
        memory: total_memory(),
        units: hefu_numerics::team::Team::threads(&**pool),
        deviations: Some(found.iter().map(ToString::to_string).collect()),
        rates: rates(&*device).ok().flatten(),
        ..Examined::default()
    })
}

/// The largest rates of some samples; `None` of a device without limits.
fn rates(device: &dyn Device) -> Result<Option<[f64; 2]>, Error> {
    let Some(mut limits) = device.limits(READ_BYTES)? else { return Ok(None) };
    Ok(Some([limits.read_rate()?, limits.arithmetic()?.integer]))
}

fn opencl(found: &FoundDevice, pool: &Arc<Pool>) -> Examined {
    let mut examined = Examined {
        device: format!("opencl:{}", found.number),
        name: found.name.clone(),
        driver: Some(found.driver.clone()),
        kind: found.kind.name(),
        memory: Some(found.memory),
        units: found.units as usize,
        lacks: found.lacks.iter().map(|what| (*what).to_owned()).collect(),
        ..Examined::default()
    };
    if found.lacks.is_empty() {
        examined.failure = examined.examine(found.number, pool).err();
    }
    examined
}

impl Examined {
    /// Opens the device, tries it and measures it.
    fn examine(&mut self, number: usize, pool: &Arc<Pool>) -> Result<(), String> {
        let device = OpenClDevice::open(number, Arc::clone(pool) as _).map_err(|problem| problem.to_string())?;
        let found = found_deviations(&device as &dyn Device).map_err(|failure| failure.to_string())?;
        self.deviations = Some(found.iter().map(ToString::to_string).collect());
        self.rates = rates(&device).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn words(&self) -> String {
        let mut rows = vec![("", self.name.clone())];
        rows.extend(self.driver.clone().map(|driver| ("driver", driver)));
        let memory = self.memory.map_or_else(|| "memory not known".to_owned(), bytes);
        rows.push(("kind", format!("{}, {memory}, {} units", self.kind, self.units)));
        if !self.lacks.is_empty() {
            rows.push(("refused", format!("it lacks {}", self.lacks.join(", "))));
        }
        let entries = conformance::cases().len();
        rows.extend(self.deviations.as_ref().map(|found| match found.first() {
            None => ("conforms", format!("{entries} entries, 0 differing bits")),
            Some(first) => ("refused", format!("{} of {entries} entries differ: {first}", found.len())),
        }));
        if let Some([read, products]) = self.rates {
            rows.push((
                "measured",
                format!("{:.1} GB/s read, {:.1} G int8 multiply-adds/s", read / 1e9, products / 1e9),
            ));
        }
        rows.extend(self.failure.clone().map(|failure| ("failed", failure)));
        let line = |(at, (what, value)): (usize, (&str, String))| {
            let device = if at == 0 { &self.device[..] } else { "" };
            if what.is_empty() { format!("{device:10} {value}\n") } else { format!("{device:10} {what:9} {value}\n") }
        };
        rows.into_iter().enumerate().map(line).collect()
    }

    fn report(&self) -> Value {
        json!({
            "device": self.device,
            "name": self.name,
            "driver": self.driver,
            "kind": self.kind,
            "memory_bytes": self.memory,
            "units": self.units,
            "lacks": self.lacks,
            "entries": conformance::cases().len(),
            "deviations": self.deviations,
            "read_bytes_per_second": self.rates.map(|rates| rates[0]),
            "int8_multiply_adds_per_second": self.rates.map(|rates| rates[1]),
            "failure": self.failure,
        })
    }
}
