//! The part of the matrix that one model in memory is tried in.

use super::means::Means;
use super::models::Source;
use hefu_engine::selftest::{Extent, Way, ways};
use hefu_numerics::device::Model;
use hefu_numerics::kv::Profile;

/// Where not every way is tried, one in so many is, by turns.
const THINNED: usize = 9;

/// All combinations that share a model in memory.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// Number of the model.
    pub(crate) source: usize,
    /// Kind of the cache.
    pub(crate) cache: Profile,
    /// What computes.
    pub(crate) means: Means,
    /// Threads.
    pub(crate) threads: usize,
    /// True if every way of the extent is tried.
    pub(crate) in_full: bool,
}

impl Group {
    /// The ways that are tried with it: with `--full` and the first tiny model every one, else some of the quick ones, others
    /// than with the groups around it.
    pub(crate) fn ways(&self, extent: Extent) -> Vec<Way> {
        if self.in_full {
            return ways(extent);
        }
        let quick = ways(Extent::Quick).into_iter();
        quick.skip((self.threads + usize::from(self.cache == Profile::Q8)) % THINNED).step_by(THINNED).collect()
    }

    pub(super) fn words(&self, source: &Source, restart: bool, way: Way) -> String {
        let Group { cache, means, threads, .. } = self;
        let (name, process) = (source.name(), if restart { "new process" } else { "same process" });
        format!("{name}, {}, {threads} threads, cache {}, {process}, {way}", means.name(), cache.name())
    }
}

/// Positions of a sequence.
pub(crate) fn capacity(source: &Source, model: &Model) -> usize {
    source.capacity().min(model.program.context)
}
