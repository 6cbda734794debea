//! The choice of the next token, the same on every machine.
//!
//! `docs/readers/sampling.md` defines every step, clause by clause; the clauses are named here as S1, S2 and so on. Everything is
//! a pure function of the logits, the tokens so far, the settings and the position: there is no generator that moves on
//! and no clock, so the choices of a finished answer can be made again in any order.
//!
//! The life of a choice: the logits are checked (S1), changed by bias and penalties (S7 to S10), narrowed down by the
//! samplers that remove tokens (S11 to S15), and one of the rest is drawn (S16).

mod adjust;
mod arithmetic;
mod breakers;
mod candidates;
mod chain;
mod dry;
mod error;
mod explain;
mod history;
mod logit;
mod logprobs;
mod mask;
mod parameters;
mod random;
#[cfg(test)]
mod tests;

pub use breakers::{Breakers, MAX_BREAKER_LENGTH, MAX_BREAKERS};
pub use error::{Error, Violation};
pub use explain::{Candidate, Draw, Explanation, Stage, Stretch, explain};
pub use history::History;
pub use mask::TokenMask;
pub use parameters::{
    Dry, MAX_ADDITIVE_PENALTY, MAX_BIAS, MAX_DRY, MAX_LISTED_TOKENS, MAX_LOGPROBS, MAX_REPETITION_PENALTY,
    MAX_TEMPERATURE, Parameters, Xtc,
};

use candidates::Candidates;

/// Most logits in one call: with more, a sum of weights (clause S4) could leave 64 bits.
pub const MAX_VOCABULARY: usize = 1 << 22;

/// Most tokens that an explanation shows of each stage.
pub const MAX_EXPLAINED: usize = 1000;

/// Logits that are compared side by side while the greatest is looked for.
const LANES: usize = 16;

/// Logits of a stretch: few enough to be gone through once more.
const STRETCH: usize = 1024;

/// The chosen token.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub id: u32,
    /// Natural logarithm of the token's probability in the model's own distribution, which is the log-softmax of the
    /// logits before bias, penalties, temperature and every other sampler; `None` unless the settings ask for it.
    pub logprob: Option<f32>,
    /// (token id, log-probability) of the likeliest tokens of that same distribution, best first, as many as the
    /// settings ask for.
    pub top: Vec<(u32, f32)>,
}

/// Memory that is used again from token to token. It carries nothing from one choice to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    adjust: adjust::Buffers,
    candidates: Candidates,
}

/// Chooses the token at `position` (the number of tokens before it in the sequence).
///
/// `logits` holds one number for each token id; minus infinity means that the model rules the token out. `history` is the
/// prompt and the answer so far; token ids in it that the vocabulary lacks are passed over.
///
/// # Errors
/// A logit that is NaN or plus infinity, an empty or too large vocabulary, a setting outside its range or naming an
/// unknown token, or no token left to choose.
pub fn sample(
    logits: &[f32],
    history: &History,
    parameters: &Parameters,
    position: u64,
    scratch: &mut Scratch,
) -> Result<Choice, Error> {
    sample_allowed(logits, history, parameters, None, position, scratch)
}

/// As [`sample`], with only the tokens of `allowed` in the running, as a grammar asks for.
///
/// # Errors
/// As [`sample`].
pub fn sample_allowed(
    logits: &[f32],
    history: &History,
    parameters: &Parameters,
    allowed: Option<&TokenMask>,
    position: u64,
    scratch: &mut Scratch,
) -> Result<Choice, Error> {
    parameters.validate()?;
    let greatest = check_logits(logits)?;
    parameters.validate_tokens(logits.len())?;

    let adjusted = adjust::adjust(logits, history, parameters, allowed, &mut scratch.adjust);
    let id = if parameters.temperature != 0.0 {
        chain::choose(adjusted, parameters, position, &mut scratch.candidates)
    } else if std::ptr::eq(adjusted, logits) {
        greatest
    } else {
        look_through(adjusted).greatest
    };
    let id = id.ok_or(Error::NoCandidates)?;
    Ok(with_logprobs(logits, id, parameters.logprobs, scratch))
}

/// The token `id` as the choice, whatever the logits say, with its log-probability and those of so many of the likeliest
/// tokens, if any are wanted.
///
/// # Errors
/// A logit that is NaN or plus infinity, or an empty or too large vocabulary.
pub(crate) fn given(logits: &[f32], id: u32, count: Option<u32>, scratch: &mut Scratch) -> Result<Choice, Error> {
    check_logits(logits)?;
    Ok(with_logprobs(logits, id, count, scratch))
}

fn with_logprobs(logits: &[f32], id: u32, count: Option<u32>, scratch: &mut Scratch) -> Choice {
    let (logprob, top) = match count {
        Some(count) => logprobs::logprobs(logits, id, count, &mut scratch.candidates),
        None => (None, Vec::new()),
    };
    Choice { id, logprob, top }
}

/// Clause S1; the lowest token id among those with the greatest logit (clause S16), `None` if all are minus infinity.
fn check_logits(logits: &[f32]) -> Result<Option<u32>, Error> {
    if logits.is_empty() {
        return Err(Error::EmptyVocabulary);
    }
    if logits.len() > MAX_VOCABULARY {
        return Err(Error::VocabularyTooLarge { found: logits.len(), limit: MAX_VOCABULARY });
    }
    let seen = look_through(logits);
    if seen.are_good {
        return Ok(seen.greatest);
    }
    match (0_u32..).zip(logits).find(|(_, logit)| !is_good(**logit)) {
        Some((id, logit)) if logit.is_nan() => Err(Error::NotANumber { id }),
        Some((id, _)) => Err(Error::Infinite { id }),
        None => Ok(seen.greatest),
    }
}

/// Neither a NaN nor plus infinity.
fn is_good(logit: f32) -> bool {
    logit < f32::INFINITY
}

/// Findings of one pass over logits.
struct Seen {
    are_good: bool,
    /// The lowest token id among those with the greatest logit; `None` if all are minus infinity.
    greatest: Option<u32>,
}

/// Goes once through logits, which may no longer be in any cache: the greatest of each stretch, then its place in the
/// first stretch that has it.
fn look_through(logits: &[f32]) -> Seen {
    let (mut are_good, mut greatest, mut stretch) = (true, f32::NEG_INFINITY, None);
    for (index, some) in logits.chunks(STRETCH).enumerate() {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let (groups, rest) = some.as_chunks::<LANES>();
        for group in groups {
            for (lane, &logit) in lanes.iter_mut().zip(group) {
                are_good &= is_good(logit);
                *lane = if logit > *lane { logit } else { *lane };
            }
        }
        for (lane, &logit) in lanes.iter_mut().zip(rest) {
            are_good &= is_good(logit);
            *lane = if logit > *lane { logit } else { *lane };
        }
        let most = lanes.into_iter().fold(f32::NEG_INFINITY, |most, lane| if lane > most { lane } else { most });
        if most > greatest {
            (greatest, stretch) = (most, Some(index * STRETCH));
        }
    }
    let place = |first: usize| logits.get(first..)?.iter().position(|&logit| logit == greatest).map(|at| first + at);
    Seen { are_good, greatest: stretch.and_then(place).and_then(|at| u32::try_from(at).ok()) }
}
