//! The report as a table for people.

use crate::gap::ceilings::Ceilings;
use crate::gap::report::{Line, PartOf, Phase, Report};
use crate::units;
use std::fmt::Write;

/// Characters of the column of names, at least.
const LEAST_WIDTH: usize = 16;

/// The whole report, largest gap first.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("{}\n\n", subject(report));
    for (index, gap) in report.largest_gaps.iter().enumerate() {
        let label = if index == 0 { "largest gap:" } else { "" };
        let phase = report.phases.iter().find(|phase| phase.phase == gap.phase);
        let share = phase.map_or(0.0, |phase| gap.seconds / phase.all.seconds.max(f64::MIN_POSITIVE) * 100.0);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{label:13}{} spends {share:.0} % of its time above the limit in {}; closing it would make {} {:.2} x faster",
            gap.phase, gap.operation, gap.phase, gap.worth
        );
    }
    text.push('\n');
    machine(&mut text, report);
    for part in report.devices.iter().skip(1) {
        let _ = writeln!(text, "{} bytes cross to {} for each token", part.crossing_bytes_per_token, part.device);
    }
    for phase in &report.phases {
        text.push('\n');
        table(&mut text, report, phase);
    }
    text
}

/// Subject of the report, in a line.
pub(super) fn subject(report: &Report) -> String {
    let many = if report.parallel > 1 { format!(", {} sequences at once", report.parallel) } else { String::new() };
    format!("{} on {} with {} threads{many}", report.model, report.isa, report.threads)
}

/// The CPU by its threads, where it computes.
fn machine(text: &mut String, report: &Report) {
    if report.machine.is_empty() {
        return;
    }
    let _ = writeln!(text, "machine      read GB/s     read GB/s     int8 G        f32 G");
    let _ = writeln!(text, "threads      huge pages    small pages   mul-adds/s    mul-adds/s");
    for rates in &report.machine {
        let _ = writeln!(
            text,
            "{:<12} {:<13.1} {:<13.1} {:<13.1} {:<13.1}",
            rates.threads,
            rates.read_bytes_huge_pages / 1e9,
            rates.read_bytes_small_pages / 1e9,
            rates.int8_multiply_adds / 1e9,
            rates.f32_multiply_adds / 1e9
        );
    }
}

/// Limits of the devices while a phase ran.
pub(super) fn limits(report: &Report, phase: &Phase) -> String {
    let of = |(part, limits): (&PartOf, &Ceilings)| {
        let device = if report.devices.len() > 1 { format!("{}: ", part.device) } else { String::new() };
        format!(
            "{device}{:.1} GB/s read (fastest pass {:.1}), {:.1} G int8 and {:.1} G f32 multiply-adds per second",
            limits.read_bytes / 1e9,
            limits.fastest_read_bytes / 1e9,
            limits.int8_multiply_adds / 1e9,
            limits.f32_multiply_adds / 1e9
        )
    };
    report.devices.iter().zip(&phase.limits).map(of).collect::<Vec<_>>().join("; ")
}

fn table(text: &mut String, report: &Report, phase: &Phase) {
    let per = phase.steps as f64;
    let each = if phase.phase == "decode" { "per step" } else { "in all" };
    let _ = writeln!(
        text,
        "{}: {} tokens, {:.1} tokens/s, {:.1} % of the limit; {:.1} % of the read limit, {:.1} % of the int8 limit; {} per token",
        phase.phase,
        phase.tokens,
        phase.tokens_per_second,
        phase.all.achieved * 100.0,
        phase.share_of_read_limit * 100.0,
        phase.share_of_int8_limit * 100.0,
        units::bytes(phase.bytes_per_token as u64),
    );
    let width = phase.operations.iter().map(|line| line.operation.chars().count()).max().unwrap_or(0).max(LEAST_WIDTH);
    let _ = writeln!(text, "limits of the machine meanwhile: {}", limits(report, phase));
    let _ = writeln!(
        text,
        "{each:width$} {:>7} {:>10} {:>8} {:>8} {:>9} {:>9} {:>6} {:>9} {:>9} {:>7}",
        "calls", "MB", "int8 G", "f32 G", "ms", "limit ms", "", "achieved", "gap ms", "worth"
    );
    for line in phase.operations.iter().chain([&phase.all]) {
        let _ = writeln!(text, "{}", row(line, per, width));
    }
}

fn row(line: &Line, per: f64, width: usize) -> String {
    format!(
        "{:width$} {:>7} {:>10.3} {:>8.3} {:>8.3} {:>9.3} {:>9.3} {:>6} {:>7.1} % {:>9.3} {:>7}",
        line.operation,
        (line.calls as f64 / per).round(),
        line.bytes as f64 / per / 1e6,
        line.int8_multiply_adds as f64 / per / 1e9,
        line.f32_operations as f64 / per / 1e9,
        line.seconds / per * 1e3,
        line.limit_seconds / per * 1e3,
        line.bound.name(),
        line.achieved * 100.0,
        line.gap_seconds / per * 1e3,
        format!("{:.2} x", line.worth),
    )
}
