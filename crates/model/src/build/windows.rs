//! Layers that see only the latest positions.

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
        let is_local = self.local_layers(period, |layer, period| layer % period < period - 1)?;
        let window = self.window()?.or(default);
        Ok(is_local.into_iter().map(|is_local| window.filter(|_| is_local)).collect())
    }

    /// Windows of texts that are read as a whole: all but the first or the last of every `period` layers have one, or those that
    /// the file lists. Files count the positions of both sides together, a window those of one side.
    pub(crate) fn windows_around(&mut self, period: usize, last_is_global: bool) -> Result<Vec<Option<usize>>, Error> {
        let global = |period: usize| if last_is_global { period - 1 } else { 0 };
        let is_local = self.local_layers(period, |layer, period| layer % period != global(period))?;
        let window = self.window()?.map(|both| both / 2);
        Ok(is_local.into_iter().map(|is_local| window.filter(|_| is_local)).collect())
    }

    /// Layers that are local: as the file lists them, or by a rule of their period.
    fn local_layers(&mut self, period: usize, is_local: impl Fn(usize, usize) -> bool) -> Result<Vec<bool>, Error> {
        let layers = self.layers;
        if let Some(Value::Array(_)) = self.keys.value(PATTERN) {
            return Ok(self.keys.booleans(PATTERN, layers)?.unwrap_or_default());
        }
        let period = self.keys.size(PATTERN, 1, MAX_LAYERS)?.unwrap_or(period);
        Ok((0..layers).map(|layer| is_local(layer, period)).collect())
    }
}
