//! The report as a picture (SVG 1.1): for each phase a bar per operation, its limit marked in it.

use super::text;
use crate::gap::report::{Bound, Line, Phase, Report};
use crate::units;
use std::fmt::Write;

/// Pixels of the whole picture from left to right.
const WIDTH: f64 = 1220.0;
/// Left edge of bars.
const LEFT: f64 = 330.0;
/// Pixels of the longest bar.
const LONGEST: f64 = 560.0;
/// From one bar to the next.
const STEP: f64 = 26.0;
/// Pixels of a bar from top to bottom.
const THICK: f64 = 18.0;
/// Above the first bar of a phase: its title, and its limits.
const TITLE: f64 = 62.0;
/// Below the last bar of a phase: the axis.
const AXIS: f64 = 56.0;
/// Above the first phase: title, subtitle, legend.
const HEAD: f64 = 122.0;
/// Below the last phase: what the figures mean.
const FOOT: f64 = 34.0;
/// About how many marks an axis has.
const MARKS: f64 = 6.0;

/// Style of a label: with a white rim, since it may stand on lines of the axis.
const LABEL: &str = "fill=\"#333333\" stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\"";

/// Time above a limit.
const GAP_COLOUR: &str = "#d5d8dd";
/// Time of what has no limit: storing, and all that lies outside of operations.
const REST_COLOUR: &str = "#c2185b";

/// The whole picture.
pub(super) fn svg(report: &Report) -> String {
    let heights: Vec<f64> =
        report.phases.iter().map(|phase| TITLE + phase.operations.len() as f64 * STEP + AXIS).collect();
    let height = HEAD + heights.iter().sum::<f64>() + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    head(&mut svg, report);
    let mut top = HEAD;
    for (phase, height) in report.phases.iter().zip(heights) {
        panel(&mut svg, report, phase, top);
        top += height;
    }
    let foot = "x: so many times as fast the whole phase would be.";
    write(&mut svg, 24.0, height - 14.0, "start", "fill=\"#555555\"", foot);
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, report: &Report) {
    write(
        svg,
        24.0,
        34.0,
        "start",
        "font-size=\"20\" font-weight=\"bold\"",
        "Where the time goes, and how little it could be",
    );
    let subject = text::subject(report);
    write(svg, 24.0, 58.0, "start", "fill=\"#555555\"", &subject);
    let colours = [
        (colour(Bound::Memory), "limit: memory"),
        (colour(Bound::Int8), "limit: int8"),
        (colour(Bound::F32), "limit: f32"),
        (GAP_COLOUR, "time above the limit"),
        (REST_COLOUR, "time that has no limit"),
    ];
    let mut x = 24.0;
    for (colour, meaning) in colours {
        bar(svg, x, 80.0, 14.0, 14.0, colour);
        write(svg, x + 20.0, 92.0, "start", "", meaning);
        x += 52.0 + meaning.chars().count() as f64 * 6.8;
    }
}

fn panel(svg: &mut String, report: &Report, phase: &Phase, top: f64) {
    let per = phase.steps as f64;
    let title = format!(
        "{}: {} tokens, {:.1} tokens/s, {:.1} % of the limit; {} read per token",
        phase.phase,
        phase.tokens,
        phase.tokens_per_second,
        phase.all.achieved * 100.0,
        units::bytes(phase.bytes_per_token as u64)
    );
    write(svg, 24.0, top + 22.0, "start", "font-size=\"15\" font-weight=\"bold\"", &title);
    let limits = format!("limits meanwhile: {}", text::limits(report, phase));
    write(svg, 24.0, top + 42.0, "start", "fill=\"#555555\"", &limits);
    let milliseconds = |seconds: f64| seconds / per * 1e3;
    let longest =
        phase.operations.iter().map(|line| milliseconds(line.seconds.max(line.limit_seconds))).fold(0.0, f64::max);
    let scale = LONGEST / longest.max(f64::MIN_POSITIVE);
    let first = top + TITLE;
    let bottom = first + phase.operations.len() as f64 * STEP;
    axis(svg, longest, scale, first, bottom);
    for (index, line) in phase.operations.iter().enumerate() {
        let y = first + index as f64 * STEP + (STEP - THICK) / 2.0;
        let (time, limit) = (milliseconds(line.seconds), milliseconds(line.limit_seconds));
        write(svg, LEFT - 10.0, y + THICK - 5.0, "end", "", &line.operation);
        let above = if line.bound == Bound::Nothing { REST_COLOUR } else { GAP_COLOUR };
        bar(svg, LEFT, y, time * scale, THICK, above);
        bar(svg, LEFT, y, limit * scale, THICK, colour(line.bound));
        let end = LEFT + time.max(limit) * scale + 8.0;
        write(svg, end, y + THICK - 5.0, "start", LABEL, &label(line, time));
    }
    let unit = if phase.phase == "decode" { "milliseconds per step" } else { "milliseconds in all" };
    write(svg, LEFT + LONGEST / 2.0, bottom + 36.0, "middle", "fill=\"#555555\"", unit);
}

/// Label behind a bar.
fn label(line: &Line, milliseconds: f64) -> String {
    let time = if milliseconds < 9.995 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.1} ms") };
    match line.bound {
        Bound::Nothing => format!("{time}; without it {:.2} x", line.worth),
        _ => format!("{time}, {:.0} % of its limit; at its limit {:.2} x", line.achieved * 100.0, line.worth),
    }
}

/// Marks and lines at round numbers.
fn axis(svg: &mut String, longest: f64, scale: f64, top: f64, bottom: f64) {
    let step = round_step(longest / MARKS);
    let mut mark = 0;
    while step > 0.0 && f64::from(mark) * step <= longest {
        let value = f64::from(mark) * step;
        let x = LEFT + value * scale;
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#e6e6e6\"/>",
            bottom + 4.0
        );
        let digits = if step < 0.1 { 2 } else { usize::from(step < 1.0) };
        write(svg, x, bottom + 18.0, "middle", "fill=\"#555555\" font-size=\"12\"", &format!("{value:.digits$}"));
        mark += 1;
    }
}

/// The smallest of 1, 2, 5, 10, ... (times any power of ten from 0.01 on) that is at least `least`.
fn round_step(least: f64) -> f64 {
    let powers = (-2..9).map(|power| 10.0_f64.powi(power));
    let steps = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * power));
    steps.into_iter().find(|&step| step >= least).unwrap_or(1e9)
}

fn colour(bound: Bound) -> &'static str {
    match bound {
        Bound::Memory => "#1f77b4",
        Bound::Int8 => "#2e8b57",
        Bound::F32 => "#e07b00",
        Bound::Nothing => REST_COLOUR,
    }
}

fn bar(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
    );
}

fn write(svg: &mut String, x: f64, y: f64, anchor: &str, more: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{text}</text>");
}

/// Text as XML takes it: the five characters with a meaning of their own are named, and what XML 1.0 forbids is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}
