//! Flags of every command that computes: where, with how many threads, and in how much memory.

use crate::options::{DeviceName, DeviceOptions, Layers, PartKey, PartPlace, Place, cores};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Most threads that are accepted.
const MAX_THREADS: u64 = 1024;
/// Tokens of a prompt that are computed at once unless `--prefill-chunk` says otherwise.
const PREFILL_CHUNK: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// How to compute. None of it changes a bit of any result.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Computation (changes the speed, never the result)")]
pub(crate) struct DeviceArguments {
    /// Device: cpu, opencl or opencl:N (see `hefu devices`), or auto, the first graphics processor that can be used [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = place)]
    device: Option<Place>,

    /// Layers on several devices, from 0 on: cpu:0-11,opencl:12-23; on other machines by `hefu part`: part@HOST:PORT:0-11; or auto, by the memory and the speed of all devices here
    #[arg(long, value_name = "PARTS", value_parser = split, conflicts_with = "device")]
    split: Option<Place>,

    /// File with the key that this machine and those with parts of the model share
    #[arg(long, value_name = "FILE")]
    pub(crate) part_key: Option<PathBuf>,

    /// Threads to compute with [default: all cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u64>,

    /// Instruction set [default: the best that this machine has]
    #[arg(long, value_name = "NAME", value_parser = isa_names())]
    pub(crate) isa: Option<String>,

    /// Tokens of the prompt that are computed at once
    #[arg(long, value_name = "N", default_value_t = PREFILL_CHUNK)]
    prefill_chunk: NonZeroUsize,
}

impl DeviceArguments {
    /// The options of these flags.
    pub(crate) fn options(&self) -> DeviceOptions {
        let asked = self.threads.and_then(|threads| usize::try_from(threads).ok());
        let place = self.split.as_ref().or(self.device.as_ref());
        DeviceOptions {
            place: place.cloned().unwrap_or(Place::On(DeviceName::Cpu)),
            threads: asked.unwrap_or_else(cores),
            isa: self.isa.clone(),
            prefill_chunk: self.prefill_chunk.get(),
            part_key: self.part_key.clone().map_or(PartKey::None, PartKey::File),
        }
    }
}

/// The same for who names them otherwise than by flags.
///
/// # Errors
/// A sentence, if there is no such device or instruction set, or too many threads.
pub(crate) fn device_options(
    device: Option<&str>,
    threads: Option<usize>,
    isa: Option<String>,
) -> Result<DeviceOptions, String> {
    let known = |name: &String| hefu_cpu::select::ISAS.iter().any(|isa| isa.name == name);
    if let Some(name) = isa.as_ref().filter(|name| !known(name)) {
        return Err(format!("there is no instruction set {name:?}"));
    }
    let threads = threads.map(|threads| threads as u64);
    if let Some(asked) = threads.filter(|asked| !(1..=MAX_THREADS).contains(asked)) {
        return Err(format!("threads is {asked}, but must be 1 to {MAX_THREADS}"));
    }
    let device = device.map(|name| place(name).map_err(|wrong| format!("device {name:?}: {wrong}"))).transpose()?;
    Ok(DeviceArguments { device, split: None, part_key: None, threads, isa, prefill_chunk: PREFILL_CHUNK }.options())
}

/// Every instruction set that this program was built with; whether the machine has it is found out later.
fn isa_names() -> PossibleValuesParser {
    PossibleValuesParser::new(hefu_cpu::select::ISAS.iter().map(|isa| isa.name))
}

/// A device by its name.
fn name(text: &str) -> Option<DeviceName> {
    match text.split_once(':') {
        None if text == "cpu" => Some(DeviceName::Cpu),
        None if text == "opencl" => Some(DeviceName::OpenCl(0)),
        Some(("opencl", number)) => number.parse().ok().map(DeviceName::OpenCl),
        _ => text.strip_prefix("part@").and_then(addresses).map(|all| DeviceName::Part(PartPlace::At(all))),
    }
}

/// Addresses as `HOST:PORT/HOST:PORT`, of which the first that answers is taken.
fn addresses(text: &str) -> Option<Vec<String>> {
    let is_address = |address: &str| {
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        port.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    };
    let all: Vec<String> = text.split('/').map(str::to_owned).collect();
    all.iter().all(|address| is_address(address)).then_some(all)
}

/// The device that a flag names.
///
/// # Errors
/// A sentence, if there is none of this name.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    let whole = |name: &DeviceName| !matches!(name, DeviceName::Part(_));
    let found = if text == "auto" { Some(Place::Auto) } else { name(text).filter(whole).map(Place::On) };
    found.ok_or_else(|| "a device is cpu, opencl, opencl:N or auto".to_owned())
}

/// Parts as `DEVICE:FIRST-LAST`, whose layers follow each other from 0 on.
fn split(text: &str) -> Result<Place, String> {
    if text == "auto" {
        return Ok(Place::SplitAuto);
    }
    let mut parts = Vec::new();
    for part in text.split(',') {
        let layers = part.rsplit_once(':').and_then(|(device, range)| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(Layers { device: name(device)?, first: first.parse().ok()?, last: last.parse().ok()? })
        });
        let Some(layers) = layers else {
            return Err(format!(
                "`{part}` is no part: write the device and its layers, as in cpu:0-11,opencl:12-23 or \
                 part@HOST:PORT:0-11, or auto"
            ));
        };
        let next = parts.last().map_or(0, |before: &Layers| before.last.saturating_add(1));
        if layers.first != next || layers.last < layers.first {
            return Err(format!("`{part}` does not follow: its first layer has to be {next}"));
        }
        parts.push(layers);
    }
    Ok(Place::Split(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_parts_are_read() {
        assert_eq!(place("cpu"), Ok(Place::On(DeviceName::Cpu)));
        assert_eq!(place("opencl:3"), Ok(Place::On(DeviceName::OpenCl(3))));
        assert_eq!((place("opencl"), place("auto")), (Ok(Place::On(DeviceName::OpenCl(0))), Ok(Place::Auto)));
        for wrong in ["", "gpu", "cpu:1", "opencl:", "opencl:-1", "opencl:x", "auto:0", "part@here:1"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        let part = |device, first, last| Layers { device, first, last };
        let two = vec![part(DeviceName::Cpu, 0, 11), part(DeviceName::OpenCl(1), 12, 12)];
        assert_eq!(split("cpu:0-11,opencl:1:12"), Ok(Place::Split(two)));
        assert_eq!(split("auto"), Ok(Place::SplitAuto));
        let at = |all: &[&str]| DeviceName::Part(PartPlace::At(all.iter().map(|one| (*one).to_owned()).collect()));
        let parts = vec![part(at(&["one:7"]), 0, 3), part(at(&["[::1]:8", "two:9"]), 4, 4)];
        assert_eq!(split("part@one:7:0-3,part@[::1]:8/two:9:4"), Ok(Place::Split(parts)));
        for wrong in [
            "",
            "cpu",
            "cpu:1-2",
            "cpu:0-3,opencl:5-6",
            "cpu:0-3,opencl:4-2",
            "cpu:0-3,",
            "cpu:a-b",
            "gpu:0-1",
            "auto:0-3",
            "part@one:0-3",
            "part@one:99999:0-3",
            "part@one:7/:0-3",
            "part@:7:0-3",
        ] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
        assert!(split("cpu:0-18446744073709551615,opencl:1-2").is_err());
    }
}
