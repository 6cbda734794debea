//! What a device can do at most.

use super::Error;

/// Times that memory is read through in each way where the fastest counts.
const PASSES: usize = 3;

/// Multiply-adds per second, from numbers that are at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arithmetic {
    /// Bytes times bytes, added to 32-bit sums.
    pub integer: f64,
    /// f32 times f32 plus f32.
    pub float: f64,
}

/// Measures a device with instructions of the kind that its own kernels have. Everything is a sample: machines change from one
/// moment to the next, and whoever asks decides which of several counts.
pub trait Limits {
    /// Ways to read memory, at least one: which is the fastest is for each device to show.
    fn ways(&self) -> usize;

    /// Bytes per second of one pass over memory, in one of the ways.
    ///
    /// # Errors
    /// A device that fails.
    fn read(&mut self, way: usize) -> Result<f64, Error>;

    /// Multiply-adds per second.
    ///
    /// # Errors
    /// A device that fails.
    fn arithmetic(&mut self) -> Result<Arithmetic, Error>;

    /// Bytes per second of the fastest of a few passes.
    ///
    /// # Errors
    /// A device that fails.
    fn read_rate(&mut self) -> Result<f64, Error> {
        let passes = (0..self.ways()).flat_map(|way| std::iter::repeat_n(way, PASSES));
        passes.map(|way| self.read(way)).try_fold(0.0, |best, rate| Ok(f64::max(best, rate?)))
    }
}
