//! Runs the model, with the machine's limits sampled before, between and after.

use super::ceilings::{Rates, Sampler};
use super::probe::{self, Totals};
use crate::commands::bench::tokens;
use crate::failure::Failure;
use crate::load::Loaded;
use crate::progress::{Meter, Unit};
use hefu_cpu::limits::Peaks;
use hefu_engine::Runner;
use hefu_engine::forward::Session;
use std::time::{Duration, Instant};

/// Rounds are repeated until this much time has passed.
const ENOUGH: Duration = Duration::from_secs(6);
/// Most rounds that are measured, after one to warm up.
const MOST_ROUNDS: usize = 5;

/// One run of a phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// From the first token to the last logits.
    pub(super) time: Duration,
    /// What was noted meanwhile.
    pub(super) totals: Totals,
}

/// Everything measured; of each phase the run of middle length, none of a phase without tokens.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) rates: Vec<Rates>,
    pub(super) prefill: Option<Run>,
    pub(super) decode: Option<Run>,
}

/// Measures machine and model.
///
/// # Errors
/// If there is no memory to read, or the model fails.
pub(super) fn measure(
    loaded: &Loaded,
    peaks: &'static Peaks,
    prompt: usize,
    generate: usize,
    chunk: usize,
) -> Result<Measured, Failure> {
    let vocabulary = loaded.model.config().vocabulary;
    let all = tokens(prompt + generate, vocabulary);
    let (prompt, steps) = all.split_at(prompt.min(all.len()));
    let mut meter = Meter::new("measuring", Unit::Count);
    let mut sampler = Sampler::new(peaks, &*loaded.pool)?;
    let mut session = loaded.session()?;
    let (mut prefills, mut decodes) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for round in 0..=MOST_ROUNDS {
        meter.set(round as u64, Some(MOST_ROUNDS as u64 + 1));
        session.truncate(0);
        let prefill = run(vocabulary, || prefill(&mut session, prompt, chunk))?;
        let decode = run(vocabulary, || decode(&mut session, steps))?;
        // The first round warms caches and buffers.
        if round > 0 {
            prefills.push(prefill);
            decodes.push(decode);
            sampler.again();
            if started.elapsed() > ENOUGH {
                break;
            }
        }
    }
    Ok(Measured {
        rates: sampler.into_rates(),
        prefill: middle(prefills).filter(|_| !prompt.is_empty()),
        decode: middle(decodes).filter(|_| !steps.is_empty()),
    })
}

fn run(vocabulary: usize, work: impl FnOnce() -> Result<(), hefu_model::Error>) -> Result<Run, Failure> {
    probe::start(vocabulary);
    let started = Instant::now();
    work().map_err(|error| Failure::Other(error.to_string()))?;
    Ok(Run { time: started.elapsed(), totals: probe::totals() })
}

/// The prompt in chunks, with the logits of its last token.
fn prefill(session: &mut Session<Runner<'_>>, prompt: &[u32], chunk: usize) -> Result<(), hefu_model::Error> {
    let chunks = prompt.len().div_ceil(chunk);
    for (index, part) in prompt.chunks(chunk).enumerate() {
        session.extend(part, usize::from(index + 1 == chunks))?;
    }
    if chunks > 0 {
        session.logits(0..1)?;
    }
    Ok(())
}

/// Single tokens after the prompt, each with its logits.
fn decode(session: &mut Session<Runner<'_>>, steps: &[u32]) -> Result<(), hefu_model::Error> {
    for &token in steps {
        session.extend(&[token], 1)?;
        session.logits(0..1)?;
    }
    Ok(())
}

/// The run of middle length.
fn middle(mut runs: Vec<Run>) -> Option<Run> {
    runs.sort_by_key(|run| run.time);
    runs.get(runs.len().saturating_sub(1) / 2).copied()
}
