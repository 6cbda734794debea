//! A trace as text, and the list of what can be seen.

use crate::load::Loaded;
use crate::plain::visible as plain;
use hefu_answer::token_text;
use hefu_engine::inspect::{Findings, Seen, Visible, Why};
use hefu_engine::sampling::Candidate;
use hefu_text::tokenizer::Tokenizer;
use std::fmt::Write;

/// Numbers of a row that text shows.
const SHOWN: usize = 4;

/// Every name, with the layers that have it and the numbers of a row.
pub(super) fn list(visible: &[Visible]) -> String {
    let mut text = String::new();
    for Visible { name, layers, numbers, heads, kind } in visible {
        let layers = match layers[..] {
            [] => "outside the layers".to_owned(),
            [only] => format!("layer {only}"),
            [first, .., last] if layers.len() == usize::from(last - first) + 1 => format!("layers {first}-{last}"),
            [first, .., last] => format!("{} layers from {first} to {last}", layers.len()),
        };
        let numbers = numbers.map_or_else(|| "-".to_owned(), |numbers| numbers.to_string());
        let heads = if *heads > 1 { format!(", {heads} heads") } else { String::new() };
        let _ = writeln!(text, "{name:32} {numbers:>7} {kind}, {layers}{heads}");
    }
    text
}

/// For people.
pub(super) fn text(loaded: &Loaded, findings: &Findings) -> String {
    let tokenizer = &loaded.text.tokenizer;
    let mut text = String::new();
    for why in &findings.steps {
        explanation(&mut text, why, tokenizer);
    }
    for seen in &findings.values {
        values(&mut text, seen, tokenizer);
    }
    plain(&text).into_owned()
}

fn likely(best: &[Candidate], tokenizer: &Tokenizer) -> String {
    let one = |one: &Candidate| format!("{:?} {:.1} %", token_text(tokenizer, one.id), 100.0 * one.share);
    best.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn explanation(text: &mut String, Why { position, explanation }: &Why, tokenizer: &Tokenizer) {
    let _ = writeln!(text, "position {position}: {:?}", token_text(tokenizer, explanation.id));
    for stage in &explanation.stages {
        let best = likely(&stage.best, tokenizer);
        let _ = writeln!(text, "  {:4} {:12} {:>7} left: {best}", stage.clause, stage.name, stage.left);
    }
    let said = match &explanation.draw {
        Some(draw) => {
            let at = draw.point as f64 / draw.total as f64;
            format!("the random point lies at {:.2} % of the line", 100.0 * at)
        }
        None => "the first is taken".to_owned(),
    };
    let _ = writeln!(text, "  S16  {:12} {said}", "temperature");
}

fn values(text: &mut String, seen: &Seen, tokenizer: &Tokenizer) {
    let place = seen.place();
    if let Some(best) = &seen.best {
        for (position, best) in seen.positions.iter().zip(best) {
            let _ = writeln!(text, "{place} at {position}: {}", likely(best, tokenizer));
        }
        return;
    }
    for (position, row) in seen.positions.iter().zip(seen.rows()) {
        let first: Vec<String> = row.iter().take(SHOWN).map(f32::to_string).collect();
        let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        let more = if row.len() > SHOWN { " …" } else { "" };
        let _ = writeln!(text, "{place} at {position}: {}{more} (length {length:.4})", first.join(" "));
    }
}
