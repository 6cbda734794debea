//! The figures as lines of text.

use super::figures::{Figures, ModelFigures};
use crate::units;
use std::collections::VecDeque;
use std::fmt::Write;

/// Moments in the curve of tokens per second.
const CURVE: usize = 48;
/// From empty to full.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Cells of the cache's bar.
const CACHE_CELLS: u64 = 32;

/// Figures of the last moments.
#[derive(Debug, Default)]
pub(super) struct Curve(VecDeque<f64>);

impl Curve {
    /// Takes the next moment.
    pub(super) fn push(&mut self, tokens_per_second: f64) {
        self.0.push_back(tokens_per_second);
        if self.0.len() > CURVE {
            self.0.pop_front();
        }
    }

    /// The moments as bars, the highest of them full.
    fn bars(&self) -> String {
        let most = self.0.iter().copied().fold(0.0, f64::max);
        let bar = |value: &f64| {
            let level = if most > 0.0 { (value / most * (BARS.len() - 1) as f64).round() as usize } else { 0 };
            BARS.get(level).copied().unwrap_or(BARS[0])
        };
        self.0.iter().map(bar).collect()
    }
}

/// All lines, each ended by a line feed.
pub(super) fn text(figures: &Figures, curve: &Curve) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = head(&mut text, figures, curve);
    for model in &figures.models {
        let _ = of_model(&mut text, model);
    }
    if figures.models.is_empty() {
        text += "\nno model has been in memory yet; the first request loads one\n";
    }
    text
}

fn head(text: &mut String, figures: &Figures, curve: &Curve) -> std::fmt::Result {
    let tokens: f64 = figures.models.iter().map(|model| model.tokens_per_second.answers).sum();
    let a = figures.answered;
    writeln!(text, "{}", figures.url)?;
    writeln!(
        text,
        "requests   running {}   waiting {}   answered {}",
        figures.running,
        figures.waiting,
        units::thousands(a.well),
    )?;
    writeln!(
        text,
        "           refused {}   queue full {}   failed {}",
        units::thousands(a.wrongly_asked),
        units::thousands(a.busy),
        units::thousands(a.failed),
    )?;
    writeln!(text, "tokens/s   {tokens:<8.1} {}", curve.bars())
}

fn of_model(text: &mut String, model: &ModelFigures) -> std::fmt::Result {
    if !model.loaded {
        return writeln!(text, "\n{}   not in memory", printable(&model.model));
    }
    writeln!(text, "\n{}   {}", printable(&model.model), units::bytes(model.memory_bytes))?;
    let (rates, step) = (model.tokens_per_second, model.last_step);
    writeln!(
        text,
        "  requests   running {}   waiting {}   interrupted {}",
        model.running, model.waiting, model.interruptions
    )?;
    writeln!(text, "  tokens/s   answers {:.1}   prompts {:.1}", rates.answers, rates.prompts)?;
    writeln!(text, "  last step  {} requests, {} tokens", step.requests, step.tokens)?;
    cache(text, model)?;
    let when = if model.latencies_are_recent { "last minute" } else { "since start" };
    writeln!(text, "  latency ({when})        p50        p95        p99")?;
    for (name, words) in [
        ("first_token", "first token"),
        ("between_tokens", "between tokens"),
        ("queue", "in the queue"),
        ("request", "whole request"),
    ] {
        let p = model.latency_seconds.get(name).copied().unwrap_or_default();
        writeln!(text, "    {words:<16} {:>10} {:>10} {:>10}", time(p.p50), time(p.p95), time(p.p99))?;
    }
    Ok(())
}

fn cache(text: &mut String, model: &ModelFigures) -> std::fmt::Result {
    let cache = model.cache;
    let cells = |pages: u64| (pages * CACHE_CELLS).div_ceil(cache.pages.max(1)).min(CACHE_CELLS) as usize;
    let (used, both) = (cells(cache.used), cells(cache.used + cache.kept));
    let bar = "█".repeat(used);
    let kept = "▒".repeat(both.saturating_sub(used));
    let free = "░".repeat((CACHE_CELLS as usize).saturating_sub(both.max(used)));
    let hits = cache.hit_share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    writeln!(text, "  cache      {bar}{kept}{free} {} pages: used {}, kept {}", cache.pages, cache.used, cache.kept)?;
    writeln!(text, "             {hits} of the prompts' tokens were there already")
}

/// Three digits and a unit.
fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.01 => format!("{:.2} ms", seconds * 1e3),
        Some(seconds) if seconds < 0.1 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

/// A server's text without what would steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::figures::figures;
    use super::super::snapshot::Snapshot;
    use super::super::snapshot::tests::{METRICS, SLOTS};
    use super::*;

    #[test]
    fn the_view_shows_every_figure_within_a_terminal_s_width() {
        let now = Snapshot::read(METRICS, SLOTS).unwrap();
        let mut curve = Curve::default();
        for value in [0.0, 1.0, 4.0] {
            curve.push(value);
        }
        let text = text(&figures("http://x", &now, &now, &Snapshot::default(), 1.0), &curve);
        for part in [
            "running 3   waiting 1   answered 40\n",
            "refused 1   queue full 2   failed 3\n",
            "▁▃█",
            "m   1.00 MiB",
            "█████████████▒▒▒▒▒▒▒░░░░░░░░░░░░ 100 pages: used 40, kept 20",
            "25 % of the prompts' tokens",
            "first token          100 ms     190 ms     198 ms",
            "other   not in memory",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }

    #[test]
    fn the_curve_keeps_the_last_moments() {
        let mut curve = Curve::default();
        (0..200).for_each(|value| curve.push(f64::from(value)));
        assert_eq!(curve.bars().chars().count(), CURVE);
        assert_eq!(Curve::default().bars(), "");
    }

    #[test]
    fn times_have_three_digits() {
        assert_eq!([0.00512, 0.0512, 0.512, 5.12].map(|s| time(Some(s))), ["5.12 ms", "51.2 ms", "512 ms", "5.12 s"]);
    }
}
