//! Metrics in the format of Prometheus.

use crate::registry::Standing;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Bounds of the histograms of waiting, in seconds.
const WAITS: [f64; 16] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Bounds of the histogram of the time between tokens, in seconds.
const STEPS: [f64; 14] = [0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0];

/// Which model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Model {
    model: String,
}

/// Labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    path: String,
    status: u16,
}

/// Which way an answer moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// To another server.
    Sent,
    /// Back, to go on here after all.
    Returned,
    /// Here, from another server.
    Received,
}

/// Answers of a model that moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Moved {
    model: String,
    direction: &'static str,
}

type Histograms = Family<Model, Histogram, fn() -> Histogram>;

/// All counters and histograms. Gauges are read off the models when somebody asks.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    first_token: Histograms,
    between_tokens: Histograms,
    queue: Histograms,
    prefill: Histograms,
    end_to_end: Histograms,
    prompt_tokens: Family<Model, Counter>,
    cached_tokens: Family<Model, Counter>,
    completion_tokens: Family<Model, Counter>,
    moved: Family<Moved, Counter>,
    gauges: Gauges,
}

#[derive(Debug, Default)]
struct Gauges {
    running: Family<Model, Gauge>,
    waiting: Family<Model, Gauge>,
    batch_jobs: Family<Model, Gauge>,
    batch_tokens: Family<Model, Gauge>,
    pages: Family<Model, Gauge>,
    pages_used: Family<Model, Gauge>,
    pages_cached: Family<Model, Gauge>,
    memory: Family<Model, Gauge>,
    preemptions: Family<Model, Gauge>,
}

/// The times of one finished answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// `None` if none of its prompt was computed.
    pub(crate) queued: Option<Duration>,
    /// From there to the first token.
    pub(crate) prefill: Option<Duration>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) whole: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing has been counted yet.
    pub fn new() -> Self {
        let waits: fn() -> Histogram = || Histogram::new(WAITS);
        let steps: fn() -> Histogram = || Histogram::new(STEPS);
        let mut metrics = Self {
            registry: Registry::with_prefix("hefu"),
            requests: Family::default(),
            first_token: Family::new_with_constructor(waits),
            between_tokens: Family::new_with_constructor(steps),
            queue: Family::new_with_constructor(waits),
            prefill: Family::new_with_constructor(waits),
            end_to_end: Family::new_with_constructor(waits),
            prompt_tokens: Family::default(),
            cached_tokens: Family::default(),
            completion_tokens: Family::default(),
            moved: Family::default(),
            gauges: Gauges::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("http_requests", "Requests answered, by path and status", self.requests.clone());
        r.register("time_to_first_token_seconds", "From the request to its first token", self.first_token.clone());
        r.register("time_between_tokens_seconds", "From one token to the next", self.between_tokens.clone());
        r.register(
            "queue_seconds",
            "From the request to the first step that computes some of its prompt",
            self.queue.clone(),
        );
        r.register("prefill_seconds", "From there to the first token", self.prefill.clone());
        r.register("request_seconds", "From the request to the end of its answer", self.end_to_end.clone());
        r.register("prompt_tokens", "Tokens of prompts", self.prompt_tokens.clone());
        r.register("cached_prompt_tokens", "Tokens of prompts that the cache held", self.cached_tokens.clone());
        r.register("completion_tokens", "Tokens of answers", self.completion_tokens.clone());
        r.register("moved_answers", "Answers that moved between this server and another one", self.moved.clone());
        let g = &self.gauges;
        r.register("requests_running", "Answers that are being computed", g.running.clone());
        r.register("requests_waiting", "Answers that wait", g.waiting.clone());
        r.register("batch_requests", "Answers in the last step", g.batch_jobs.clone());
        r.register("batch_tokens", "Tokens in the last step", g.batch_tokens.clone());
        r.register("cache_pages", "Pages of the cache", g.pages.clone());
        r.register("cache_pages_used", "Pages that running answers hold", g.pages_used.clone());
        r.register("cache_pages_kept", "Pages that are kept for prompts to come", g.pages_cached.clone());
        r.register("memory_bytes", "Memory of loaded models, weights and cache", g.memory.clone());
        r.register("interruptions", "Answers interrupted for want of memory", g.preemptions.clone());
    }

    /// Counts a request.
    pub(crate) fn request(&self, path: &str, status: u16) {
        self.requests.get_or_create(&Request { path: path.to_owned(), status }).inc();
    }

    /// Counts a token that came so long after the one before it.
    pub(crate) fn token(&self, model: &str, after: Duration) {
        self.between_tokens.get_or_create(&of(model)).observe(after.as_secs_f64());
    }

    /// Counts an answer that moved.
    pub(crate) fn moved(&self, model: &str, direction: Direction) {
        let direction = match direction {
            Direction::Sent => "sent",
            Direction::Returned => "returned",
            Direction::Received => "received",
        };
        self.moved.get_or_create(&Moved { model: model.to_owned(), direction }).inc();
    }

    /// Counts an answer.
    pub(crate) fn answer(&self, model: &str, summary: &hefu_answer::Summary, times: Times) {
        let model = of(model);
        let count = |counter: &Family<Model, Counter>, tokens: usize| {
            counter.get_or_create(&model).inc_by(tokens as u64);
        };
        count(&self.prompt_tokens, summary.prompt_tokens);
        count(&self.cached_tokens, summary.cached_tokens);
        count(&self.completion_tokens, summary.completion_tokens);
        for (histogram, time) in [
            (&self.queue, times.queued),
            (&self.prefill, times.prefill),
            (&self.first_token, times.first_token),
            (&self.end_to_end, Some(times.whole)),
        ] {
            if let Some(time) = time {
                histogram.get_or_create(&model).observe(time.as_secs_f64());
            }
        }
    }

    /// Everything as text, with the models as they stand.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn text(&self, models: &[Standing]) -> Result<String, std::fmt::Error> {
        for standing in models {
            self.gauges.set(standing);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// The same in the older format of Prometheus: there, a counter is named as its numbers are.
pub(crate) fn plain(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut plain = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                plain.push_str(&format!("# {what} {name}_total {rest}"));
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

impl Gauges {
    fn set(&self, standing: &Standing) {
        let s = standing.worker.as_ref().map(|worker| worker.statistics()).unwrap_or_default();
        let model = of(&standing.card.name);
        let memory = if standing.worker.is_some() { standing.card.memory_bytes } else { 0 };
        for (gauge, value) in [
            (&self.running, s.running as u64),
            (&self.waiting, s.waiting as u64),
            (&self.batch_jobs, s.step_jobs as u64),
            (&self.batch_tokens, s.step_tokens as u64),
            (&self.pages, s.pages as u64),
            (&self.pages_used, s.pages_used as u64),
            (&self.pages_cached, s.pages_cached as u64),
            (&self.memory, memory),
            (&self.preemptions, s.preemptions),
        ] {
            gauge.get_or_create(&model).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

fn of(model: &str) -> Model {
    Model { model: model.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_answer::Summary;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new();
        let summary = Summary { prompt_tokens: 7, cached_tokens: 3, completion_tokens: 5, ..Summary::default() };
        let times = Times {
            queued: Some(Duration::from_millis(7)),
            prefill: Some(Duration::from_millis(23)),
            first_token: Some(Duration::from_millis(30)),
            ..Times::default()
        };
        metrics.answer("m", &summary, times);
        // One that was given up before anything was computed tells nothing of waiting.
        metrics.answer("n", &Summary::default(), Times::default());
        metrics.token("m", Duration::from_millis(4));
        metrics.request("/v1/models", 200);
        let text = metrics.text(&[]).unwrap();
        for line in [
            "hefu_prompt_tokens_total{model=\"m\"} 7",
            "hefu_cached_prompt_tokens_total{model=\"m\"} 3",
            "hefu_completion_tokens_total{model=\"m\"} 5",
            "hefu_time_to_first_token_seconds_bucket{le=\"0.05\",model=\"m\"} 1",
            "hefu_time_to_first_token_seconds_bucket{le=\"0.02\",model=\"m\"} 0",
            "hefu_queue_seconds_bucket{le=\"0.01\",model=\"m\"} 1",
            "hefu_prefill_seconds_bucket{le=\"0.02\",model=\"m\"} 0",
            "hefu_prefill_seconds_bucket{le=\"0.05\",model=\"m\"} 1",
            "hefu_time_between_tokens_seconds_count{model=\"m\"} 1",
            "hefu_http_requests_total{path=\"/v1/models\",status=\"200\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("hefu_queue_seconds_count{model=\"n\"}"), "{text}");
    }

    #[test]
    fn the_older_format_has_help_for_every_name_and_no_marks_of_the_newer() {
        let metrics = Metrics::new();
        metrics.request("/health", 200);
        let text = plain(&metrics.text(&[]).unwrap());
        assert!(!text.contains("EOF") && !text.contains("# UNIT"), "{text}");
        let about = |what: &str| -> Vec<String> {
            let names = text.lines().filter_map(|line| line.strip_prefix(what)?.split(' ').next());
            names.map(str::to_owned).collect()
        };
        let (helps, types) = (about("# HELP "), about("# TYPE "));
        assert_eq!(helps, types);
        assert!(types.contains(&"hefu_http_requests_total".to_owned()), "{types:?}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let stems = ["_bucket", "_sum", "_count"].iter().filter_map(|end| name.strip_suffix(end));
            assert!(stems.chain([name]).any(|stem| types.iter().any(|known| known == stem)), "{line}");
        }
    }
}
