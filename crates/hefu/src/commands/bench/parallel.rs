//! Many sequences at once: what a server would do with requests that all came at the same time.

use super::fault;
use crate::failure::Failure;
use crate::gap::measure::tokens;
use crate::load::Loaded;
use crate::memory::available_memory;
use crate::speculation::Drafter;
use crate::units;
use hefu_engine::Request;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, ForwardMany, Job, Limits, Paged, Scheduler};
use hefu_numerics::device::Size;
use hefu_numerics::kv::PAGE;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Most sequences at once.
pub(in crate::commands) const MAX_PARALLEL: u64 = 1024;

/// Checks that there is memory for a cache of so many pages.
///
/// # Errors
/// If there is not.
pub(in crate::commands) fn fits(loaded: &Loaded, sequences: usize, pages: usize) -> Result<(), Failure> {
    let size = Size::new(&loaded.model.program, pages, sequences);
    let bytes = loaded.model.footprint(&size).map_or(u64::MAX, |taken| taken.states as u64);
    let available = available_memory().unwrap_or(u64::MAX);
    if bytes <= available {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "{} are needed for the cache of {sequences} sequences, but only {} of memory are available; give a smaller \
         --parallel, --prompt or --generate",
        units::bytes(bytes),
        units::bytes(available)
    )))
}

/// A measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) sequences: usize,
    /// Tokens of each prompt, at least one.
    pub(super) prompt: usize,
    /// Tokens that each sequence generates after the first, which the prompt gives.
    pub(super) generate: usize,
    /// Tokens of prompts per forward pass.
    pub(super) prefill_chunk: usize,
}

impl Load {
    /// Positions of one sequence.
    pub(super) fn capacity(&self) -> usize {
        self.prompt + self.generate + 1
    }

    /// Pages for all sequences: one more for each, as what a sequence needs next is set aside.
    fn pages(&self) -> usize {
        self.sequences.saturating_mul(self.capacity().div_ceil(PAGE) + 1)
    }

    /// Model of the guesses, with pages for all sequences.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub(super) fn paged(&self, drafter: &Drafter) -> Result<Paged, Failure> {
        drafter.paged(self.pages(), self.sequences)
    }

    /// A scheduler with pages for all sequences.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub(super) fn scheduler(&self, loaded: &Loaded) -> Result<Scheduler<Paged>, Failure> {
        let pages = self.pages();
        fits(loaded, self.sequences, pages)?;
        let capacity = self.capacity().min(loaded.text.context);
        let paged = Paged::new(&loaded.model, capacity, pages, self.sequences).map_err(fault)?;
        let limits = Limits {
            step_tokens: self.prefill_chunk,
            running: self.sequences,
            queued: self.sequences,
            // Every repetition computes all of its prompts.
            prefix_reuse: false,
            prompts_first: true,
        };
        Ok(Scheduler::new(paged, limits))
    }

    /// Seconds for all prompts with the first token of each answer, and for all tokens after.
    ///
    /// # Errors
    /// The model's error.
    pub(super) fn timed(&self, scheduler: &mut Scheduler<Paged>) -> Result<(f64, f64), Failure> {
        let vocabulary = scheduler.model().vocabulary();
        let all = tokens(self.sequences * self.prompt, vocabulary);
        for prompt in all.chunks(self.prompt) {
            let request = Request {
                prompt: prompt.to_vec(),
                parameters: Parameters::greedy(),
                // Every sequence generates as much as was asked for.
                end_tokens: BTreeSet::new(),
                max_tokens: Some(self.generate + 1),
                prefill_chunk: self.prefill_chunk,
                all_logits: false,
            };
            let taken = scheduler.submit(Job::new(request), Duration::ZERO);
            taken.map_err(|refusal| Failure::Other(refusal.to_string()))?;
        }
        let started = Instant::now();
        let (mut answering, mut prefill) = (BTreeSet::new(), 0.0);
        while !scheduler.is_idle() {
            let before = Instant::now();
            let updates = scheduler.step(Duration::ZERO);
            scheduler.record_time(before.elapsed().as_secs_f64());
            for update in updates {
                match update.event {
                    Event::Token(_) => answering.insert(update.key),
                    Event::Failed(failure) => return Err(Failure::Other(failure.to_string())),
                    _ => false,
                };
            }
            if prefill == 0.0 && answering.len() == self.sequences {
                prefill = started.elapsed().as_secs_f64();
            }
        }
        Ok((prefill, started.elapsed().as_secs_f64() - prefill))
    }
}
