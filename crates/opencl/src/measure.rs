//! Rates at which a device reads memory and multiplies, as kernels of this crate's kind see it.

use std::time::{Duration, Instant};

use hefu_numerics::device::{Arithmetic, Error, Limits};

use crate::driver::{Argument, Buffer, Fault, Queue};
use crate::errors;
use crate::memory::taken;

/// Bytes that are read in one go, at least: less would measure how long it takes to begin.
const LEAST_BYTES: usize = 64 << 20;
/// At most, so that words are counted in 32 bits.
const MOST_BYTES: usize = 4 << 30;
/// Items that work at once.
const ITEMS: usize = 1 << 16;
/// Multiply-adds of an item in one round (`kernels/probe.cl`).
const PRODUCTS: usize = 32;
/// Least time of a measurement of arithmetic, and number of tries for the best.
const ENOUGH: Duration = Duration::from_millis(100);
const TURNS: usize = 3;

/// A device that is measured.
pub(crate) struct Measure {
    queue: Queue,
    words: Buffer,
    sums: Buffer,
}

impl Measure {
    /// Takes about so many bytes to be read, none of them more than the device gives in one piece.
    ///
    /// # Errors
    /// If there are none, or the driver fails.
    pub(crate) fn new(queue: Queue, bytes: usize, largest: u64) -> Result<Measure, Error> {
        let largest = usize::try_from(largest).unwrap_or(MOST_BYTES).clamp(4, MOST_BYTES);
        let bytes = bytes.clamp(LEAST_BYTES.min(largest), largest) / 4 * 4;
        let taken = |bytes: usize| taken(&queue, "what is read to measure", bytes);
        let (words, sums) = (taken(bytes)?, taken(ITEMS * 4)?);
        let mut measure = Measure { queue, words, sums };
        // What a kernel's first launch takes is no rate.
        measure.pass().map_err(errors::failed)?;
        Ok(measure)
    }

    /// Reads all words once; bytes per second.
    fn pass(&mut self) -> Result<f64, Fault> {
        let (words, sums) = (Argument::Buffer(&self.words), Argument::Buffer(&self.sums));
        let counts = [self.words.bytes() / 4, ITEMS].map(|count| Argument::U32(count as u32));
        let took = timed(&mut self.queue, "read_words", &[words, sums, counts[0], counts[1]])?;
        Ok(self.words.bytes() as f64 / took.as_secs_f64())
    }

    /// Multiply-adds per second of a kernel, the best of a few turns.
    fn rate(&mut self, name: &'static str) -> Result<f64, Fault> {
        let (mut rounds, mut turns, mut best) = (16_usize, 0, 0.0_f64);
        while turns < TURNS {
            let arguments = [Argument::Buffer(&self.sums), Argument::U32(rounds as u32)];
            let took = timed(&mut self.queue, name, &arguments)?;
            best = best.max((rounds * ITEMS * PRODUCTS) as f64 / took.as_secs_f64());
            if took < ENOUGH && rounds < 1 << 20 { rounds *= 4 } else { turns += 1 }
        }
        Ok(best)
    }
}

impl Limits for Measure {
    fn ways(&self) -> usize {
        1
    }

    fn read(&mut self, _: usize) -> Result<f64, Error> {
        self.pass().map_err(errors::failed)
    }

    fn arithmetic(&mut self) -> Result<Arithmetic, Error> {
        let integer = self.rate("dot_bytes").map_err(errors::failed)?;
        Ok(Arithmetic { integer, float: self.rate("fma_floats").map_err(errors::failed)? })
    }
}

/// Time of a kernel, with the queue's own.
fn timed(queue: &mut Queue, name: &'static str, arguments: &[Argument<'_>]) -> Result<Duration, Fault> {
    queue.finish()?;
    let start = Instant::now();
    queue.launch(name, [ITEMS, 1, 1], arguments)?;
    queue.finish()?;
    Ok(start.elapsed().max(Duration::from_nanos(1)))
}
