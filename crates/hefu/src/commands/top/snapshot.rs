//! Snapshot of a server's metrics.

use super::exposition::{Series, parse};
use super::histogram::Histogram;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Latencies of requests, in the order in which they are shown: name in our output, name in the metrics.
pub(super) const LATENCIES: [(&str, &str); 4] = [
    ("first_token", "hefu_time_to_first_token_seconds"),
    ("between_tokens", "hefu_time_between_tokens_seconds"),
    ("queue", "hefu_queue_seconds"),
    ("request", "hefu_request_seconds"),
];

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Snapshot {
    /// By name.
    pub(super) models: BTreeMap<String, Model>,
    /// Requests answered since the start: with success, refused for what they ask, refused or failed for other reasons.
    pub(super) answered: Answered,
}

/// Ends of requests, by their HTTP status.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Answered {
    pub(super) well: f64,
    pub(super) wrongly_asked: f64,
    pub(super) busy: f64,
    pub(super) failed: f64,
}

/// One model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    /// Its work; `None` if it is not in memory.
    pub(super) slot: Option<Slot>,
    /// Memory of weights and cache in bytes.
    pub(super) memory: f64,
    /// Prompt tokens of finished answers, and those of them that the cache held.
    pub(super) prompt_tokens: (f64, f64),
    /// In the order of [`LATENCIES`].
    pub(super) latencies: [Histogram; 4],
}

/// An entry of `/slots`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Slot {
    pub(super) model: String,
    pub(super) running: u64,
    pub(super) waiting: u64,
    pub(super) pages: Pages,
    pub(super) last_step: LastStep,
    pub(super) prompt_tokens: PromptTokens,
    pub(super) answer_tokens: u64,
    pub(super) interruptions: u64,
}

/// Pages of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Pages {
    pub(super) all: u64,
    pub(super) used: u64,
    pub(super) cached: u64,
}

/// The last forward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct LastStep {
    pub(super) requests: u64,
    pub(super) tokens: u64,
}

/// Prompt tokens since the model was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct PromptTokens {
    pub(super) computed: u64,
    pub(super) reused: u64,
}

impl Snapshot {
    /// Reads what `/metrics` and `/slots` answered.
    ///
    /// # Errors
    /// If `/slots` is not what this program's server answers.
    pub(super) fn read(metrics: &str, slots: &str) -> Result<Self, serde_json::Error> {
        let slots: Vec<Slot> = serde_json::from_str(slots)?;
        let series = parse(metrics);
        let mut snapshot = Self { answered: Answered::read(&series), ..Self::default() };
        for slot in slots {
            let name = slot.model.clone();
            snapshot.model(name).slot = Some(slot);
        }
        for (model, value) in by_model(&series, "hefu_memory_bytes") {
            snapshot.model(model).memory = value;
        }
        for (model, value) in by_model(&series, "hefu_prompt_tokens_total") {
            snapshot.model(model).prompt_tokens.0 = value;
        }
        for (model, value) in by_model(&series, "hefu_cached_prompt_tokens_total") {
            snapshot.model(model).prompt_tokens.1 = value;
        }
        for (index, (_, metric)) in LATENCIES.into_iter().enumerate() {
            for (model, histogram) in histograms(&series, metric) {
                if let Some(place) = snapshot.model(model).latencies.get_mut(index) {
                    *place = histogram;
                }
            }
        }
        Ok(snapshot)
    }

    fn model(&mut self, name: String) -> &mut Model {
        self.models.entry(name).or_default()
    }
}

impl Answered {
    fn read(series: &BTreeMap<String, Vec<Series>>) -> Self {
        let mut answered = Self::default();
        for each in series.get("hefu_http_requests_total").into_iter().flatten() {
            match each.labels.get("status").map_or("", String::as_str) {
                "429" => answered.busy += each.value,
                status if status.starts_with('2') => answered.well += each.value,
                status if status.starts_with('4') => answered.wrongly_asked += each.value,
                _ => answered.failed += each.value,
            }
        }
        answered
    }
}

fn by_model<'a>(series: &'a BTreeMap<String, Vec<Series>>, name: &str) -> impl Iterator<Item = (String, f64)> + 'a {
    let named = series.get(name).into_iter().flatten();
    named.filter_map(|each| Some((each.labels.get("model")?.clone(), each.value)))
}

fn histograms(series: &BTreeMap<String, Vec<Series>>, name: &str) -> BTreeMap<String, Histogram> {
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for each in series.get(&format!("{name}_bucket")).into_iter().flatten() {
        let bound = each.labels.get("le").and_then(|bound| bound.parse().ok());
        if let (Some(model), Some(bound)) = (each.labels.get("model"), bound) {
            buckets.entry(model.clone()).or_default().push((bound, each.value));
        }
    }
    buckets.into_iter().map(|(model, buckets)| (model, Histogram::new(buckets))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const METRICS: &str = r#"
hefu_http_requests_total{path="/v1/chat/completions",status="200"} 40
hefu_http_requests_total{path="/v1/chat/completions",status="429"} 2
hefu_http_requests_total{path="/v1/models",status="401"} 1
hefu_http_requests_total{path="/v1/chat/completions",status="500"} 3
hefu_memory_bytes{model="m"} 1048576
hefu_memory_bytes{model="other"} 0
hefu_prompt_tokens_total{model="m"} 200
hefu_cached_prompt_tokens_total{model="m"} 50
hefu_time_to_first_token_seconds_bucket{le="0.1",model="m"} 5
hefu_time_to_first_token_seconds_bucket{le="0.2",model="m"} 10
hefu_time_to_first_token_seconds_bucket{le="+Inf",model="m"} 10
# EOF"#;
    pub(in super::super) const SLOTS: &str = r#"[{"id": 0, "model": "m", "is_processing": true, "running": 3,
        "waiting": 1, "pages": {"all": 100, "used": 40, "cached": 20}, "last_step": {"requests": 3, "tokens": 12},
        "steps": 9, "prompt_tokens": {"computed": 150, "reused": 50}, "answer_tokens": 1000, "interruptions": 0}]"#;

    #[test]
    fn metrics_and_slots_make_one_picture() {
        let snapshot = Snapshot::read(METRICS, SLOTS).unwrap();
        let model = &snapshot.models["m"];
        let slot = model.slot.as_ref().unwrap();
        assert_eq!((slot.running, slot.waiting, slot.pages.used, slot.answer_tokens), (3, 1, 40, 1000));
        assert_eq!((model.memory, model.prompt_tokens), (1_048_576.0, (200.0, 50.0)));
        assert_eq!(model.latencies[0].quantile(0.5), Some(0.1));
        assert_eq!(model.latencies[1].count(), 0.0);
        assert_eq!(snapshot.models["other"].slot, None);
        let answered = Answered { well: 40.0, wrongly_asked: 1.0, busy: 2.0, failed: 3.0 };
        assert_eq!(snapshot.answered, answered);
    }

    #[test]
    fn another_server_s_slots_are_refused() {
        assert!(Snapshot::read("", "{\"error\": 1}").is_err());
        assert_eq!(Snapshot::read("", "[]").unwrap(), Snapshot::default());
    }
}
