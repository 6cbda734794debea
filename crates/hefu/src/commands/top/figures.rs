//! From two moments to what is shown: counts as they stand, rates and percentiles of the time between.

use super::histogram::Histogram;
use super::snapshot::{Answered, LATENCIES, Model, Slot, Snapshot};
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures that are shown, and the shape of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    /// The server.
    pub(super) url: String,
    /// The time over which rates are taken, in seconds.
    pub(super) seconds: f64,
    /// Answers that are being computed, over all models.
    pub(super) running: u64,
    /// Answers that wait.
    pub(super) waiting: u64,
    /// Requests since the server's start, by how they ended.
    pub(super) answered: Requests,
    /// Every model that the server has had in memory.
    pub(super) models: Vec<ModelFigures>,
}

/// Requests since the server's start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Requests {
    /// Answered.
    pub(super) well: u64,
    /// Refused for what they ask.
    pub(super) wrongly_asked: u64,
    /// Refused because the queue was full.
    pub(super) busy: u64,
    /// Failed.
    pub(super) failed: u64,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ModelFigures {
    pub(super) model: String,
    /// True if it is in memory.
    pub(super) loaded: bool,
    pub(super) memory_bytes: u64,
    pub(super) running: u64,
    pub(super) waiting: u64,
    pub(super) interruptions: u64,
    pub(super) tokens_per_second: Rates,
    pub(super) cache: Cache,
    pub(super) last_step: Step,
    /// True if the latencies are those of the last minute, and not all since the start because there was none.
    pub(super) latencies_are_recent: bool,
    /// By name, in seconds.
    pub(super) latency_seconds: BTreeMap<&'static str, Percentiles>,
}

/// Tokens per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Rates {
    /// Of answers.
    pub(super) answers: f64,
    /// Of prompts, without those that the cache held.
    pub(super) prompts: f64,
}

/// The cache, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cache {
    pub(super) pages: u64,
    /// Held by running answers.
    pub(super) used: u64,
    /// Kept for prompts to come.
    pub(super) kept: u64,
    /// The share of prompt tokens since the model was loaded that the cache held; `None` before the first prompt.
    pub(super) hit_share: Option<f64>,
}

/// The last forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) requests: u64,
    pub(super) tokens: u64,
}

/// Percentiles in seconds; `None` before the first observation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) count: u64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// Figures of `now`: rates since `before`, percentiles since `window` where something was observed since then.
pub(super) fn figures(url: &str, now: &Snapshot, before: &Snapshot, window: &Snapshot, seconds: f64) -> Figures {
    let of = |snapshot: &Snapshot, name: &str| snapshot.models.get(name).cloned().unwrap_or_default();
    let models: Vec<_> = now
        .models
        .iter()
        .map(|(name, model)| of_model(name, model, &of(before, name), &of(window, name), seconds))
        .collect();
    Figures {
        url: url.to_owned(),
        seconds,
        running: models.iter().map(|model| model.running).sum(),
        waiting: models.iter().map(|model| model.waiting).sum(),
        answered: requests(now.answered),
        models,
    }
}

fn of_model(name: &str, now: &Model, before: &Model, window: &Model, seconds: f64) -> ModelFigures {
    let slot = now.slot.clone().unwrap_or_default();
    let earlier = before.slot.clone().unwrap_or_default();
    let (recent, latency_seconds) = latencies(now, window);
    let known = slot.prompt_tokens.computed + slot.prompt_tokens.reused;
    ModelFigures {
        model: name.to_owned(),
        loaded: now.slot.is_some(),
        memory_bytes: whole(now.memory),
        running: slot.running,
        waiting: slot.waiting,
        interruptions: slot.interruptions,
        tokens_per_second: rates(&slot, &earlier, seconds),
        cache: Cache {
            pages: slot.pages.all,
            used: slot.pages.used,
            kept: slot.pages.cached,
            hit_share: (known > 0).then(|| slot.prompt_tokens.reused as f64 / known as f64),
        },
        last_step: Step { requests: slot.last_step.requests, tokens: slot.last_step.tokens },
        latencies_are_recent: recent,
        latency_seconds,
    }
}

/// Rates between two moments; 0 if the model was loaded anew between them.
fn rates(now: &Slot, before: &Slot, seconds: f64) -> Rates {
    let rate = |now: u64, before: u64| if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 };
    Rates {
        answers: rate(now.answer_tokens, before.answer_tokens),
        prompts: rate(now.prompt_tokens.computed, before.prompt_tokens.computed),
    }
}

fn latencies(now: &Model, window: &Model) -> (bool, BTreeMap<&'static str, Percentiles>) {
    let recent: Vec<Histogram> = now.latencies.iter().zip(&window.latencies).map(|(a, b)| a.since(b)).collect();
    let is_recent = recent.iter().any(|histogram| histogram.count() > 0.0);
    let shown = if is_recent { recent } else { now.latencies.to_vec() };
    let named = LATENCIES.iter().zip(&shown).map(|((name, _), histogram)| (*name, percentiles(histogram)));
    (is_recent, named.collect())
}

fn percentiles(histogram: &Histogram) -> Percentiles {
    Percentiles {
        count: whole(histogram.count()),
        p50: histogram.quantile(0.50),
        p95: histogram.quantile(0.95),
        p99: histogram.quantile(0.99),
    }
}

fn requests(answered: Answered) -> Requests {
    Requests {
        well: whole(answered.well),
        wrongly_asked: whole(answered.wrongly_asked),
        busy: whole(answered.busy),
        failed: whole(answered.failed),
    }
}

/// A count that came as a number with a point; what is no count is 0.
fn whole(value: f64) -> u64 {
    // `as` saturates and turns NaN into 0.
    value as u64
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::tests::{METRICS, SLOTS};
    use super::*;

    #[test]
    fn rates_are_taken_between_two_moments() {
        let before = Snapshot::read(METRICS, SLOTS).unwrap();
        let mut now = before.clone();
        let slot = now.models.get_mut("m").unwrap().slot.as_mut().unwrap();
        slot.answer_tokens += 50;
        slot.prompt_tokens.computed += 10;
        let shown = figures("http://x", &now, &before, &Snapshot::default(), 2.0);
        let model = &shown.models[0];
        assert_eq!(model.tokens_per_second, Rates { answers: 25.0, prompts: 5.0 });
        assert_eq!((shown.running, shown.waiting, shown.answered.busy), (3, 1, 2));
        assert_eq!(model.cache.hit_share, Some(50.0 / 210.0));
        assert_eq!(model.latency_seconds["first_token"].p50, Some(0.1));
        assert_eq!(model.latency_seconds["queue"], Percentiles::default());
        let restarted = figures("http://x", &before, &now, &Snapshot::default(), 2.0);
        assert_eq!(restarted.models[0].tokens_per_second, Rates { answers: 0.0, prompts: 0.0 });
    }

    #[test]
    fn without_anything_recent_the_percentiles_are_of_all_time() {
        let now = Snapshot::read(METRICS, SLOTS).unwrap();
        let shown = figures("http://x", &now, &now, &now, 1.0);
        assert!(!shown.models[0].latencies_are_recent);
        assert_eq!(shown.models[0].latency_seconds["first_token"].count, 10);
        let other = &shown.models[1];
        assert_eq!((other.model.as_str(), other.loaded, other.cache.hit_share), ("other", false, None));
    }
}
