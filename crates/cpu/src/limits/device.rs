//! The limits of the CPU as those of a device.

use hefu_numerics::device::{Arithmetic, Error, Limits};

use super::{Memory, Pages, Peaks, arithmetic};
use crate::ops::Team;

/// What an instruction set does at most by the threads of a team.
pub(crate) struct CpuLimits<'a> {
    peaks: &'static Peaks,
    team: &'a dyn Team,
    /// In huge pages, as weights are.
    memory: Memory,
}

impl<'a> CpuLimits<'a> {
    /// Takes so many bytes to be read.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn new(peaks: &'static Peaks, team: &'a dyn Team, bytes: usize) -> Result<Self, Error> {
        let memory = Memory::new(bytes, Pages::Huge, team);
        let refused = |reason: String| Error::Memory { bytes, what: "what is read to measure", reason };
        Ok(CpuLimits { peaks, team, memory: memory.map_err(|error| refused(error.to_string()))? })
    }
}

impl Limits for CpuLimits<'_> {
    fn ways(&self) -> usize {
        self.peaks.ways_to_read()
    }

    fn read(&mut self, way: usize) -> Result<f64, Error> {
        Ok(self.memory.read_once(self.peaks, way, self.team))
    }

    fn arithmetic(&mut self) -> Result<Arithmetic, Error> {
        Ok(arithmetic(self.peaks, self.team))
    }
}
