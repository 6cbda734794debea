//! Many sequences at once: what a server would do with requests that all came at the same time.

use super::{fault, tokens};
use crate::failure::Failure;
use crate::load::{Loaded, available_memory};
use crate::units;
use hefu_engine::generation::{Request, Step};
use hefu_engine::group::{Group, Paged};
use hefu_engine::sampling::Parameters;
use hefu_numerics::kv::PAGE;
use std::collections::BTreeSet;
use std::time::Instant;

/// Most sequences at once.
pub(super) const MAX_PARALLEL: u64 = 1024;

/// What is measured.
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

    /// An empty group with pages for all sequences.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub(super) fn group<'m>(&self, loaded: &'m Loaded) -> Result<Group<Paged<'m>>, Failure> {
        let pages = self.sequences.saturating_mul(self.capacity().div_ceil(PAGE));
        let bytes = loaded.model.config().cache_bytes(pages.saturating_mul(PAGE)).unwrap_or(usize::MAX) as u64;
        let available = available_memory().unwrap_or(u64::MAX);
        if bytes > available {
            return Err(Failure::Other(format!(
                "{} are needed for the cache of {} sequences, but only {} of memory are available; give a smaller \
                 --parallel, --prompt or --generate",
                units::bytes(bytes),
                self.sequences,
                units::bytes(available)
            )));
        }
        let paged = Paged::new(&loaded.model, &*loaded.pool, self.capacity(), pages);
        paged.map(Group::new).map_err(fault)
    }

    /// Seconds for all prompts with the first token of each answer, and for all tokens after.
    ///
    /// # Errors
    /// What the model reports.
    pub(super) fn timed(&self, group: &mut Group<Paged<'_>>) -> Result<(f64, f64), Failure> {
        let failed = |error: &dyn std::error::Error| Failure::Other(error.to_string());
        let vocabulary = hefu_engine::group::ForwardMany::vocabulary(group.model());
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
            group.join(request).map_err(|error| failed(&error))?;
        }
        let started = Instant::now();
        let mut answering = 0;
        while answering < self.sequences {
            let events = group.prefill(self.prefill_chunk).map_err(|error| failed(&error))?;
            for event in events {
                if let Step::Token(_) = event.step.map_err(|error| failed(&error))? {
                    answering += 1;
                }
            }
        }
        let prefill = started.elapsed().as_secs_f64();
        while !group.is_empty() {
            let events = group.step(self.prefill_chunk).map_err(|error| failed(&error))?;
            events.into_iter().try_for_each(|event| event.step.map(|_| ()).map_err(|error| failed(&error)))?;
        }
        Ok((prefill, started.elapsed().as_secs_f64() - prefill))
    }
}
