//! Rates at which a device reads memory and multiplies bytes, as kernels of this crate's kind see it.

use std::time::{Duration, Instant};

use crate::driver::{Argument, Buffer, Fault, Queue};

/// Rates of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Bytes read in a second.
    pub bytes: f64,
    /// Products of bytes, each added to a sum, in a second.
    pub products: f64,
}

/// Bytes that are read in one go: more than caches hold, and little beside any memory.
const BYTES: usize = 256 << 20;
/// Items that work at once.
const ITEMS: usize = 1 << 16;
/// Products of an item in one round (`kernels/probe.cl`).
const PRODUCTS: usize = 32;
/// Least time of a measurement, and number of tries for the best.
const ENOUGH: Duration = Duration::from_millis(100);
const TURNS: usize = 3;

/// The best of a few turns.
pub(crate) fn rates(queue: &mut Queue) -> Result<Rates, Fault> {
    let sums = Buffer::new(queue.context(), ITEMS * 4)?;
    let words = Buffer::new(queue.context(), BYTES)?;
    queue.clear(&words)?;
    let mut best = 0.0_f64;
    for _ in 0..=TURNS {
        let of = [Argument::Buffer(&words), Argument::Buffer(&sums)];
        let counts = [BYTES / 4, ITEMS].map(|count| Argument::U32(count as u32));
        let took = timed(queue, "read_words", &of.into_iter().chain(counts).collect::<Vec<_>>())?;
        best = best.max(BYTES as f64 / took.as_secs_f64());
    }
    let (mut rounds, mut products) = (16_usize, 0.0_f64);
    let mut turns = 0;
    while turns < TURNS {
        let took = timed(queue, "dot_bytes", &[Argument::Buffer(&sums), Argument::U32(rounds as u32)])?;
        products = products.max((rounds * ITEMS * PRODUCTS) as f64 / took.as_secs_f64());
        if took < ENOUGH && rounds < 1 << 20 { rounds *= 4 } else { turns += 1 }
    }
    Ok(Rates { bytes: best, products })
}

/// Time of a kernel, with the queue's own.
fn timed(queue: &mut Queue, name: &'static str, arguments: &[Argument<'_>]) -> Result<Duration, Fault> {
    queue.finish()?;
    let start = Instant::now();
    queue.launch(name, [ITEMS, 1, 1], arguments)?;
    queue.finish()?;
    Ok(start.elapsed().max(Duration::from_nanos(1)))
}
