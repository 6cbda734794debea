//! Questions asked of a model in memory.

use crate::commands::bench::fits;
use crate::failure::Failure;
use crate::load::Loaded;
use hefu_engine::scheduler::{Limits, Paged, Scheduler};
use hefu_eval::work::Work;
use hefu_eval::{Error, Part, drive};
use hefu_numerics::kv::PAGE;

/// Contexts that the cache holds.
const CONTEXTS: usize = 2;
/// Jobs that may wait: more than the questions that are open at once can have texts.
const QUEUED: usize = 1 << 24;

/// A question, or its second part, for a number.
pub(crate) type Next<'a> = dyn FnMut() -> Result<Option<(usize, Work)>, Asking> + 'a;

/// Reason why asking ended early.
#[derive(Debug)]
pub(crate) struct Asking(pub(crate) Failure);

impl From<Error> for Asking {
    fn from(Error(sentence): Error) -> Self {
        Self(Failure::Other(sentence))
    }
}

impl From<Failure> for Asking {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// Asks everything that `next` gives, `parallel` texts at once, and hands each outcome to `done`.
///
/// # Errors
/// Errors of the model, `next` and `done`, and memory that there is not.
pub(crate) fn ask(
    loaded: &Loaded,
    parallel: usize,
    prefill_chunk: usize,
    next: &mut Next<'_>,
    done: &mut dyn FnMut(usize, Part) -> Result<(), Asking>,
) -> Result<(), Failure> {
    let pages = loaded.text.context.div_ceil(PAGE).saturating_mul(CONTEXTS);
    fits(loaded, parallel, pages)?;
    let paged = Paged::new(&loaded.model, loaded.text.context, pages, parallel);
    let paged = paged.map_err(|error| Failure::Other(error.to_string()))?;
    let limits = Limits {
        step_tokens: prefill_chunk,
        running: parallel,
        queued: QUEUED,
        prefix_reuse: true,
        prompts_first: true,
    };
    let mut scheduler = Scheduler::new(paged, limits);
    drive(&mut scheduler, &loaded.text, parallel, next, done).map_err(|Asking(failure)| failure)
}
