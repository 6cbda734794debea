//! Running the combinations.

use super::child::Child;
use super::group::{Group, capacity};
use super::is_large;
use super::means::Means;
use super::models::Source;
use crate::failure::Failure;
use crate::progress::Meter;
use hefu_cpu::Pool;
use hefu_engine::Request;
use hefu_engine::selftest::{Extent, Tally, Trace, Way, answers, questions};
use hefu_numerics::kv::Profile;
use std::sync::Arc;

/// Threads that are tried with `--full`, and without.
pub(crate) const THREADS_FULL: [usize; 3] = [1, 2, 3];
const THREADS_QUICK: [usize; 2] = [1, 2];

/// The combinations.
pub(crate) struct Matrix<'a> {
    /// What computes.
    pub(crate) means: &'a [Means],
    /// The models.
    pub(crate) sources: &'a [Source],
    /// Extent of the matrix.
    pub(crate) extent: Extent,
}

/// Threads that are tried in this extent.
pub(crate) fn threads(extent: Extent) -> &'static [usize] {
    match extent {
        Extent::Quick => &THREADS_QUICK,
        Extent::Full => &THREADS_FULL,
    }
}

/// Kinds of caches that are tried with a model.
pub(crate) fn caches(source: &Source, extent: Extent) -> &'static [Profile] {
    if is_large(source) && extent == Extent::Quick { &Profile::ALL[..1] } else { &Profile::ALL }
}

impl Matrix<'_> {
    /// Every group. The naive loops share no work, so that one thread is all there is to try; with a model of real size
    /// they would take hours.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        for (number, source) in self.sources.iter().enumerate() {
            for &cache in caches(source, self.extent) {
                for &means in self.means {
                    let is_slow = means.is_specification();
                    let threads = match (is_slow, is_large(source)) {
                        (true, true) => continue,
                        (true, false) => &THREADS_FULL[..1],
                        (false, _) => threads(self.extent),
                    };
                    let in_full = self.extent == Extent::Full && number == 0 && !is_slow && !is_large(source);
                    let group = |&threads: &usize| Group { source: number, cache, means, threads, in_full };
                    groups.extend(threads.iter().map(group));
                }
            }
        }
        groups
    }

    /// Runs every combination and compares it.
    ///
    /// # Errors
    /// A model that cannot be loaded, or a process that cannot be started.
    pub(crate) fn run(&self, meter: &mut Meter) -> Result<Tally, Failure> {
        let groups = self.groups();
        let total: usize = groups.iter().map(|group| 2 * group.ways(self.extent).len()).sum();
        meter.relabel("identity matrix");
        let mut tally = Tally::default();
        let mut before: Option<(usize, Profile, Asked)> = None;
        for group in groups {
            let Some(source) = self.sources.get(group.source) else { continue };
            let known = before.take().filter(|(number, cache, _)| (*number, *cache) == (group.source, group.cache));
            let asked = match known {
                Some((_, _, asked)) => asked,
                None => Asked::new(source, self.base(source), group.cache)?,
            };
            meter.note(format!("{}, {}", source.name(), group.means.name()));
            let mut show = |tally: &Tally| meter.set(tally.combinations, Some(total as u64));
            compare(source, &group, &asked, self.extent, &mut tally, &mut show)?;
            before = Some((group.source, group.cache, asked));
        }
        Ok(tally)
    }

    /// Basis of comparison: the naive loops, or for a model of real size the simplest instruction set.
    fn base(&self, source: &Source) -> Means {
        let simplest = Means::of_the_cpu().into_iter().rev().nth(1).filter(|_| is_large(source));
        simplest.unwrap_or_else(Means::specification)
    }
}

/// Questions and what their answers are.
struct Asked {
    questions: Vec<Request>,
    expected: Vec<Trace>,
    vocabulary: usize,
    capacity: usize,
}

impl Asked {
    fn new(source: &Source, means: Means, cache: Profile) -> Result<Self, Failure> {
        let pool = Arc::new(Pool::new(if is_large(source) { 2 } else { 1 }));
        let model = source.load(means.device(&pool)?, cache)?;
        let (vocabulary, capacity) = (model.program.vocabulary, capacity(source, &model));
        let questions = questions(source.questions(), vocabulary);
        let expected = answers(&model, Way::Plain, &questions, capacity);
        let expected = expected.map_err(|sentence| Failure::Other(format!("{}: {sentence}", source.name())))?;
        Ok(Self { questions, expected, vocabulary, capacity })
    }
}

/// Runs a group in this process, on one model in memory, and in a new one, which loads the model again.
fn compare(
    source: &Source,
    group: &Group,
    asked: &Asked,
    extent: Extent,
    tally: &mut Tally,
    show: &mut dyn FnMut(&Tally),
) -> Result<(), Failure> {
    let Asked { questions, expected, vocabulary, capacity } = asked;
    let mut add = |restart: bool, way: Way, found: &Result<Vec<Trace>, String>| {
        tally.add(&group.words(source, restart, way), questions, expected, found, *vocabulary);
        show(tally);
    };
    let ways = group.ways(extent);
    {
        let model = source.load(group.means.device(&Arc::new(Pool::new(group.threads)))?, group.cache)?;
        for way in &ways {
            add(false, *way, &answers(&model, *way, questions, *capacity));
        }
    }
    let mut child = Child::start(source, group, extent)?;
    for way in &ways {
        add(true, *way, &child.next());
    }
    child.end()
}
