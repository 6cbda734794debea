//! Rates of a team of threads.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::ops::Team;

use super::peaks::{PANEL_BYTES, Peak, Peaks, READ_UNIT};
use crate::generic::parallel::{Shared, parallel_for};
use crate::memory::{HugeMemory, MemoryError};
use hefu_numerics::device::Arithmetic;

/// Approximate time of one unit of arithmetic: long against the handing out of units.
const UNIT: Duration = Duration::from_micros(100);

/// Units that each thread takes in one sample.
const UNITS: usize = 40;

/// Samples of arithmetic of which the fastest counts.
const SAMPLES: usize = 4;

/// Times that memory is read through; the fastest counts.
const PASSES: usize = 3;

/// Bytes that a thread reads at a time.
const PIECE: usize = 1 << 20;

const _: () = assert!(PIECE.is_multiple_of(READ_UNIT));

/// Measures what a team computes at most: some tens of milliseconds for each.
pub fn arithmetic(peaks: &Peaks, team: &dyn Team) -> Arithmetic {
    Arithmetic { integer: fastest(peaks.integer, team), float: fastest(peaks.float, team) }
}

#[repr(align(64))]
struct Panel(#[expect(dead_code, reason = "only its address is used")] [u8; PANEL_BYTES]);

/// The rate of the fastest of some kernels.
fn fastest(kernels: &[Peak], team: &dyn Team) -> f64 {
    // Small bytes: codes and activations far from the limits of 16 bits, f32 far from infinity.
    let mut panels: Vec<Panel> = (0..team.threads()).map(|_| Panel([7; PANEL_BYTES])).collect();
    let panels = Shared::new(panels.as_mut_ptr());
    kernels.iter().map(|kernel| rate(kernel, team, &panels)).fold(0.0, f64::max)
}

fn rate(kernel: &Peak, team: &dyn Team, panels: &Shared<Panel>) -> f64 {
    let call = |thread: usize| {
        // SAFETY: `Isa::peaks` gives kernels only where their instructions are; each thread has its own panel.
        unsafe { (kernel.run)(panels.at(thread).cast()) };
    };
    let (started, mut calls) = (Instant::now(), 0_usize);
    while started.elapsed() < UNIT {
        call(0);
        calls += 1;
    }
    let units = UNITS * team.threads();
    let sample = || {
        let started = Instant::now();
        parallel_for(team, units, &|_, thread| (0..calls).for_each(|_| call(thread)));
        (units * calls * kernel.multiply_adds) as f64 / started.elapsed().as_secs_f64()
    };
    (0..SAMPLES).map(|_| sample()).fold(0.0, f64::max)
}

/// Kind of pages of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// The system's huge pages where it gives any.
    Huge,
    /// The system's usual pages.
    Small,
}

/// Memory to be read through.
#[derive(Debug)]
pub struct Memory {
    map: HugeMemory,
}

impl Memory {
    /// Takes at least `bytes` bytes of main memory, in whole mebibytes, and makes them resident.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(bytes: usize, pages: Pages, team: &dyn Team) -> Result<Memory, MemoryError> {
        let bytes = bytes.max(1).next_multiple_of(PIECE);
        let mut map = match pages {
            Pages::Huge => HugeMemory::new(bytes),
            Pages::Small => HugeMemory::in_small_pages(bytes),
        }?;
        let start = Shared::new(map.as_mut().as_mut_ptr());
        parallel_for(team, bytes / PIECE, &|piece, _| {
            // SAFETY: pieces lie within the map and do not overlap.
            unsafe { std::ptr::write_bytes(start.at(piece * PIECE), 1, PIECE) };
        });
        Ok(Memory { map })
    }

    /// Its amount.
    pub fn bytes(&self) -> usize {
        self.map.as_ref().len()
    }

    /// Bytes per second at which a team reads it, with the fastest of the instruction set's ways to read.
    pub fn read_rate(&self, peaks: &Peaks, team: &dyn Team) -> f64 {
        let passes = (0..peaks.read.len()).flat_map(|way| std::iter::repeat_n(way, PASSES));
        passes.map(|way| self.read_once(peaks, way, team)).fold(0.0, f64::max)
    }

    /// Bytes per second of one pass in one of the instruction set's [ways to read](Peaks::ways_to_read).
    pub fn read_once(&self, peaks: &Peaks, way: usize, team: &dyn Team) -> f64 {
        let (seen, read) = (Mutex::new([0_u8; 64]), peaks.read[way]);
        let started = Instant::now();
        parallel_for(team, self.map.as_ref().len() / PIECE, &|piece, _| {
            let (from, mut result) = (&self.map.as_ref()[piece * PIECE..][..PIECE], [0; 64]);
            // SAFETY: `Isa::peaks` gives kernels only where their instructions are; the lengths are as asked.
            unsafe { read(from.as_ptr(), from.len(), result.as_mut_ptr()) };
            if result[0] != 1 {
                // Never so: what is read decides it, so that reading cannot be left out.
                seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[0] |= result[0];
            }
        });
        self.map.as_ref().len() as f64 / started.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Part;
    use crate::{Pool, select};

    #[test]
    fn every_instruction_set_has_rates() {
        let pool = Pool::new(2);
        for peaks in select::ISAS.iter().filter_map(select::Isa::peaks) {
            for threads in [1, 2] {
                let team = Part::new(&pool, threads);
                let Arithmetic { integer, float } = arithmetic(peaks, &team);
                assert!(integer.is_finite() && integer > 0.0 && float.is_finite() && float > 0.0);
                for pages in [Pages::Huge, Pages::Small] {
                    let memory = Memory::new(3_000_000, pages, &team).unwrap();
                    assert_eq!(memory.bytes(), 3 << 20);
                    let rate = memory.read_rate(peaks, &team);
                    assert!(rate.is_finite() && rate > 0.0);
                }
            }
        }
    }

    #[test]
    fn memory_that_nobody_has_is_refused() {
        assert!(Memory::new(usize::MAX / 4, Pages::Huge, &Pool::new(1)).is_err());
    }
}
