//! What the machine can do at most, sampled before, between and after the runs.

use crate::failure::Failure;
use hefu_cpu::limits::{Memory, Pages, Part, Peaks, arithmetic, last_cache};
use hefu_numerics::ops::Team;
use serde::Serialize;

/// Memory that is read through: so many times the last cache, within the two bounds below.
const TIMES_CACHE: u64 = 8;
/// At least 256 MiB, so that little of it is found in a cache.
const LEAST_BYTES: u64 = 256 << 20;
/// At most 1 GiB: what a machine has to spare, and what is read in a fraction of a second.
const MOST_BYTES: u64 = 1 << 30;
/// Up to this number of threads every number of them is measured, from there on powers of two.
const EVERY_UP_TO: usize = 8;

/// Rates of some number of threads: per second, the largest of all samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Rates {
    pub(super) threads: usize,
    pub(super) read_bytes_huge_pages: f64,
    pub(super) read_bytes_small_pages: f64,
    pub(super) int8_multiply_adds: f64,
    pub(super) f32_multiply_adds: f64,
}

/// The limits that operations are held against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Ceilings {
    pub(super) read_bytes: f64,
    /// Of reading as much as the model has, over and over: more than the memory's rate where some of it stays in a
    /// cache. What the processor says of its last cache does not tell, as other machines may share it.
    pub(super) model_read_bytes: f64,
    pub(super) int8_multiply_adds: f64,
    pub(super) f32_multiply_adds: f64,
}

impl Ceilings {
    /// The largest rates of any number of threads: more threads are free to leave some of them idle.
    pub(super) fn of(rates: &[Rates], model_read_bytes: f64) -> Ceilings {
        let largest = |of: fn(&Rates) -> f64| rates.iter().map(of).fold(0.0, f64::max);
        let read_bytes = largest(|rates| rates.read_bytes_huge_pages.max(rates.read_bytes_small_pages));
        Ceilings {
            read_bytes,
            model_read_bytes: model_read_bytes.max(read_bytes),
            int8_multiply_adds: largest(|rates| rates.int8_multiply_adds),
            f32_multiply_adds: largest(|rates| rates.f32_multiply_adds),
        }
    }
}

/// Samples the machine.
pub(super) struct Sampler<'a> {
    peaks: &'static Peaks,
    team: &'a dyn Team,
    /// In huge pages, as weights are; kept from sample to sample.
    memory: Memory,
    /// As much as the model has, if that is less.
    like_model: Option<Memory>,
    model_read_bytes: f64,
    rates: Vec<Rates>,
}

impl<'a> Sampler<'a> {
    /// Takes the memory and the first sample, of every number of threads, for a model of `weights` bytes.
    ///
    /// # Errors
    /// If there is no memory to read.
    pub(super) fn new(peaks: &'static Peaks, team: &'a dyn Team, weights: u64) -> Result<Self, Failure> {
        let bytes = (last_cache().saturating_mul(TIMES_CACHE)).clamp(LEAST_BYTES, MOST_BYTES) as usize;
        let memory = |bytes, pages| Memory::new(bytes, pages, team).map_err(|error| Failure::Other(error.to_string()));
        let small = memory(bytes, Pages::Small)?;
        let counts = counts(team.threads());
        let read: Vec<f64> = counts.iter().map(|&count| small.read_rate(peaks, &Part::new(team, count))).collect();
        drop(small);
        let like_model = usize::try_from(weights).ok().filter(|&weights| weights < bytes);
        let like_model = like_model.map(|weights| memory(weights, Pages::Huge)).transpose()?;
        let memory = memory(bytes, Pages::Huge)?;
        let mut sampler = Sampler { peaks, team, memory, like_model, model_read_bytes: 0.0, rates: Vec::new() };
        sampler.rates = counts.iter().zip(read).map(|(&count, read)| sampler.rates_of(count, read)).collect();
        Ok(sampler)
    }

    /// One more sample, of all threads together.
    pub(super) fn again(&mut self) {
        let sample = self.rates_of(self.team.threads(), 0.0);
        for rates in self.rates.iter_mut().filter(|rates| rates.threads == sample.threads) {
            rates.read_bytes_huge_pages = rates.read_bytes_huge_pages.max(sample.read_bytes_huge_pages);
            rates.int8_multiply_adds = rates.int8_multiply_adds.max(sample.int8_multiply_adds);
            rates.f32_multiply_adds = rates.f32_multiply_adds.max(sample.f32_multiply_adds);
        }
        let read = self.like_model.as_ref().map_or(0.0, |memory| memory.read_rate(self.peaks, self.team));
        self.model_read_bytes = self.model_read_bytes.max(read);
    }

    /// The largest rates so far, by number of threads, and what follows from them.
    pub(super) fn finish(self) -> (Vec<Rates>, Ceilings) {
        let ceilings = Ceilings::of(&self.rates, self.model_read_bytes);
        (self.rates, ceilings)
    }

    fn rates_of(&self, threads: usize, read_bytes_small_pages: f64) -> Rates {
        let team = Part::new(self.team, threads);
        let arithmetic = arithmetic(self.peaks, &team);
        Rates {
            threads,
            read_bytes_huge_pages: self.memory.read_rate(self.peaks, &team),
            read_bytes_small_pages,
            int8_multiply_adds: arithmetic.integer,
            f32_multiply_adds: arithmetic.float,
        }
    }
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
    fn a_ceiling_is_the_largest_of_each_kind() {
        let rates = |threads, read: [f64; 2], int8, f32| Rates {
            threads,
            read_bytes_huge_pages: read[0],
            read_bytes_small_pages: read[1],
            int8_multiply_adds: int8,
            f32_multiply_adds: f32,
        };
        let rates = [rates(1, [5.0, 7.0], 3.0, 2.0), rates(2, [6.0, 6.0], 4.0, 1.0)];
        let ceilings = Ceilings::of(&rates, 9.0);
        assert_eq!((ceilings.read_bytes, ceilings.int8_multiply_adds, ceilings.f32_multiply_adds), (7.0, 4.0, 2.0));
        assert_eq!(ceilings.model_read_bytes, 9.0);
        assert_eq!(Ceilings::of(&rates, 0.0).model_read_bytes, 7.0, "a large model comes from memory");
    }
}
