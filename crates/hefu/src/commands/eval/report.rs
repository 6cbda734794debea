//! Scores as a table, a drawing, test cases and JSON.

use super::finished::{Finished, share};
use crate::failure::Failure;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Height of a line of the drawing, and the width of its parts, in pixels.
const LINE: usize = 28;
const NAMES: usize = 240;
const BARS: usize = 240;
const FIGURES: usize = 220;

/// Writes a report.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::file("write", path, error))
}

/// A table in Markdown.
pub(super) fn table(all: &[Finished]) -> String {
    let mut text =
        "| task | measure | samples | score | standard error | receipt |\n|---|---|---:|---:|---:|---|\n".to_owned();
    for one in all {
        let score = one.receipt.score();
        let error = one.uncertainty().map_or_else(|| "–".to_owned(), |error| format!("{error:.4}"));
        let place = one.place.display().to_string().replace('|', "\\|");
        let figure = share(score, one.measure);
        text += &format!("| {} | {} | {} | {figure} | {error} | {place} |\n", score.name, one.measure, score.samples);
    }
    text
}

/// Everything as JSON.
pub(super) fn json(all: &[Finished]) -> Value {
    let one = |one: &Finished| {
        let score = one.receipt.score();
        json!({
            "task": score.name,
            "measure": one.measure,
            "samples": score.samples,
            "numerator": score.numerator,
            "denominator": score.denominator,
            "score": one.value(),
            "standard_error": one.uncertainty(),
            "root": score.root.to_string(),
            "model": score.model.name,
            "fingerprint": score.model.fingerprint,
            "judge": score.judge.as_ref().map(|judge| &judge.fingerprint),
            "file": one.place.display().to_string(),
        })
    };
    json!({ "tasks": all.iter().map(one).collect::<Vec<Value>>() })
}

/// A test case for each sample, in the format of JUnit.
pub(super) fn junit(all: &[Finished]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for one in all {
        let name = escaped(&one.receipt.score().name);
        let is_wrong = |earned: &hefu_eval::Points| one.is_share() && earned.points == 0;
        let failures = one.points.iter().filter(|earned| is_wrong(earned)).count();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
            one.points.len()
        );
        for (index, earned) in one.points.iter().enumerate() {
            let _ = match is_wrong(earned) {
                false => writeln!(text, "    <testcase classname=\"{name}\" name=\"sample {index}\"/>"),
                true => writeln!(
                    text,
                    "    <testcase classname=\"{name}\" name=\"sample {index}\"><failure message=\"wrong\"/></testcase>"
                ),
            };
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// The table as a drawing: a bar for each share.
pub(super) fn svg(all: &[Finished]) -> String {
    let (width, height) = (NAMES + BARS + FIGURES, LINE * (all.len() + 1));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let model = all.first().map_or("", |one| one.receipt.score().model.name.as_str());
    let _ = writeln!(text, "<text x=\"8\" y=\"19\" font-weight=\"bold\">{}</text>", escaped(model));
    for (index, one) in all.iter().enumerate() {
        let score = one.receipt.score();
        let (top, base) = (LINE * (index + 1) + 5, LINE * (index + 1) + 19);
        let _ = writeln!(text, "<text x=\"8\" y=\"{base}\">{}</text>", escaped(&score.name));
        if one.is_share() {
            let bar = (one.value() * BARS as f64).round();
            let _ = writeln!(text, "<rect x=\"{NAMES}\" y=\"{top}\" width=\"{BARS}\" height=\"18\" fill=\"#eee\"/>");
            let _ = writeln!(text, "<rect x=\"{NAMES}\" y=\"{top}\" width=\"{bar}\" height=\"18\" fill=\"#2a7\"/>");
        }
        let figure = match one.is_share() {
            true => share(score, one.measure),
            false => format!("{} {}", share(score, one.measure), one.measure),
        };
        let _ = writeln!(text, "<text x=\"{}\" y=\"{base}\">{figure}</text>", NAMES + BARS + 8);
    }
    text + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
