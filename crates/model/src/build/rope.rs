//! Rotations by metadata.

use hefu_numerics::rope::Frequencies;

use super::Builder;
use super::keys::{Keys, shown};
use super::limits::MAX_CONTEXT;
use crate::error::Error;
use crate::rope::{Rope, Scaling, Yarn};

/// Base where the file names none.
const DEFAULT_BASE: f32 = 10_000.0;
/// Bounds of YaRN's ramp where the file names none (arXiv 2309.00071, section 3.2).
const DEFAULT_BETAS: (f32, f32) = (32.0, 1.0);
/// Largest factor by which a context is extended.
const MAX_FACTOR: f32 = 1e6;
/// Largest divisor of a frequency: with one so large, a pair as good as stands still.
const MAX_DIVISOR: f32 = 1e30;
/// The line of the fingerprint by which factors for long contexts are told from those for short ones.
const LONG_VARIANT: &str = "rope long";

/// Tensors that divide the rotation's frequencies, one number per pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RopeFactors {
    /// No such tensor.
    None,
    /// `rope_freqs.weight`, if the file has it (Llama 3.1's scaling, worked out by whoever made the file).
    Frequencies,
    /// `rope_factors_short.weight` where the run's context is at most the original one, else
    /// `rope_factors_long.weight`, if the file has them (LongRoPE, arXiv 2402.13753).
    ShortAndLong,
}

impl Builder<'_, '_> {
    /// The rotation of heads of so many elements, with the file's scaling and factors.
    pub(crate) fn rope(&mut self, head: usize, factors: RopeFactors) -> Result<Frequencies, Error> {
        let rope = self.rope_by_keys(head, factors == RopeFactors::ShortAndLong)?;
        let factors = self.factors(factors, rope.rotated / 2)?;
        Ok(rope.frequencies(factors.as_deref()))
    }

    /// The same, where a file may have a multiplier of the temperature that YaRN adds to the scores, and which is taken out of
    /// the magnitude again.
    pub(crate) fn rope_with_multiplier(&mut self, head: usize, factors: RopeFactors) -> Result<Frequencies, Error> {
        let mut frequencies = self.rope(head, factors)?;
        let multiplier = self.keys.number("rope.scaling.yarn_log_multiplier", 0.0, 10.0)?.unwrap_or(0.0);
        if let (Scaling::Yarn(yarn), true) = (self.rope_by_keys(head, false)?.scaling, multiplier > 0.0) {
            frequencies.magnitude /= 0.1 * f64::from(multiplier) * libm::log(yarn.factor) + 1.0;
        }
        Ok(frequencies)
    }

    /// The rotation of local layers: with a base of its own, and no scaling.
    pub(crate) fn local_rope(&mut self, head: usize, default_base: f64) -> Result<Frequencies, Error> {
        let base = self.keys.number("rope.freq_base_swa", 1.0, f32::MAX)?.map_or(default_base, f64::from);
        let global = self.rope_by_keys(head, false)?;
        Ok(Rope { base, scaling: Scaling::None, ..global }.frequencies(None))
    }

    /// The rotation as the metadata describe it. `has_factors`: LongRoPE's tensors are read.
    pub(crate) fn rope_by_keys(&mut self, head: usize, has_factors: bool) -> Result<Rope, Error> {
        let original_context = self.original_context()?;
        let keys = &mut self.keys;
        let rotated = keys.size("rope.dimension_count", 2, head)?.unwrap_or(head);
        if !rotated.is_multiple_of(2) {
            return Err(
                keys.bad("rope.dimension_count", format!("makes {rotated} elements rotate in pairs, but it is odd"))
            );
        }
        let base = f64::from(keys.number("rope.freq_base", 1.0, f32::MAX)?.unwrap_or(DEFAULT_BASE));
        let magnitude = f64::from(keys.number("rope.scaling.attn_factor", 1e-3, 1e3)?.unwrap_or(1.0));
        let scaling = scaling(keys, base, original_context, has_factors)?;
        Ok(Rope { rotated, base, scaling, magnitude })
    }

    /// Positions before the context was extended.
    fn original_context(&mut self) -> Result<usize, Error> {
        let original = self.keys.size("rope.scaling.original_context_length", 1, MAX_CONTEXT)?;
        Ok(original.unwrap_or(self.context_length))
    }

    fn factors(&mut self, factors: RopeFactors, pairs: usize) -> Result<Option<Vec<f32>>, Error> {
        match factors {
            RopeFactors::None => Ok(None),
            RopeFactors::Frequencies => Ok(self.factors_of("rope_freqs.weight", pairs)),
            RopeFactors::ShortAndLong => {
                let short = self.factors_of("rope_factors_short.weight", pairs);
                let long = self.factors_of("rope_factors_long.weight", pairs);
                let is_long = self.program.context > self.original_context()?;
                if is_long {
                    self.program.variants.push(LONG_VARIANT.to_owned());
                }
                Ok(if is_long { long } else { short })
            }
        }
    }

    fn factors_of(&mut self, name: &str, pairs: usize) -> Option<Vec<f32>> {
        let factors = self.tensors.numbers(name, pairs)?;
        match factors.iter().find(|factor| !(1e-6..=MAX_DIVISOR).contains(*factor)) {
            Some(bad) => {
                let problem = format!("holds {bad} as a factor");
                self.tensors.fail(Error::BadTensor { name: name.into(), problem })
            }
            None => Some(factors),
        }
    }
}

fn scaling(keys: &mut Keys<'_, '_>, base: f64, original_context: usize, has_factors: bool) -> Result<Scaling, Error> {
    const TYPE: &str = "rope.scaling.type";
    keys.know(&[
        "rope.scale_linear",
        "rope.scaling.yarn_attn_factor",
        "rope.scaling.yarn_beta_fast",
        "rope.scaling.yarn_beta_slow",
        "rope.scaling.yarn_ext_factor",
    ]);
    let factor = match keys.number("rope.scaling.factor", 0.0, MAX_FACTOR)? {
        Some(factor) => Some(factor),
        None => keys.number("rope.scale_linear", 0.0, MAX_FACTOR)?,
    };
    // Some files say 0 where they mean none.
    let factor = factor.filter(|factor| *factor > 0.0).map(f64::from);
    match (keys.string(TYPE)?.unwrap_or("linear"), factor) {
        ("none", _) => Ok(Scaling::None),
        ("linear", None | Some(1.0)) => Ok(Scaling::None),
        ("linear", Some(factor)) => Ok(Scaling::Linear(factor)),
        ("yarn", Some(factor)) => yarn(keys, base, factor, original_context).map(Scaling::Yarn),
        ("yarn", None) => Err(keys.bad("rope.scaling.factor", "is missing, but YaRN needs it".into())),
        // All that it does is in the factors' tensors and in `attn_factor`.
        ("longrope", None | Some(1.0)) if has_factors => Ok(Scaling::None),
        (other, _) => Err(keys.bad(TYPE, format!("is `{}`, which is not supported here", shown(other)))),
    }
}

fn yarn(keys: &mut Keys<'_, '_>, base: f64, factor: f64, original_context: usize) -> Result<Yarn, Error> {
    if factor < 1.0 {
        return Err(keys.bad("rope.scaling.factor", format!("is {factor}, but YaRN only stretches")));
    }
    if base <= 1.0 {
        return Err(keys.bad("rope.freq_base", format!("is {base}, but YaRN needs more than 1")));
    }
    let mut number = |key, default| keys.number(key, 1e-3, 1e6).map(|value| f64::from(value.unwrap_or(default)));
    Ok(Yarn {
        factor,
        original_context: original_context as f64,
        beta_fast: number("rope.scaling.yarn_beta_fast", DEFAULT_BETAS.0)?,
        beta_slow: number("rope.scaling.yarn_beta_slow", DEFAULT_BETAS.1)?,
        magnitude: keys.number("rope.scaling.yarn_attn_factor", 1e-3, 1e3)?.map(f64::from),
        extrapolation: f64::from(keys.number("rope.scaling.yarn_ext_factor", 0.0, 1.0)?.unwrap_or(1.0)),
    })
}
