//! Rotations by metadata.

use crate::arch::{RopeFactors, Windows};
use crate::config::Mixer;
use crate::error::Error;
use crate::keys::Keys;
use crate::rope::{Rope, Scaling, Yarn};

/// Base where the file names none.
const DEFAULT_BASE: f32 = 10_000.0;
/// Bounds of YaRN's ramp where the file names none (arXiv 2309.00071, section 3.2).
const DEFAULT_BETAS: (f32, f32) = (32.0, 1.0);
/// Largest factor by which a context is extended.
const MAX_FACTOR: f32 = 1e6;

/// The rotations of a model: the one of layers that see all positions, then that of local layers if they differ.
pub(super) fn read(
    keys: &Keys<'_, '_>,
    windows: &Windows,
    key_size: usize,
    original_context: usize,
) -> Result<Vec<Rope>, Error> {
    let rotated = keys.size("rope.dimension_count", 2, key_size)?.unwrap_or(key_size);
    if !rotated.is_multiple_of(2) {
        return Err(
            keys.bad("rope.dimension_count", format!("makes {rotated} elements rotate in pairs, but it is odd"))
        );
    }
    let base = f64::from(keys.number("rope.freq_base", 1.0, f32::MAX)?.unwrap_or(DEFAULT_BASE));
    let magnitude = f64::from(keys.number("rope.scaling.attn_factor", 1e-3, 1e3)?.unwrap_or(1.0));
    let scaling = scaling(keys, base, original_context)?;
    let mut ropes = vec![Rope { rotated, base, scaling, magnitude }];
    if let Windows::AllButLastOf { rope_base, .. } = *windows {
        let base = keys.number("rope.freq_base_swa", 1.0, f32::MAX)?.map_or(rope_base, f64::from);
        ropes.push(Rope { rotated, base, scaling: Scaling::None, magnitude });
    }
    Ok(ropes)
}

fn scaling(keys: &Keys<'_, '_>, base: f64, original_context: usize) -> Result<Scaling, Error> {
    const TYPE: &str = "rope.scaling.type";
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
        ("longrope", None | Some(1.0)) if has_factors(keys) => Ok(Scaling::None),
        (other, _) => Err(keys.bad(TYPE, format!("is `{}`, which is not supported here", crate::keys::shown(other)))),
    }
}

fn has_factors(keys: &Keys<'_, '_>) -> bool {
    let Mixer::GroupedQuery(mixer) = keys.arch.mixer;
    mixer.rope_factors == RopeFactors::ShortAndLong
}

fn yarn(keys: &Keys<'_, '_>, base: f64, factor: f64, original_context: usize) -> Result<Yarn, Error> {
    if factor < 1.0 {
        return Err(keys.bad("rope.scaling.factor", format!("is {factor}, but YaRN only stretches")));
    }
    if base <= 1.0 {
        return Err(keys.bad("rope.freq_base", format!("is {base}, but YaRN needs more than 1")));
    }
    let number = |key, default| keys.number(key, 1e-3, 1e6).map(|value| f64::from(value.unwrap_or(default)));
    Ok(Yarn {
        factor,
        original_context: original_context as f64,
        beta_fast: number("rope.scaling.yarn_beta_fast", DEFAULT_BETAS.0)?,
        beta_slow: number("rope.scaling.yarn_beta_slow", DEFAULT_BETAS.1)?,
        extrapolation: f64::from(keys.number("rope.scaling.yarn_ext_factor", 0.0, 1.0)?.unwrap_or(1.0)),
    })
}
