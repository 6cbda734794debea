//! From times and counts to gaps: the one place where the share of a limit is defined.

use super::ceilings::{Ceilings, Rates};
use super::measure::{Round, Run};
use super::placed::Placed;
use super::probe::Total;
use serde::Serialize;
use std::sync::Arc;

/// By how much a limit may be passed before the count counts as wrong: clocks and neighbours change from one
/// millisecond to the next.
pub(crate) const TOLERANCE: f64 = 0.05;

/// Limit of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bound {
    Memory,
    Int8,
    F32,
    /// Nothing that was counted: time outside all operations.
    Nothing,
}

impl Bound {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Bound::Memory => "memory",
            Bound::Int8 => "int8",
            Bound::F32 => "f32",
            Bound::Nothing => "-",
        }
    }
}

/// One step of the device, all of them, or what lies outside. Times are seconds of the whole phase.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// Its name, after that of its device where there are several.
    #[serde(serialize_with = "as_text")]
    pub(crate) operation: Arc<str>,
    /// Number of the device that does it; `None` of what lies outside, and of all together.
    pub(crate) part: Option<usize>,
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) int8_multiply_adds: u64,
    pub(crate) f32_operations: u64,
    pub(crate) seconds: f64,
    pub(crate) limit_seconds: f64,
    pub(crate) bound: Bound,
    /// `limit_seconds / seconds`, a share of 1.
    pub(crate) achieved: f64,
    pub(crate) gap_seconds: f64,
    /// Speed-up of the phase without this gap.
    pub(crate) worth: f64,
}

/// Prefill or decode.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Phase {
    pub(crate) phase: &'static str,
    pub(crate) tokens: usize,
    /// Steps of a decode, each of one token of every sequence; 1 of a prefill.
    pub(crate) steps: usize,
    /// Limits of each device meanwhile.
    pub(crate) limits: Vec<Ceilings>,
    pub(crate) tokens_per_second: f64,
    pub(crate) bytes_per_token: f64,
    /// Bytes per second, as a share of what the machine reads.
    pub(crate) share_of_read_limit: f64,
    /// int8 multiply-adds per second, as a share of what the machine computes.
    pub(crate) share_of_int8_limit: f64,
    pub(crate) all: Line,
    /// Largest gap first; what lies outside all operations is called `rest`.
    pub(crate) operations: Vec<Line>,
}

/// The largest gap of a phase.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Gap {
    pub(crate) phase: &'static str,
    #[serde(serialize_with = "as_text")]
    pub(crate) operation: Arc<str>,
    pub(crate) seconds: f64,
    pub(crate) worth: f64,
}

/// A device that computes some of the layers, or all of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PartOf {
    pub(crate) device: String,
    /// Bytes that cross to it for each token.
    pub(crate) crossing_bytes_per_token: usize,
}

impl PartOf {
    pub(crate) fn new(placed: &Placed) -> PartOf {
        PartOf { device: placed.label.clone(), crossing_bytes_per_token: placed.crossing }
    }
}

/// Everything there is to print.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) model: String,
    pub(crate) isa: &'static str,
    /// In the order of their layers.
    pub(crate) devices: Vec<PartOf>,
    pub(crate) threads: usize,
    /// Sequences decoded at once.
    pub(crate) parallel: usize,
    /// Largest worth first.
    pub(crate) largest_gaps: Vec<Gap>,
    pub(crate) machine: Vec<Rates>,
    pub(crate) tolerance: f64,
    /// A sentence for each limit that was passed by more than the tolerance.
    pub(crate) faults: Vec<String>,
    pub(crate) phases: Vec<Phase>,
}

/// Subject of the report.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) model: String,
    pub(crate) isa: &'static str,
    pub(crate) devices: Vec<PartOf>,
    pub(crate) threads: usize,
    pub(crate) prompt: usize,
    pub(crate) steps: usize,
    pub(crate) sequences: usize,
}

impl Report {
    /// Holds what was measured against the limits.
    pub(crate) fn new(subject: Subject, machine: Vec<Rates>, rounds: &[Round]) -> Report {
        let devices = &subject.devices;
        let prefill = Phase::of("prefill", (subject.prompt, 1), rounds, devices, |round| round.prefill.as_ref());
        let decode = Phase::decode(rounds, subject.steps, subject.sequences, devices);
        let phases: Vec<Phase> = prefill.into_iter().chain(decode).collect();
        let mut largest_gaps: Vec<Gap> = phases.iter().filter_map(Phase::largest_gap).collect();
        largest_gaps.sort_by(|a, b| b.worth.total_cmp(&a.worth));
        Report {
            model: subject.model,
            isa: subject.isa,
            devices: subject.devices,
            threads: subject.threads,
            parallel: subject.sequences,
            largest_gaps,
            machine,
            tolerance: TOLERANCE,
            faults: phases.iter().flat_map(Phase::faults).collect(),
            phases,
        }
    }
}

impl Phase {
    /// The decode of so many steps, each of one token of every sequence.
    pub(crate) fn decode(rounds: &[Round], steps: usize, sequences: usize, devices: &[PartOf]) -> Option<Phase> {
        Phase::of("decode", (steps * sequences, steps.max(1)), rounds, devices, |round| round.decode.as_ref())
    }

    /// The round of middle share of its limit: a figure and its limit are of one moment.
    fn of(
        name: &'static str,
        counts: (usize, usize),
        rounds: &[Round],
        devices: &[PartOf],
        run: fn(&Round) -> Option<&Run>,
    ) -> Option<Phase> {
        let runs = rounds.iter().filter_map(|round| Some((run(round)?, &round.limits)));
        let mut phases: Vec<Phase> = runs.map(|(run, limits)| Phase::new(name, counts, run, limits, devices)).collect();
        phases.sort_by(|a, b| a.all.achieved.total_cmp(&b.all.achieved));
        let middle = phases.len().saturating_sub(1) / 2;
        phases.into_iter().nth(middle)
    }

    fn new(
        phase: &'static str,
        (tokens, steps): (usize, usize),
        run: &Run,
        limits: &[Ceilings],
        devices: &[PartOf],
    ) -> Phase {
        let total = run.time.as_secs_f64();
        let mut all = Line::new("all".into(), total);
        let mut operations = Vec::new();
        let mut inside = 0.0;
        // Seconds that the bytes and the products of bytes take at least, each by itself.
        let (mut reading, mut multiplying) = (0.0, 0.0);
        for done in &run.totals {
            let seconds = done.time.as_secs_f64();
            let limits = limits.get(done.part).copied().unwrap_or_default();
            inside += seconds;
            reading += ratio(done.work.bytes as f64, limits.read_bytes);
            multiplying += ratio(done.work.integer as f64, limits.int8_multiply_adds);
            let line = Line::new(name_of(done, devices), seconds).with(done, &limits);
            all.limit_seconds += line.limit_seconds;
            all.calls += line.calls;
            all.bytes += line.bytes;
            all.int8_multiply_adds += line.int8_multiply_adds;
            all.f32_operations += line.f32_operations;
            operations.push(line);
        }
        operations.push(Line::new("rest".into(), (total - inside).max(0.0)));
        all.bound = widest(&operations);
        all.finish(total);
        operations.iter_mut().for_each(|line| line.finish(total));
        operations.sort_by(|a, b| b.gap_seconds.total_cmp(&a.gap_seconds));
        Phase {
            phase,
            tokens,
            steps,
            limits: limits.to_vec(),
            tokens_per_second: ratio(tokens as f64, total),
            bytes_per_token: ratio(all.bytes as f64, tokens as f64),
            share_of_read_limit: ratio(reading, total),
            share_of_int8_limit: ratio(multiplying, total),
            all,
            operations,
        }
    }

    fn largest_gap(&self) -> Option<Gap> {
        let line = self.operations.first()?;
        Some(Gap {
            phase: self.phase,
            operation: Arc::clone(&line.operation),
            seconds: line.gap_seconds,
            worth: line.worth,
        })
    }

    /// No phase is faster than its limit, nor any operation that computes; where one seems to be, the count or the limit
    /// is wrong. Memory of one operation may be read while another runs, so that only the sum of all tells.
    pub(crate) fn faults(&self) -> Vec<String> {
        let tells = |line: &&Line| line.operation == self.all.operation || line.bound != Bound::Memory;
        let passed = self.operations.iter().chain([&self.all]).filter(tells);
        let passed = passed.filter(|line| line.achieved > 1.0 + TOLERANCE);
        let sentence = |line: &Line| {
            format!(
                "{} of {} reaches {:.1} % of its limit ({})",
                line.operation,
                self.phase,
                line.achieved * 100.0,
                line.bound.name()
            )
        };
        passed.map(sentence).collect()
    }
}

impl Line {
    fn new(operation: Arc<str>, seconds: f64) -> Line {
        Line {
            operation,
            part: None,
            calls: 0,
            bytes: 0,
            int8_multiply_adds: 0,
            f32_operations: 0,
            seconds,
            limit_seconds: 0.0,
            bound: Bound::Nothing,
            achieved: 0.0,
            gap_seconds: 0.0,
            worth: 1.0,
        }
    }

    /// Adds work that was done, and the longest of the times that it takes at least.
    fn with(mut self, done: &Total, limits: &Ceilings) -> Line {
        let work = done.work;
        (self.part, self.calls, self.bytes) = (Some(done.part), done.calls, work.bytes);
        (self.int8_multiply_adds, self.f32_operations) = (work.integer, work.float);
        for (bound, amount, rate) in [
            (Bound::Memory, work.bytes, limits.read_bytes),
            (Bound::Int8, work.integer, limits.int8_multiply_adds),
            (Bound::F32, work.float, limits.f32_multiply_adds),
        ] {
            let seconds = ratio(amount as f64, rate);
            if seconds > self.limit_seconds {
                (self.bound, self.limit_seconds) = (bound, seconds);
            }
        }
        self
    }

    fn finish(&mut self, total: f64) {
        self.achieved = ratio(self.limit_seconds, self.seconds);
        self.gap_seconds = (self.seconds - self.limit_seconds).max(0.0);
        self.worth = if total > self.gap_seconds { total / (total - self.gap_seconds) } else { 1.0 };
    }
}

/// The name of a step, after that of its device where there are several.
fn name_of(done: &Total, devices: &[PartOf]) -> Arc<str> {
    match devices.get(done.part).filter(|_| devices.len() > 1) {
        Some(part) => format!("{}: {}", part.device, done.name).into(),
        None => Arc::clone(&done.name),
    }
}

/// Limit of most of the least time of all operations.
fn widest(operations: &[Line]) -> Bound {
    let of = |bound| operations.iter().filter(|line| line.bound == bound).map(|line| line.limit_seconds).sum::<f64>();
    let bounds = [Bound::Memory, Bound::Int8, Bound::F32];
    bounds
        .into_iter()
        .filter(|&bound| of(bound) > 0.0)
        .max_by(|&a, &b| of(a).total_cmp(&of(b)))
        .unwrap_or(Bound::Nothing)
}

/// `a / b`, 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// A shared text as a text.
fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
