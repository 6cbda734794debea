//! Peak rates of the machine, by number of threads, and what it can do while a model runs.

use super::placed::{Placed, fault};
use crate::failure::Failure;
use hefu_cpu::limits::{Memory, Pages, Part, Peaks, arithmetic, last_cache};
use hefu_cpu::select;
use hefu_numerics::device::{Arithmetic, Limits};
use hefu_numerics::team::Team;
use serde::Serialize;

/// Memory that is read through: so many times the last cache, within the two bounds below.
const TIMES_CACHE: u64 = 8;
/// At least 256 MiB, so that little of it is found in a cache.
const LEAST_BYTES: u64 = 256 << 20;
/// At most 1 GiB: what a machine has to spare, and what is read in a fraction of a second.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
/// Fewest passes of a round in each way to read.
const LEAST_PASSES: usize = 3;
/// Up to this number of threads every number of them is measured, from there on powers of two.
const EVERY_UP_TO: usize = 8;

/// Rates of some number of threads, per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rates {
    pub(crate) threads: usize,
    pub(crate) read_bytes_huge_pages: f64,
    pub(crate) read_bytes_small_pages: f64,
    pub(crate) int8_multiply_adds: f64,
    pub(crate) f32_multiply_adds: f64,
}

/// The limits that the operations of a round are held against, measured in between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Ceilings {
    /// Of reading as much as the model has, over and over.
    pub(crate) read_bytes: f64,
    /// Of the fastest of these passes: nothing is held against it, but it tells how even the machine was.
    pub(crate) fastest_read_bytes: f64,
    pub(crate) int8_multiply_adds: f64,
    pub(crate) f32_multiply_adds: f64,
}

/// Samples the devices that compute.
///
/// The rate of reading changes from second to second with what the neighbours do; on some machines by half. So each round
/// of the model has limits of its own: memory is read once after each of its steps, and of these passes the median
/// counts. The fastest pass of all would be one that met a gap in the neighbours' work, and no step of the model did.
pub(crate) struct Sampler<'a> {
    /// By part of the model.
    devices: Vec<Sampled<'a>>,
}

/// One of them.
struct Sampled<'a> {
    limits: Box<dyn Limits + 'a>,
    /// Rates of this round's passes, by way to read.
    reads: Vec<Vec<f64>>,
    /// The last sample of arithmetic.
    arithmetic: Arithmetic,
}

impl<'a> Sampler<'a> {
    /// Takes memory for a model of `weights` bytes on each of these devices.
    ///
    /// # Errors
    /// If there is none, or a device without limits.
    pub(crate) fn new(devices: &'a [Placed], weights: u64) -> Result<Self, Failure> {
        let bytes = weights.min(MOST_BYTES) as usize;
        let sampled = |placed: &'a Placed| -> Result<Sampled<'a>, Failure> {
            let limits = placed.device.limits(bytes).map_err(fault)?;
            let mut limits = limits.ok_or_else(|| no_limits(placed.device.name()))?;
            let arithmetic = limits.arithmetic().map_err(fault)?;
            Ok(Sampled { reads: vec![Vec::new(); limits.ways()], limits, arithmetic })
        };
        Ok(Sampler { devices: devices.iter().map(sampled).collect::<Result<_, _>>()? })
    }

    /// Reads the memory of each device once.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn read(&mut self) -> Result<(), Failure> {
        self.devices.iter_mut().try_for_each(Sampled::read)
    }

    /// Ends a round: the limits that hold for it, by part of the model.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn finish_round(&mut self) -> Result<Vec<Ceilings>, Failure> {
        self.devices.iter_mut().map(Sampled::finish_round).collect()
    }
}

impl Sampled<'_> {
    /// Reads the memory once, in the way whose turn it is.
    fn read(&mut self) -> Result<(), Failure> {
        let fewest = (0..self.reads.len()).min_by_key(|&way| self.reads[way].len());
        if let Some(way) = fewest {
            self.reads[way].push(self.limits.read(way).map_err(fault)?);
        }
        Ok(())
    }

    fn finish_round(&mut self) -> Result<Ceilings, Failure> {
        while self.reads.iter().any(|rates| rates.len() < LEAST_PASSES) {
            self.read()?;
        }
        let now = self.limits.arithmetic().map_err(fault)?;
        let before = std::mem::replace(&mut self.arithmetic, now);
        let fastest_read_bytes = self.reads.iter().flatten().copied().fold(0.0, f64::max);
        Ok(Ceilings {
            fastest_read_bytes,
            read_bytes: self.reads.iter_mut().map(|rates| median(std::mem::take(rates))).fold(0.0, f64::max),
            int8_multiply_adds: before.integer.max(now.integer),
            f32_multiply_adds: before.float.max(now.float),
        })
    }
}

/// The sentence on a device that nothing can be held against.
pub(crate) fn no_limits(device: &str) -> Failure {
    if !select::ISAS.iter().any(|known| known.name == device) {
        let sentence =
            format!("hefu gap cannot measure the limits of a {device}; run it on that machine, without --split");
        return Failure::Usage(sentence);
    }
    let others = select::ISAS.iter().filter(|known| known.peaks().is_some()).map(|known| known.name);
    let others = others.collect::<Vec<_>>().join(", ");
    Failure::Usage(format!(
        "--isa {device} has no limits to measure, it is not made to be fast; choose one of {others}"
    ))
}

/// Rates of every number of threads: the largest of some samples.
///
/// # Errors
/// If there is no memory to read.
pub(crate) fn rates(peaks: &Peaks, team: &dyn Team) -> Result<Vec<Rates>, Failure> {
    let bytes = (last_cache().saturating_mul(TIMES_CACHE)).clamp(LEAST_BYTES, MOST_BYTES);
    let counts = counts(team.threads());
    let read = |pages| -> Result<Vec<f64>, Failure> {
        let memory = memory(bytes, pages, team)?;
        Ok(counts.iter().map(|&count| memory.read_rate(peaks, &Part::new(team, count))).collect())
    };
    let read = read(Pages::Huge)?.into_iter().zip(read(Pages::Small)?);
    let of = |(&threads, (read_bytes_huge_pages, read_bytes_small_pages))| {
        let Arithmetic { integer, float } = arithmetic(peaks, &Part::new(team, threads));
        Rates {
            threads,
            read_bytes_huge_pages,
            read_bytes_small_pages,
            int8_multiply_adds: integer,
            f32_multiply_adds: float,
        }
    };
    Ok(counts.iter().zip(read).map(of).collect())
}

/// Bytes per second that all threads read at most, in a moment: the median of a few passes over memory that no cache holds.
///
/// # Errors
/// If there is no memory to read.
pub(crate) fn read_rate(peaks: &Peaks, team: &dyn Team) -> Result<f64, Failure> {
    let bytes = last_cache().saturating_mul(TIMES_CACHE / 2).clamp(LEAST_BYTES, MOST_BYTES);
    let memory = memory(bytes, Pages::Huge, team)?;
    let of_way = |way| median((0..LEAST_PASSES).map(|_| memory.read_once(peaks, way, team)).collect());
    Ok((0..peaks.ways_to_read()).map(of_way).fold(0.0, f64::max))
}

fn memory(bytes: u64, pages: Pages, team: &dyn Team) -> Result<Memory, Failure> {
    Memory::new(bytes as usize, pages, team).map_err(|error| Failure::Other(error.to_string()))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

/// Numbers of threads that are measured, ascending, the last being all of them.
fn counts(threads: usize) -> Vec<usize> {
    let few = 1..=threads.min(EVERY_UP_TO);
    let many = std::iter::successors(Some(2 * EVERY_UP_TO), |count| count.checked_mul(2));
    let mut counts: Vec<usize> = few.chain(many.take_while(|&count| count < threads)).collect();
    if counts.last() != Some(&threads) {
        counts.push(threads);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_threads_are_all_measured_and_many_by_powers_of_two() {
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(3), [1, 2, 3]);
        assert_eq!(counts(40), [1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 40]);
        assert_eq!(counts(16), [1, 2, 3, 4, 5, 6, 7, 8, 16]);
    }

    #[test]
    fn a_round_has_the_median_of_its_own_passes() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
        let device = select::best().device(std::sync::Arc::new(hefu_numerics::team::Alone));
        let placed = [Placed { label: "one".to_owned(), crossing: 0, device }];
        let mut sampler = Sampler::new(&placed, 1 << 20).unwrap();
        let mut finish = |reads: &mut dyn FnMut(&mut Vec<f64>)| {
            reads(&mut sampler.devices[0].reads[0]);
            sampler.finish_round().unwrap()[0]
        };
        let first = finish(&mut |reads| {
            *reads = vec![f64::MAX; 2 * LEAST_PASSES];
            reads.push(f64::INFINITY);
        });
        assert_eq!((first.read_bytes, first.fastest_read_bytes), (f64::MAX, f64::INFINITY));
        let next = finish(&mut |_| ());
        assert!(next.read_bytes > 0.0 && next.read_bytes < f64::MAX, "what was before does not count: {next:?}");
        assert!(next.int8_multiply_adds > 0.0 && next.f32_multiply_adds > 0.0);
    }
}
