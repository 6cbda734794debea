//! Explained choices with all kinds of settings, by which the page's own sampler is held to the engine:
//!
//! ```sh
//! cargo run --release -p hefu-engine --example make_explained > golden/sampling/explained.json
//! ```

use hefu_engine::sampling::{Breakers, Dry, Explanation, History, Parameters, Xtc, explain};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens of the vocabulary.
const VOCABULARY: u32 = 300;
/// Candidates that are told of each clause.
const TOLD: usize = 6;

/// Logits over a range, in steps of which some are coarse, so that many are alike.
fn logits(number: u32) -> Vec<f32> {
    let (prime, step) = ([7919, 104_729, 1_299_709][number as usize % 3], [29.0, 7.0, 101.0, 1.0][number as usize % 4]);
    let logit = |id: u32| match id {
        299 => f32::NEG_INFINITY,
        _ => ((id * (prime % 293) + number) % 293) as f32 / step - 11.0,
    };
    (0..VOCABULARY).map(logit).collect()
}

fn history(number: u32) -> Vec<u32> {
    (0..20 + number % 7).map(|at| (at % (3 + number % 5)) * 31 + number % 3).collect()
}

fn parameters(number: u32) -> Parameters {
    let on = |bit: u32| number >> bit & 1 == 1;
    let breakers: &[&[u32]] = if on(2) { &[&[31], &[0, 31]] } else { &[] };
    Parameters {
        temperature: [0.7, 0.0, 1.0, 1.9, 0.05][number as usize % 5],
        top_k: if on(0) { 40 } else { 0 },
        top_p: if on(1) { 0.9 } else { 1.0 },
        min_p: if on(2) { 0.05 } else { 0.0 },
        typical_p: if on(3) { 0.8 } else { 1.0 },
        repetition_penalty: if on(4) { 1.3 } else { 1.0 },
        presence_penalty: if on(5) { 0.4 } else { 0.0 },
        frequency_penalty: if on(4) { 0.15 } else { 0.0 },
        repeat_last_n: if on(5) { -1 } else { 16 },
        dry: Dry {
            multiplier: if on(6) { 0.8 } else { 0.0 },
            breakers: Breakers::new(breakers).unwrap_or_default(),
            ..Dry::default()
        },
        xtc: Xtc { probability: if on(3) { 0.6 } else { 0.0 }, threshold: 0.08 },
        logit_bias: if on(1) { BTreeMap::from([(5, 2.5), (17, -4.0)]) } else { BTreeMap::new() },
        banned: if on(0) { BTreeSet::from([3, 9]) } else { BTreeSet::new() },
        min_keep: if on(4) { 3 } else { 1 },
        seed: u64::from(number) * 0x9e37_79b9_7f4a % 0xffff_ffff_ffff,
        ..Parameters::default()
    }
}

fn told(explanation: &Explanation) -> Value {
    let stages = explanation.stages.iter().map(|stage| {
        let best = stage.best.iter().map(|one| json!([one.id, one.logit.to_bits(), one.share.to_bits().to_string()]));
        json!({"clause": stage.clause, "name": stage.name, "left": stage.left, "best": best.collect::<Vec<_>>()})
    });
    let draw = explanation.draw.as_ref().map(|draw| {
        let weights = draw.stretches.iter().map(|one| json!([one.id, one.weight])).collect::<Vec<_>>();
        let [random, total, point] = [draw.random, draw.total, draw.point].map(|number| number.to_string());
        json!({"random": random, "total": total, "point": point, "weights": weights})
    });
    json!({"id": explanation.id, "stages": stages.collect::<Vec<_>>(), "draw": draw})
}

/// Every case, a line each.
pub(crate) fn cases() -> String {
    let case = |number: u32| {
        let (logits, history, parameters) = (logits(number), history(number), parameters(number));
        let position = history.len() as u64;
        let found = explain(&logits, &History::new(&history), &parameters, None, position, TOLD);
        let found = found.map_or_else(|error| json!(error.to_string()), |found| told(&found));
        let bits: Vec<u32> = logits.iter().map(|logit| logit.to_bits()).collect();
        let seed = parameters.seed.to_string();
        json!({"logits": bits, "history": history, "parameters": parameters, "seed": seed, "explanation": found})
    };
    let lines: Vec<String> = (0..48).map(|number| case(number * 13 + number / 5).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn main() {
    print!("{}", cases());
}
