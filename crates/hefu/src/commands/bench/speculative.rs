//! One answer with guesses.

use super::tokens;
use crate::failure::Failure;
use crate::load::Loaded;
use crate::speculation::Speculator;
use hefu_engine::Runner;
use hefu_engine::forward::Session;
use hefu_engine::generation::{Generation, Request, Step};
use hefu_engine::sampling::Parameters;
use std::collections::BTreeSet;
use std::time::Instant;

/// Seconds for a prompt with the first token of its answer, and for the `generate` tokens after, which are the
/// likeliest ones.
///
/// # Errors
/// What the model reports.
pub(super) fn timed(
    loaded: &Loaded,
    session: &mut Session<Runner<'_>>,
    speculator: &mut Speculator<'_>,
    (prompt, generate): (usize, usize),
    prefill_chunk: usize,
) -> Result<(f64, f64), Failure> {
    let request = Request {
        prompt: tokens(prompt.max(1), loaded.model.config().vocabulary),
        parameters: Parameters::greedy(),
        end_tokens: BTreeSet::new(),
        max_tokens: Some(generate + 1),
        prefill_chunk,
        all_logits: false,
    };
    let failed = |error: &dyn std::error::Error| Failure::Other(error.to_string());
    session.truncate(0);
    speculator.gauge.reset_counts();
    let started = Instant::now();
    let mut generation = Generation::start(session, request).map_err(|error| failed(&error))?;
    if let Some(drafter) = &mut speculator.drafter {
        generation = generation.speculating(drafter.as_mut(), &mut speculator.gauge);
    }
    let mut prefill = None;
    loop {
        let before = Instant::now();
        let step = generation.step().map_err(|error| failed(&error))?;
        generation.took(before.elapsed().as_secs_f64());
        let elapsed = started.elapsed().as_secs_f64();
        match step {
            Step::Prefill { .. } => {}
            Step::Token(_) => prefill = prefill.or(Some(elapsed)),
            Step::Finished(_) => {
                let prefill = prefill.unwrap_or(elapsed);
                return Ok((prefill, elapsed - prefill));
            }
        }
    }
}
