//! A small program with random weights, made of the parts that families are made of.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod seen;

use hefu_numerics::conformance::{Numbers, Style};
use hefu_numerics::device::Files;
use hefu_numerics::kv::Profile;
use hefu_numerics::program::{
    Activation, DeltaHeads, Entry, Factor, Kind, Op, Order, Program, Rope, RopeStyle, RouteRule, Rows, Scoring,
    Section, Shape, Sharing, Source, State, StateSpec, Step, Value, ValueSpec, Values, Weight, WeightSpec,
};
use hefu_numerics::quant::{FORMATS, Format};
use hefu_numerics::rope::Frequencies;
use proptest::prelude::*;
use std::sync::Arc;

const HIDDEN: usize = 256;
const HEAD: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const INNER: usize = 512;
const EXPERTS: usize = 4;
const VOCABULARY: usize = 41;

/// Parts of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) format: usize,
    pub(crate) profile: Profile,
    pub(crate) post_norms: bool,
    pub(crate) head_norms: bool,
    pub(crate) biases: bool,
    pub(crate) experts: bool,
    pub(crate) window: Option<usize>,
    pub(crate) cap: bool,
    pub(crate) gelu: bool,
    pub(crate) latent: bool,
    pub(crate) delta: bool,
}

impl Parts {
    pub(crate) const PLAIN: Parts = Parts {
        format: 0,
        profile: Profile::F16,
        post_norms: false,
        head_norms: false,
        biases: false,
        experts: false,
        window: None,
        cap: false,
        gelu: false,
        latent: false,
        delta: false,
    };
}

pub(crate) fn any_parts() -> impl Strategy<Value = Parts> {
    let flags = prop::array::uniform8(any::<bool>());
    (0..FORMATS.len(), any::<bool>(), prop::option::of(1_usize..60), flags).prop_map(|(format, q8, window, flags)| {
        let [post_norms, head_norms, biases, experts, cap, gelu, latent, delta] = flags;
        let profile = if q8 { Profile::Q8 } else { Profile::F16 };
        Parts { format, profile, post_norms, head_norms, biases, experts, window, cap, gelu, latent, delta }
    })
}

/// The program and the file that it is read from.
pub(crate) struct Written {
    pub(crate) program: Arc<Program>,
    file: Vec<u8>,
}

impl Files for Written {
    fn bytes(&self, _: usize) -> &[u8] {
        &self.file
    }
}

struct Writer<'n> {
    program: Program,
    file: Vec<u8>,
    numbers: &'n mut Numbers,
    steps: Vec<Step>,
    layer: Option<u16>,
    parts: Parts,
}

impl Written {
    pub(crate) fn new(parts: Parts, numbers: &mut Numbers) -> Written {
        let program = Program {
            vocabulary: VOCABULARY,
            context: 256,
            profile: parts.profile,
            order: Order::Causal,
            values: vec![],
            weights: vec![],
            states: vec![],
            ropes: vec![Frequencies::plain(10_000.0, HEAD)],
            sections: vec![],
            variants: vec![],
        };
        let mut writer = Writer { program, file: vec![], numbers, steps: vec![], layer: None, parts };
        writer.write();
        let program = writer.program.seal(&[]).expect("a good program");
        Written { program: Arc::new(program), file: writer.file }
    }

    /// Makes a row of a table one of numbers that are none.
    pub(crate) fn poison(&mut self, tensor: &str, row: usize) {
        let spec = self.program.weights.iter().find(|spec| spec.tensor == tensor).expect("a tensor");
        assert_eq!(spec.format.name, "F32");
        let at = spec.source.offset + row * spec.row_bytes();
        self.file[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
}

impl Writer<'_> {
    fn weight(&mut self, tensor: &str, format: &'static Format, shape: Shape) -> Weight {
        let offset = self.file.len();
        let (rows, columns) = (shape.rows(), shape.columns());
        match shape {
            Shape::Vector(length) => {
                let numbers = self.numbers.activations(length, Style::Usual);
                numbers.iter().for_each(|x| self.file.extend(x.to_le_bytes()));
            }
            _ => self.file.extend(self.numbers.weights(format, rows, columns, Style::Usual)),
        }
        let source = Source { file: 0, offset, first: 0, block: rows, stride: rows };
        self.program.weights.push(WeightSpec { tensor: tensor.into(), format, shape, source });
        Weight(self.program.weights.len() as u32 - 1)
    }

    fn vector(&mut self, tensor: &str, length: usize) -> Weight {
        self.weight(tensor, FORMATS[0], Shape::Vector(length))
    }

    fn value(&mut self, name: &str, width: usize, kind: Kind) -> Value {
        let (layer, name) = (self.layer, name.into());
        self.program.values.push(ValueSpec { name, layer, width, kind, rows: Rows::All });
        Value(self.program.values.len() as u32 - 1)
    }

    fn step(&mut self, name: &str, width: usize, op: impl FnOnce(Value) -> Op) -> Value {
        let out = self.value(name, width, Kind::Numbers);
        self.push(op(out));
        out
    }

    fn push(&mut self, op: Op) {
        self.steps.push(Step { layer: self.layer, op });
    }

    fn linear(&mut self, name: &str, x: Value, columns: usize, rows: usize) -> Value {
        let format = FORMATS[(self.parts.format + rows / 32) % FORMATS.len()];
        let format = if self.parts.format == 0 { FORMATS[0] } else { format };
        let weight = self.weight(&format!("blk.0.{name}.weight"), format, Shape::Matrix { rows, columns });
        let bias = self.parts.biases.then(|| self.vector(&format!("blk.0.{name}.bias"), rows));
        self.step(name, rows, |out| Op::Linear { x, weight, bias, out })
    }

    fn norm(&mut self, name: &str, x: Value, width: usize, size: usize) -> Value {
        let gain = Some(self.vector(&format!("blk.0.{name}.weight"), size));
        self.step(name, width, |out| Op::RmsNorm { x, size, gain, epsilon: 1.0e-6, out })
    }

    fn heads(&mut self, name: &str, x: Value, count: usize, angles: Value) -> Value {
        let width = count * HEAD;
        let x = if self.parts.head_norms { self.norm(&format!("{name}_norm"), x, width, HEAD) } else { x };
        let style = if self.parts.gelu { RopeStyle::Interleaved } else { RopeStyle::NeoX };
        self.step(name, width, |out| Op::Rotate { x, head: HEAD, first: 0, style, angles, out })
    }

    fn write(&mut self) {
        let table = self.weight("token_embd.weight", FORMATS[0], Shape::Matrix { rows: VOCABULARY, columns: HIDDEN });
        let mut x = self.step("embedding", HIDDEN, |out| Op::Embed { table, scale: 0.5, out });
        let angles = self.value("angles", HEAD, Kind::Angles);
        self.push(Op::Angles { rope: Rope(0), out: angles });
        for layer in 0..2 {
            self.layer = Some(layer);
            x = self.layer(x, angles);
        }
        self.layer = None;
        let steps = std::mem::take(&mut self.steps);
        self.program.sections.push(Section { entry: Entry::Body, steps, output: x });
        let normed = self.norm("output_norm", x, HIDDEN, HIDDEN);
        let mut output = self.linear("output", normed, HIDDEN, VOCABULARY);
        if self.parts.cap {
            output = self.step("capped", VOCABULARY, |out| Op::SoftCap { x: output, cap: 30.0, out });
        }
        let steps = std::mem::take(&mut self.steps);
        self.program.sections.push(Section { entry: Entry::Logits, steps, output });
        let output = self.norm("output_norm", x, HIDDEN, HIDDEN);
        let steps = std::mem::take(&mut self.steps);
        self.program.sections.push(Section { entry: Entry::Hidden, steps, output });
    }

    fn layer(&mut self, x: Value, angles: Value) -> Value {
        let value_size = if self.parts.latent { Values::FirstOfKey(HEAD / 2) } else { Values::Own(HEAD) };
        let window = self.parts.window;
        self.program.states.push(StateSpec::KeyValue {
            group: 0,
            heads: KV_HEADS,
            key: HEAD,
            value: value_size,
            window,
        });
        let state = State(self.program.states.len() as u32 - 1);
        let normed = self.norm("attn_norm", x, HIDDEN, HIDDEN);
        let queries = self.linear("attn_q", normed, HIDDEN, HEADS * HEAD);
        let keys = self.linear("attn_k", normed, HIDDEN, KV_HEADS * HEAD);
        let values = (!self.parts.latent).then(|| self.linear("attn_v", normed, HIDDEN, KV_HEADS * HEAD));
        let queries = self.heads("queries", queries, HEADS, angles);
        let keys = self.heads("keys", keys, KV_HEADS, angles);
        self.push(Op::StoreKv { keys, values, state });
        let width = HEADS * value_size.size();
        let attention_output = self.step("attended", width, |out| Op::Attend {
            queries,
            heads: HEADS,
            scale: 0.2,
            cap: None,
            sinks: None,
            alibi: None,
            state,
            out,
        });
        let mut mixed = if width.is_multiple_of(256) {
            self.linear("attn_output", attention_output, width, HIDDEN)
        } else {
            let weight = Shape::Matrix { rows: HIDDEN, columns: width };
            let weight = self.weight("blk.0.attn_output.weight", FORMATS[0], weight);
            self.step("attn_output", HIDDEN, |out| Op::Linear { x: attention_output, weight, bias: None, out })
        };
        if self.parts.post_norms {
            mixed = self.norm("post_attention_norm", mixed, HIDDEN, HIDDEN);
        }
        if self.parts.delta {
            let delta = self.delta(normed);
            mixed = self.step("with_delta", HIDDEN, |out| Op::Add { a: delta, b: mixed, out });
        }
        let x = self.step("after_attention", HIDDEN, |out| Op::Add { a: x, b: mixed, out });
        let normed = self.norm("ffn_norm", x, HIDDEN, HIDDEN);
        let mut mixed = if self.parts.experts { self.experts(normed) } else { self.gated(normed) };
        if self.parts.post_norms {
            mixed = self.norm("post_ffw_norm", mixed, HIDDEN, HIDDEN);
        }
        self.step("after_ffn", HIDDEN, |out| Op::Add { a: x, b: mixed, out })
    }

    /// A gated delta layer: keys of one head, values of three, of sizes that fill no lanes.
    fn delta(&mut self, x: Value) -> Value {
        let heads = DeltaHeads { keys: 1, values: 3, key_size: 24, value_size: 72, sharing: Sharing::Tiled };
        let (keys, values) = (heads.keys * heads.key_size, heads.values * heads.value_size);
        let channels = 2 * keys + values;
        let [conv, memory] = [2 * channels, heads.values * heads.key_size * heads.value_size].map(|numbers| {
            self.program.states.push(StateSpec::Recurrent { numbers });
            State(self.program.states.len() as u32 - 1)
        });
        let weight = self.plain("attn_qkv", channels, HIDDEN);
        let mixed = self.step("delta_mixed", channels, |out| Op::Linear { x, weight, bias: None, out });
        let weight = self.plain("ssm_conv1d", channels, 3);
        let bias = self.parts.biases.then(|| self.vector("blk.0.ssm_conv1d.bias", channels));
        let activation = Some(self.activation());
        let mixed = self.step("delta_convolved", channels, |out| Op::ShortConv {
            x: mixed,
            weight,
            bias,
            activation,
            state: conv,
            out,
        });
        let gates = self.delta_gates(x, heads.values);
        self.delta_memory(mixed, gates, heads, memory)
    }

    /// Decay and correction of a memory.
    fn delta_gates(&mut self, x: Value, values: usize) -> [Value; 2] {
        let weight = self.plain("ssm_alpha", values, HIDDEN);
        let alpha = self.step("delta_alpha", values, |out| Op::Linear { x, weight, bias: None, out });
        let (rate, bias) = (self.vector("blk.0.ssm_a", values), self.vector("blk.0.ssm_dt.bias", values));
        let decay = self.step("delta_decay", values, |out| Op::Decay { x: alpha, rate, bias, out });
        let activation = Activation::Sigmoid;
        // Rates of any sign would let a memory grow without bound.
        let decay = self.step("delta_bounded", values, |out| Op::Activate { x: decay, activation, out });
        let by = Factor::Constant(-1.0);
        let decay = self.step("delta_negative", values, |out| Op::Scale { x: decay, by, out });
        [decay, self.step("delta_beta", values, |out| Op::Activate { x: alpha, activation, out })]
    }

    fn delta_memory(&mut self, mixed: Value, [decay, beta]: [Value; 2], heads: DeltaHeads, memory: State) -> Value {
        let (keys, values) = (heads.keys * heads.key_size, heads.values * heads.value_size);
        let channels = 2 * keys + values;
        let mut part = |name: &str, first: usize, size: usize| {
            self.step(name, size, |out| Op::Slice { x: mixed, head: channels, first, size, out })
        };
        let [q, k, v] = [("delta_q", 0, keys), ("delta_k", keys, keys), ("delta_v", 2 * keys, values)]
            .map(|(name, first, size)| part(name, first, size));
        let [queries, keys] = [("delta_queries", q), ("delta_keys", k)]
            .map(|(name, x)| self.step(name, keys, |out| Op::L2Norm { x, size: heads.key_size, epsilon: 1.0e-6, out }));
        let delta = self.step("delta", values, |out| Op::GatedDelta {
            queries,
            keys,
            values: v,
            decay,
            beta: Some(beta),
            heads,
            scale: 0.2,
            state: memory,
            out,
        });
        let delta = self.norm("ssm_norm", delta, values, heads.value_size);
        let delta = self.step("delta_scaled", values, |out| Op::Scale { x: delta, by: Factor::Value(beta), out });
        let delta = self.step("delta_joined", 2 * values, |out| Op::Join { parts: vec![delta, v], heads: 3, out });
        let weight = self.plain("ssm_out", HIDDEN, 2 * values);
        self.step("delta_output", HIDDEN, |out| Op::Linear { x: delta, weight, bias: None, out })
    }

    /// A matrix of the first format.
    fn plain(&mut self, name: &str, rows: usize, columns: usize) -> Weight {
        self.weight(&format!("blk.0.{name}.weight"), FORMATS[0], Shape::Matrix { rows, columns })
    }

    fn activation(&self) -> Activation {
        if self.parts.gelu { Activation::Gelu } else { Activation::Silu }
    }

    fn gated(&mut self, x: Value) -> Value {
        let gate = self.linear("ffn_gate", x, HIDDEN, INNER);
        let up = self.linear("ffn_up", x, HIDDEN, INNER);
        let activation = self.activation();
        let hidden = self.step("ffn_hidden", INNER, |out| Op::Gate { gate, up, activation, out });
        self.linear("ffn_down", hidden, INNER, HIDDEN)
    }

    fn experts(&mut self, x: Value) -> Value {
        let scores = self.linear("ffn_gate_inp", x, HIDDEN, EXPERTS);
        let rule = RouteRule {
            used: 2,
            scoring: Scoring::Softmax,
            bias: None,
            groups: None,
            normalised: Some(1.0e-4),
            scale: 1.0,
            factors: None,
        };
        let choices = self.value("choices", 2, Kind::Choices);
        self.push(Op::Route { scores, rule, out: choices });
        let format = FORMATS[self.parts.format];
        let mut stack = |name: &str, rows, columns| {
            let shape = Shape::Stack { items: EXPERTS, rows, columns };
            self.weight(&format!("blk.0.{name}.weight"), format, shape)
        };
        let gate = stack("ffn_gate_exps", INNER, HIDDEN);
        let up = stack("ffn_up_exps", INNER, HIDDEN);
        let down = stack("ffn_down_exps", HIDDEN, INNER);
        let activation = self.activation();
        self.step("experts", HIDDEN, |out| Op::Experts {
            x,
            choices,
            gate: Some(gate),
            up,
            down,
            biases: [None; 3],
            activation,
            out,
        })
    }
}
