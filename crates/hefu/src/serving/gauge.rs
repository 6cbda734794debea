//! What the steps of one token take on a model that is served, and which share of the machine's limits they reach.

use crate::gap::ceilings::MOST_BYTES;
use crate::gap::measure::{Load, measure};
use crate::gap::peaks;
use crate::gap::placed::placed;
use crate::gap::report::{PartOf, Phase, TOLERANCE};
use crate::memory::available_memory;
use crate::units;
use hefu_cpu::Pool;
use hefu_numerics::device::{Model, Size};
use hefu_numerics::team::Team;
use hefu_server::catalog::Gauge;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// One short text, continued: long enough for a figure, short enough that nobody minds.
const LOAD: Load =
    Load { prompt: 32, chunk: 32, steps: 16, sequences: 1, enough: Duration::from_secs(3), most_rounds: 3 };

/// A model on the threads that it is served with.
pub(super) struct ModelGauge {
    pub(super) model: Model,
    pub(super) pool: Arc<Pool>,
    /// Name of the instruction set in use.
    pub(super) isa: &'static str,
}

impl ModelGauge {
    /// `None` where the limits of what computes cannot be measured, or the model was made for less than is measured.
    pub(super) fn of(model: &Model, pool: &Arc<Pool>, isa: &'static str, context: usize) -> Option<Arc<dyn Gauge>> {
        (peaks(isa).is_some() && context >= LOAD.positions())
            .then(|| Arc::new(Self { model: model.clone(), pool: Arc::clone(pool), isa }) as Arc<dyn Gauge>)
    }

    /// As many bytes as the model has are read beside it, and it has a cache of its own.
    fn fits(&self) -> Result<(), String> {
        let size = Size::new(&self.model.program, LOAD.pages(), LOAD.sequences);
        let states = self.model.footprint(&size).map_or(u64::MAX, |taken| taken.states as u64);
        let needed = states.saturating_add(MOST_BYTES.min(self.model.weights.bytes() as u64));
        let available = available_memory().unwrap_or(u64::MAX);
        if needed <= available {
            return Ok(());
        }
        let (needed, available) = (units::bytes(needed), units::bytes(available));
        Err(format!("{needed} are needed to measure, but only {available} of memory are available"))
    }
}

impl Gauge for ModelGauge {
    fn decode(&self, goes_on: &dyn Fn() -> bool) -> Result<Option<Value>, String> {
        self.fits()?;
        let devices = placed(&self.model);
        let rounds = measure(&self.model, &devices, LOAD, &mut |_| goes_on()).map_err(|failure| failure.to_string())?;
        let parts: Vec<PartOf> = devices.iter().map(PartOf::new).collect();
        let Some(phase) = rounds.and_then(|rounds| Phase::decode(&rounds, LOAD.steps, LOAD.sequences, &parts)) else {
            return Ok(None);
        };
        let about = json!({
            "isa": self.isa,
            "threads": self.pool.threads(),
            "prompt": LOAD.prompt,
            "tolerance": TOLERANCE,
            "faults": phase.faults(),
        });
        let limits = json!(phase.limits.first());
        let phase = serde_json::to_value(&phase).map_err(|error| error.to_string())?;
        let (Value::Object(mut all), Value::Object(phase)) = (about, phase) else { return Ok(None) };
        all.extend(phase);
        // One device computes it: an instruction set.
        all.insert("limits".to_owned(), limits);
        Ok(Some(Value::Object(all)))
    }
}
