//! Which layers see only the latest positions.

use super::{LayerConfig, MAX_CONTEXT, MAX_LAYERS};
use crate::arch::Windows;
use crate::error::Error;
use crate::gguf::{Kind, Value};
use crate::keys::Keys;

const WINDOW: &str = "attention.sliding_window";
const PATTERN: &str = "attention.sliding_window_pattern";

/// The layers of a model with `ropes` rotations, the second of which is that of local layers.
pub(super) fn read(
    keys: &Keys<'_, '_>,
    windows: &Windows,
    layers: usize,
    ropes: usize,
) -> Result<Vec<LayerConfig>, Error> {
    // Some files say 0 where they mean none.
    let window = keys.size(WINDOW, 0, MAX_CONTEXT)?.filter(|window| *window > 0);
    let is_local: Vec<bool> = match *windows {
        Windows::None => vec![false; layers],
        Windows::All => vec![true; layers],
        Windows::AllButLastOf { period, .. } => pattern(keys, period, layers)?,
    };
    let layer = |is_local: bool| match window {
        Some(window) if is_local => LayerConfig { window: Some(window), rope: ropes - 1 },
        _ => LayerConfig { window: None, rope: 0 },
    };
    Ok(is_local.into_iter().map(layer).collect())
}

/// Which layers are local: as the file lists them, or all but the last of every so many.
fn pattern(keys: &Keys<'_, '_>, period: usize, layers: usize) -> Result<Vec<bool>, Error> {
    let Some(Value::Array(array)) = keys.value(PATTERN) else {
        let period = keys.size(PATTERN, 1, MAX_LAYERS)?.unwrap_or(period);
        return Ok((0..layers).map(|layer| layer % period < period - 1).collect());
    };
    if array.kind() != Kind::Bool || array.len() != layers {
        let problem = format!("is an array of {} {:?}, but {layers} Bool are needed", array.len(), array.kind());
        return Err(keys.bad(PATTERN, problem));
    }
    Ok(array.iter().map(|value| value.boolean() == Some(true)).collect())
}
