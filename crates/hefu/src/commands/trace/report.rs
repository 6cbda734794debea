//! A trace as text and as JSON.

use super::{Seen, Trace, Why};
use crate::failure::Failure;
use crate::load::Loaded;
use crate::plain::visible as plain;
use hefu_engine::sampling::{Draw, Stage};
use hefu_numerics::program::{Entry, Kind, Program, Value as Place};
use hefu_text::tokenizer::Tokenizer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Numbers of a row that text shows.
const SHOWN: usize = 4;

/// The values of the body that can be read: those that an operation writes.
pub(super) fn visible(program: &Program) -> Vec<Place> {
    let body = program.section(Entry::Body).map_or(&[][..], |body| &body.steps);
    let mut values: Vec<Place> = body.iter().filter_map(|step| step.op.output()).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// What a value is called: `LAYER.NAME`, or `NAME` outside the layers.
pub(super) fn place(program: &Program, value: Place) -> String {
    let spec = program.value(value);
    spec.layer.map_or_else(|| spec.name.clone(), |layer| format!("{layer}.{}", spec.name))
}

/// Every name, with the layers that have it and the numbers of a row.
pub(super) fn list(program: &Program) -> String {
    let mut names: BTreeMap<&str, (Vec<u16>, usize, Kind)> = BTreeMap::new();
    let mut order = Vec::new();
    for value in visible(program) {
        let spec = program.value(value);
        let entry = names.entry(&spec.name).or_insert_with(|| {
            order.push(&spec.name[..]);
            (Vec::new(), spec.numbers(), spec.kind)
        });
        entry.0.extend(spec.layer);
    }
    let mut text = String::new();
    for name in order {
        let Some((layers, numbers, kind)) = names.get(name) else { continue };
        let layers = match layers[..] {
            [] => "outside the layers".to_owned(),
            [only] => format!("layer {only}"),
            [first, .., last] if layers.len() == usize::from(last - first) + 1 => format!("layers {first}-{last}"),
            [first, .., last] => format!("{} layers from {first} to {last}", layers.len()),
        };
        let kind = match kind {
            Kind::Numbers => "numbers",
            Kind::Angles => "cosines, then sines",
            Kind::Choices => "pairs of an expert and its weight",
        };
        let _ = writeln!(text, "{name:32} {numbers:>7} {kind}, {layers}");
    }
    text
}

fn shown(tokenizer: &Tokenizer, id: u32) -> String {
    String::from_utf8_lossy(tokenizer.token_bytes(id, true)).into_owned()
}

/// For people.
pub(super) fn text(loaded: &Loaded, trace: &Trace) -> String {
    let tokenizer = &loaded.text.tokenizer;
    let mut text = String::new();
    for Why { position, explanation } in &trace.steps {
        let _ = writeln!(text, "position {position}: {:?}", shown(tokenizer, explanation.id));
        for stage in &explanation.stages {
            let best =
                stage.best.iter().map(|one| format!("{:?} {:.1} %", shown(tokenizer, one.id), 100.0 * one.share));
            let best = best.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "  {:4} {:12} {:>7} left: {best}", stage.clause, stage.name, stage.left);
        }
        match &explanation.draw {
            Some(draw) => {
                let at = draw.point as f64 / draw.total as f64;
                let _ = writeln!(
                    text,
                    "  S16  {:12} the random point lies at {:.2} % of the line",
                    "temperature",
                    100.0 * at
                );
            }
            None => {
                let _ = writeln!(text, "  S16  {:12} the first is taken", "temperature");
            }
        }
    }
    for seen in &trace.values {
        let program = &loaded.model.program;
        let width = program.value(seen.value).numbers();
        for (position, row) in seen.positions.iter().zip(seen.numbers.chunks_exact(width)) {
            let first: Vec<String> = row.iter().take(SHOWN).map(f32::to_string).collect();
            let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
            let more = if width > SHOWN { " …" } else { "" };
            let name = place(program, seen.value);
            let _ = writeln!(text, "{name} at {position}: {}{more} (length {length:.4})", first.join(" "));
        }
    }
    plain(&text).into_owned()
}

/// For programs; the numbers of values only if they are not in a file.
pub(super) fn json(loaded: &Loaded, trace: &Trace, has_numbers: bool) -> Result<Value, Failure> {
    let tokenizer = &loaded.text.tokenizer;
    let token = |id: &u32| json!({"id": id, "text": shown(tokenizer, *id)});
    let step = |why: &Why| {
        json!({
            "position": why.position,
            "id": why.explanation.id,
            "stages": why.explanation.stages.iter().map(stage).collect::<Vec<_>>(),
            "draw": why.explanation.draw.as_ref().map(draw),
        })
    };
    let program = &loaded.model.program;
    let value = |seen: &Seen| {
        let spec = program.value(seen.value);
        let rows: Vec<&[f32]> = seen.numbers.chunks_exact(spec.numbers()).collect();
        let numbers = has_numbers.then_some(rows);
        json!({"name": spec.name, "layer": spec.layer, "positions": seen.positions, "numbers": numbers})
    };
    Ok(json!({
        "model": loaded.resolved.name,
        "fingerprint": loaded.fingerprint()?.to_string(),
        "prompt_tokens": trace.prompt,
        "tokens": trace.tokens.iter().map(token).collect::<Vec<_>>(),
        "steps": trace.steps.iter().map(step).collect::<Vec<_>>(),
        "values": trace.values.iter().map(value).collect::<Vec<_>>(),
    }))
}

fn stage(stage: &Stage) -> Value {
    let best = stage.best.iter().map(|one| json!({"id": one.id, "logit": one.logit, "share": one.share}));
    json!({"clause": stage.clause, "name": stage.name, "left": stage.left, "best": best.collect::<Vec<_>>()})
}

/// 64 bits are text, as many readers of JSON keep 53.
fn draw(draw: &Draw) -> Value {
    let stretches = draw.stretches.iter().map(|one| json!({"id": one.id, "weight": one.weight.to_string()}));
    json!({
        "random": draw.random.to_string(),
        "point": draw.point.to_string(),
        "total": draw.total.to_string(),
        "stretches": stretches.collect::<Vec<_>>(),
    })
}
