//! Operands of operations: values, weights and states that they read and write.

use super::{Factor, Op, State, Value, Weight, Wkv7};

impl Op {
    /// The value that it writes.
    pub fn output(&self) -> Option<Value> {
        match *self {
            Op::StoreKv { .. } => None,
            Op::Embed { out, .. }
            | Op::Rows { out, .. }
            | Op::Temperature { out, .. }
            | Op::LayerNorm { out, .. }
            | Op::AttendWhole { out, .. }
            | Op::Inject { out, .. }
            | Op::Angles { out, .. }
            | Op::RmsNorm { out, .. }
            | Op::L2Norm { out, .. }
            | Op::MatchMagnitude { out, .. }
            | Op::GaussianTopK { out, .. }
            | Op::Linear { out, .. }
            | Op::HeadLinear { out, .. }
            | Op::Rotate { out, .. }
            | Op::Attend { out, .. }
            | Op::Gate { out, .. }
            | Op::Add { out, .. }
            | Op::SoftCap { out, .. }
            | Op::Activate { out, .. }
            | Op::Scale { out, .. }
            | Op::Slice { out, .. }
            | Op::Join { out, .. }
            | Op::ShortConv { out, .. }
            | Op::Decay { out, .. }
            | Op::GatedDelta { out, .. }
            | Op::SelectiveScan { out, .. }
            | Op::TokenShift { out, .. }
            | Op::Wkv7 { out, .. }
            | Op::Route { out, .. }
            | Op::Experts { out, .. }
            | Op::Select { out, .. } => Some(out),
        }
    }

    /// The values that it reads.
    pub fn inputs(&self) -> Vec<Value> {
        let mut inputs = self.clone();
        let mut all = Vec::new();
        inputs.each_input(&mut |value| all.push(*value));
        all
    }

    /// Calls `change` with each value that it reads.
    pub fn each_input(&mut self, change: &mut dyn FnMut(&mut Value)) {
        match self {
            Op::Embed { .. } | Op::Rows { .. } | Op::Temperature { .. } | Op::Inject { .. } | Op::Angles { .. } => {}
            Op::RmsNorm { x, .. }
            | Op::LayerNorm { x, .. }
            | Op::L2Norm { x, .. }
            | Op::GaussianTopK { x, .. }
            | Op::Linear { x, .. }
            | Op::HeadLinear { x, .. }
            | Op::SoftCap { x, .. }
            | Op::Activate { x, .. }
            | Op::Slice { x, .. }
            | Op::ShortConv { x, .. }
            | Op::TokenShift { x, .. }
            | Op::Decay { x, .. }
            | Op::Select { x, .. } => change(x),
            Op::Scale { x, by, .. } => {
                change(x);
                if let Factor::Value(value) = by {
                    change(value);
                }
            }
            Op::Join { parts, .. } => parts.iter_mut().for_each(change),
            Op::GatedDelta { queries, keys, values, decay, beta, .. } => {
                [queries, keys, values, decay].into_iter().chain(beta).for_each(change);
            }
            Op::SelectiveScan { x, steps, keys, queries, .. } => [x, steps, keys, queries].into_iter().for_each(change),
            Op::Wkv7 { inputs: Wkv7 { queries, decay, keys, values, removal, rates }, .. } => {
                [queries, decay, keys, values, removal, rates].into_iter().for_each(change);
            }
            Op::Rotate { x, angles, .. } => [x, angles].into_iter().for_each(change),
            Op::StoreKv { keys, values, .. } => std::iter::once(keys).chain(values).for_each(change),
            Op::Attend { queries, .. } => change(queries),
            Op::AttendWhole { queries, keys, values, .. } => [queries, keys, values].into_iter().for_each(change),
            Op::Gate { gate, up, .. } => [gate, up].into_iter().for_each(change),
            Op::MatchMagnitude { x, like, .. } => [x, like].into_iter().for_each(change),
            Op::Add { a, b, .. } => [a, b].into_iter().for_each(change),
            Op::Route { scores, .. } => change(scores),
            Op::Experts { x, choices, .. } => [x, choices].into_iter().for_each(change),
        }
    }

    /// The weights that it uses, in the order in which it is described.
    pub fn weights(&self) -> Vec<Weight> {
        match *self {
            Op::Embed { table, .. } | Op::Rows { table, .. } => vec![table],
            Op::RmsNorm { gain, .. } => gain.into_iter().collect(),
            Op::LayerNorm { gain, bias, .. } => gain.into_iter().chain(bias).collect(),
            Op::Attend { sinks, .. } => sinks.into_iter().collect(),
            Op::Linear { weight, bias, .. } | Op::ShortConv { weight, bias, .. } => {
                std::iter::once(weight).chain(bias).collect()
            }
            Op::HeadLinear { weight, .. } | Op::Scale { by: Factor::Weight(weight), .. } => vec![weight],
            Op::Decay { rate, bias, .. } => vec![rate, bias],
            Op::SelectiveScan { rates, .. } => vec![rates],
            Op::Route { rule, .. } => rule.bias.into_iter().chain(rule.factors).collect(),
            Op::Experts { gate, up, down, biases, .. } => {
                gate.into_iter().chain([up, down]).chain(biases.into_iter().flatten()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The state that it reads or writes.
    pub fn state(&self) -> Option<State> {
        match *self {
            Op::StoreKv { state, .. }
            | Op::Attend { state, .. }
            | Op::ShortConv { state, .. }
            | Op::GatedDelta { state, .. }
            | Op::SelectiveScan { state, .. }
            | Op::TokenShift { state, .. }
            | Op::Wkv7 { state, .. } => Some(state),
            _ => None,
        }
    }

    /// True if it writes a state, so that it must be done for all rows.
    pub fn writes_state(&self) -> bool {
        matches!(
            self,
            Op::StoreKv { .. }
                | Op::ShortConv { .. }
                | Op::GatedDelta { .. }
                | Op::SelectiveScan { .. }
                | Op::TokenShift { .. }
                | Op::Wkv7 { .. }
        )
    }

    /// Its name in texts.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::Rows { .. } => "rows",
            Op::Temperature { .. } => "temperature",
            Op::LayerNorm { .. } => "layer_norm",
            Op::AttendWhole { .. } => "attend_whole",
            Op::Inject { .. } => "inject",
            Op::Angles { .. } => "angles",
            Op::RmsNorm { .. } => "rms_norm",
            Op::L2Norm { .. } => "l2_norm",
            Op::MatchMagnitude { .. } => "match_magnitude",
            Op::GaussianTopK { .. } => "gaussian_top_k",
            Op::Linear { .. } => "linear",
            Op::HeadLinear { .. } => "head_linear",
            Op::Rotate { .. } => "rotate",
            Op::StoreKv { .. } => "store_kv",
            Op::Attend { .. } => "attend",
            Op::Gate { .. } => "gate",
            Op::Add { .. } => "add",
            Op::SoftCap { .. } => "soft_cap",
            Op::Activate { .. } => "activate",
            Op::Scale { .. } => "scale",
            Op::Slice { .. } => "slice",
            Op::Join { .. } => "join",
            Op::ShortConv { .. } => "short_conv",
            Op::Decay { .. } => "decay",
            Op::GatedDelta { .. } => "gated_delta",
            Op::SelectiveScan { .. } => "selective_scan",
            Op::TokenShift { .. } => "token_shift",
            Op::Wkv7 { .. } => "wkv7",
            Op::Route { .. } => "route",
            Op::Experts { .. } => "experts",
            Op::Select { .. } => "select",
        }
    }
}
