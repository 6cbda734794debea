//! Which layers see only the latest positions.

use super::Builder;
use super::limits::{MAX_CONTEXT, MAX_LAYERS};
use crate::error::Error;
use crate::gguf::Value;

const WINDOW: &str = "attention.sliding_window";
const PATTERN: &str = "attention.sliding_window_pattern";

impl Builder<'_, '_> {
    /// Positions that a local layer sees, if the file has local layers.
    pub(crate) fn window(&mut self) -> Result<Option<usize>, Error> {
        // Some files say 0 where they mean none.
        Ok(self.keys.size(WINDOW, 0, MAX_CONTEXT)?.filter(|window| *window > 0))
    }

    /// The window of each layer: as the file lists local layers, or all but the last of every `period`, which the file may
    /// say too.
    pub(crate) fn windows(&mut self, period: usize) -> Result<Vec<Option<usize>>, Error> {
        self.windows_of(period, None)
    }

    /// The same, with a window where the file has none.
    pub(crate) fn windows_of(&mut self, period: usize, default: Option<usize>) -> Result<Vec<Option<usize>>, Error> {
        let (window, layers) = (self.window()?.or(default), self.layers);
        let of = |is_local: bool| window.filter(|_| is_local);
        if let Some(Value::Array(_)) = self.keys.value(PATTERN) {
            let is_local = self.keys.booleans(PATTERN, layers)?.unwrap_or_default();
            return Ok(is_local.into_iter().map(of).collect());
        }
        let period = self.keys.size(PATTERN, 1, MAX_LAYERS)?.unwrap_or(period);
        Ok((0..layers).map(|layer| of(layer % period < period - 1)).collect())
    }
}
