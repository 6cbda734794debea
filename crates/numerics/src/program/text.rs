//! A program as text, one line for each operation, so that a changed family shows in review.
//!
//! ```text
//! vocabulary 256, context 64, causal, cache f16
//! rope 0: 8 pairs from 1.0 to 0.00031622776601683794, magnitude 1.0, digest 5f3a0c1e
//! state 0: group 0, heads 2, key 16, value 16
//! body
//!     embd[64] = embed(token_embd.weight[256,64]; scale 1.0)
//!   0 attn_norm[64] = rms_norm(/embd; attn_norm.weight[64]; size 64, epsilon 1e-5)
//! ```
//!
//! A value of the same layer goes by its name, one of layer `n` by `n/name`, one of none by `/name`. How weights are stored
//! and where the file has them is left out: two files of one model have one text.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Entry, Factor, Kind, Op, Order, Program, RouteRule, Rows, Shape, StateSpec, Step, Value, Values, Weight};
use crate::rope::Frequencies;

impl Program {
    /// The program as text, a line for each rotation, state and operation; the same for the same program.
    pub fn text(&self) -> String {
        let order = match self.order {
            Order::Causal => "causal",
            Order::Whole => "whole",
        };
        let (vocabulary, context, cache) = (self.vocabulary, self.context, self.profile.name());
        let mut lines = vec![format!("vocabulary {vocabulary}, context {context}, {order}, cache {cache}")];
        lines.extend(self.variants.iter().map(|variant| format!("variant {variant}")));
        let ropes = self.ropes.iter().enumerate();
        lines.extend(ropes.map(|(index, rope)| format!("rope {index}: {}", rope_text(rope))));
        let states = self.states.iter().enumerate();
        lines.extend(states.map(|(index, state)| format!("state {index}: {}", state_text(state))));
        for section in &self.sections {
            lines.push(entry_text(section.entry).to_owned());
            lines.extend(section.steps.iter().map(|step| self.step_text(step)));
            lines.push(format!("    -> {}", self.value_name(section.output, None)));
        }
        lines.join("\n") + "\n"
    }

    fn step_text(&self, step: &Step) -> String {
        let layer = step.layer.map_or(String::new(), |layer| layer.to_string());
        let mut line = format!("{layer:>3} ");
        if let Some(value) = step.op.output() {
            let spec = self.value(value);
            let kind = match spec.kind {
                Kind::Numbers => "",
                Kind::Angles => " angles",
                Kind::Choices => " choices",
            };
            let rows = if spec.rows == Rows::Wanted { " wanted" } else { "" };
            let name = self.value_name(value, step.layer);
            let _ = write!(line, "{name}[{}{kind}{rows}] = ", spec.width);
        }
        let inputs = step.op.inputs().into_iter().map(|value| self.value_name(value, step.layer));
        let weights = step.op.weights().into_iter().map(|weight| self.weight_text(weight, step.layer));
        let state = step.op.state().map(|state| format!("state {}", state.0));
        let parts = [inputs.collect(), weights.collect(), state.into_iter().collect(), parameters(&step.op)];
        let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.join(", ")).collect();
        line + &format!("{}({})", step.op.name(), parts.join("; "))
    }

    fn value_name(&self, value: Value, layer: Option<u16>) -> String {
        let spec = self.value(value);
        match spec.layer {
            of if of == layer => spec.name.clone(),
            Some(of) => format!("{of}/{}", spec.name),
            None => format!("/{}", spec.name),
        }
    }

    fn weight_text(&self, weight: Weight, layer: Option<u16>) -> String {
        let spec = self.weight(weight);
        let prefix = layer.map(|layer| format!("blk.{layer}."));
        let tensor = prefix.and_then(|prefix| spec.tensor.strip_prefix(&prefix)).unwrap_or(&spec.tensor);
        let shape = match spec.shape {
            Shape::Vector(length) => format!("[{length}]"),
            Shape::Matrix { rows, columns } => format!("[{rows},{columns}]"),
            Shape::Stack { items, rows, columns } => format!("[{items},{rows},{columns}]"),
        };
        let (source, rows) = (spec.source, spec.shape.rows());
        let is_cut = source.block != source.stride && source.block < rows;
        let rows = match (source.first, is_cut) {
            (0, false) => String::new(),
            (first, false) => format!(" (rows from {first})"),
            (first, true) => format!(" (rows from {first}, {} of every {})", source.block, source.stride),
        };
        format!("{tensor}{shape}{rows}")
    }
}

fn entry_text(entry: Entry) -> &'static str {
    match entry {
        Entry::Body => "body",
        Entry::Logits => "logits",
        Entry::Hidden => "hidden",
        Entry::Rank => "rank",
    }
}

fn rope_text(rope: &Frequencies) -> String {
    let mut hasher = Sha256::new();
    rope.per_pair.iter().for_each(|frequency| hasher.update(frequency.to_bits().to_le_bytes()));
    let digest: String = hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let (first, last) = (rope.per_pair.first().unwrap_or(&0.0), rope.per_pair.last().unwrap_or(&0.0));
    let (pairs, magnitude) = (rope.per_pair.len(), rope.magnitude);
    format!("{pairs} pairs from {first:?} to {last:?}, magnitude {magnitude:?}, digest {digest}")
}

fn state_text(state: &StateSpec) -> String {
    match *state {
        StateSpec::KeyValue { group, heads, key, value, window } => {
            let value = match value {
                Values::Own(size) => format!("value {size}"),
                Values::FirstOfKey(size) => format!("value first {size} of key"),
            };
            let window = window.map_or(String::new(), |window| format!(", window {window}"));
            format!("group {group}, heads {heads}, key {key}, {value}{window}")
        }
        StateSpec::Recurrent { numbers } => format!("{numbers} numbers"),
    }
}

/// Parameters of an operation besides values, weights and states.
fn parameters(op: &Op) -> Vec<String> {
    match *op {
        Op::Embed { scale, .. } => vec![format!("scale {scale:?}")],
        Op::Inject { input, .. } => vec![format!("input {input}")],
        Op::Angles { rope, .. } => vec![format!("rope {}", rope.0)],
        Op::Rows { at, .. } => vec![format!("at {at:?}")],
        Op::Temperature { length, factor, .. } => vec![format!("length {length}"), format!("factor {factor:?}")],
        Op::RmsNorm { size, epsilon, .. } | Op::LayerNorm { size, epsilon, .. } | Op::L2Norm { size, epsilon, .. } => {
            vec![format!("size {size}"), format!("epsilon {epsilon:?}")]
        }
        Op::MatchMagnitude { floor, .. } => vec![format!("floor {floor:?}")],
        Op::GaussianTopK { deviations, .. } => vec![format!("deviations {deviations:?}")],
        Op::Rotate { head, first, style, .. } => {
            let first = (first > 0).then(|| format!("from {first}"));
            [Some(format!("head {head}")), first, Some(format!("{style:?}"))].into_iter().flatten().collect()
        }
        Op::Attend { heads, scale, cap, alibi, .. } => {
            let (cap, alibi) = (cap.map(|cap| format!("cap {cap:?}")), alibi.map(|most| format!("alibi {most:?}")));
            let always = [format!("heads {heads}"), format!("scale {scale:?}")];
            always.into_iter().chain(cap).chain(alibi).collect()
        }
        Op::AttendWhole { heads, key_values, scale, window, alibi, .. } => {
            let heads = format!("heads {heads} to {key_values}");
            let window = window.map(|window| format!("window {window}"));
            let alibi = alibi.map(|most| format!("alibi {most:?}"));
            [heads, format!("scale {scale:?}")].into_iter().chain(window).chain(alibi).collect()
        }
        Op::Gate { activation, .. } | Op::Activate { activation, .. } | Op::Experts { activation, .. } => {
            vec![format!("{activation:?}")]
        }
        Op::SoftCap { cap, .. } => vec![format!("cap {cap:?}")],
        Op::Scale { by: Factor::Constant(factor), .. } => vec![format!("by {factor:?}")],
        Op::Slice { head, first, size, .. } => vec![format!("head {head}"), format!("{size} from {first}")],
        Op::Join { heads, .. } => vec![format!("heads {heads}")],
        Op::ShortConv { activation, .. } => activation.iter().map(|activation| format!("{activation:?}")).collect(),
        Op::GatedDelta { heads, scale, .. } => vec![
            format!("keys {} x {}", heads.keys, heads.key_size),
            format!("values {} x {}", heads.values, heads.value_size),
            format!("{:?}", heads.sharing),
            format!("scale {scale:?}"),
        ],
        Op::Wkv7 { heads, .. } => vec![format!("heads {heads}")],
        Op::Route { rule, .. } => rule_text(&rule),
        Op::Linear { .. }
        | Op::HeadLinear { .. }
        | Op::StoreKv { .. }
        | Op::Add { .. }
        | Op::Scale { .. }
        | Op::Decay { .. }
        | Op::SelectiveScan { .. }
        | Op::TokenShift { .. }
        | Op::Select { .. } => Vec::new(),
    }
}

fn rule_text(rule: &RouteRule) -> Vec<String> {
    let mut parts = vec![format!("{} by {:?}", rule.used, rule.scoring)];
    if let Some(groups) = rule.groups {
        parts.push(format!("{} of {} groups by their best {}", groups.used, groups.count, groups.best));
    }
    parts.extend(rule.normalised.map(|least| format!("normalised, sum at least {least:?}")));
    parts.push(format!("scale {:?}", rule.scale));
    parts
}
