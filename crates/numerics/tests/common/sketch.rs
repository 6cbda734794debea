//! Small programs, put together by hand.
#![allow(dead_code, reason = "each test file uses its part")]

use hefu_numerics::conformance::{Numbers, Style};
use hefu_numerics::device::Files;
use hefu_numerics::kv::Profile;
use hefu_numerics::program::{
    Activation, DeltaHeads, Entry, Kind, Op, Order, Program, Rope, RopeStyle, Rows, Section, Shape, Sharing, Source,
    State, StateSpec, Step, Value, ValueSpec, Values, Weight, WeightSpec,
};
use hefu_numerics::quant::FORMATS;
use hefu_numerics::rope::Frequencies;

pub(crate) const VOCABULARY: usize = 23;
pub(crate) const WIDTH: usize = 32;
const HEAD: usize = 16;
const EPSILON: f32 = 1.0e-5;

/// A program that is being written, and its file of f32 weights.
#[derive(Clone)]
pub(crate) struct Sketch {
    pub(crate) program: Program,
    pub(crate) file: Vec<u8>,
    numbers: Numbers,
    layer: Option<u16>,
}

impl Files for Sketch {
    fn bytes(&self, _: usize) -> &[u8] {
        &self.file
    }
}

impl Sketch {
    pub(crate) fn new() -> Sketch {
        let program = Program {
            vocabulary: VOCABULARY,
            context: 1000,
            profile: Profile::F16,
            order: Order::Causal,
            values: vec![],
            weights: vec![],
            states: vec![],
            ropes: vec![],
            sections: vec![],
            variants: vec![],
        };
        Sketch { program, file: vec![], numbers: Numbers::new(5), layer: None }
    }

    pub(crate) fn section(&mut self, entry: Entry) {
        self.layer = None;
        self.program.sections.push(Section { entry, steps: vec![], output: Value(0) });
    }

    pub(crate) fn layer(&mut self, layer: u16) {
        self.layer = Some(layer);
    }

    pub(crate) fn value(&mut self, name: &str, width: usize, kind: Kind) -> Value {
        let spec = ValueSpec { name: name.into(), layer: self.layer, width, kind, rows: Rows::All };
        self.program.values.push(spec);
        Value(self.program.values.len() as u32 - 1)
    }

    pub(crate) fn push(&mut self, op: Op) {
        let section = self.program.sections.last_mut().expect("a section was begun");
        section.output = op.output().unwrap_or(section.output);
        section.steps.push(Step { layer: self.layer, op });
    }

    pub(crate) fn step(&mut self, name: &str, width: usize, op: impl FnOnce(Value) -> Op) -> Value {
        let out = self.value(name, width, Kind::Numbers);
        self.push(op(out));
        out
    }

    pub(crate) fn weight(&mut self, tensor: &str, shape: Shape) -> Weight {
        let (rows, columns) = (shape.rows(), shape.columns());
        let source = Source { file: 0, offset: self.file.len(), first: 0, block: rows, stride: rows };
        let scale = (columns as f32).sqrt();
        let numbers = self.numbers.activations(rows * columns, Style::Usual);
        self.file.extend(numbers.iter().flat_map(|x| (x / scale).to_le_bytes()));
        self.program.weights.push(WeightSpec { tensor: tensor.into(), format: FORMATS[0], shape, source });
        Weight(self.program.weights.len() as u32 - 1)
    }

    pub(crate) fn state(&mut self, spec: StateSpec) -> State {
        self.program.states.push(spec);
        State(self.program.states.len() as u32 - 1)
    }

    pub(crate) fn linear(&mut self, name: &str, x: Value, columns: usize, rows: usize) -> Value {
        let tensor = self.layer.map_or(format!("{name}.weight"), |layer| format!("blk.{layer}.{name}.weight"));
        let weight = self.weight(&tensor, Shape::Matrix { rows, columns });
        self.step(name, rows, |out| Op::Linear { x, weight, bias: None, out })
    }

    pub(crate) fn norm(&mut self, name: &str, x: Value) -> Value {
        let tensor = self.layer.map_or(format!("{name}.weight"), |layer| format!("blk.{layer}.{name}.weight"));
        let gain = Some(self.weight(&tensor, Shape::Vector(WIDTH)));
        self.step(name, WIDTH, |out| Op::RmsNorm { x, size: WIDTH, gain, epsilon: EPSILON, out })
    }

    /// A layer with attention and one with recurrent states, logits and hidden states.
    pub(crate) fn model() -> Sketch {
        let mut s = Sketch::new();
        s.program.ropes.push(Frequencies::plain(10_000.0, HEAD));
        s.section(Entry::Body);
        let table = s.weight("token_embd.weight", Shape::Matrix { rows: VOCABULARY, columns: WIDTH });
        let x = s.step("embd", WIDTH, |out| Op::Embed { table, scale: 2.0, out });
        let angles = s.value("angles", HEAD, Kind::Angles);
        s.push(Op::Angles { rope: Rope(0), out: angles });
        s.layer(0);
        let x = s.delta(x);
        s.layer(1);
        s.attention(x, angles);
        let body = s.program.sections[0].output;
        for entry in [Entry::Logits, Entry::Hidden] {
            s.section(entry);
            let name = if entry == Entry::Logits { "output_norm" } else { "hidden_norm" };
            let x = s.norm(name, body);
            if entry == Entry::Logits {
                let logits = s.linear("output", x, WIDTH, VOCABULARY);
                s.step("capped", VOCABULARY, |out| Op::SoftCap { x: logits, cap: 30.0, out });
            }
        }
        s
    }

    fn attention(&mut self, x: Value, angles: Value) {
        let spec = StateSpec::KeyValue { group: 0, heads: 1, key: HEAD, value: Values::Own(HEAD), window: Some(70) };
        let state = self.state(spec);
        let n = self.norm("attn_norm", x);
        let [q, k, v] = [("attn_q", 2 * HEAD), ("attn_k", HEAD), ("attn_v", HEAD)]
            .map(|(name, rows)| self.linear(name, n, WIDTH, rows));
        let mut rotate = |name: &str, x, width| {
            let style = RopeStyle::NeoX;
            self.step(name, width, |out| Op::Rotate { x, head: HEAD, first: 0, style, angles, out })
        };
        let (q, k) = (rotate("queries", q, 2 * HEAD), rotate("keys", k, HEAD));
        self.push(Op::StoreKv { keys: k, values: Some(v), state });
        let a = self.step("attended", 2 * HEAD, |out| Op::Attend {
            queries: q,
            heads: 2,
            scale: 0.25,
            cap: None,
            sinks: None,
            alibi: None,
            state,
            out,
        });
        let a = self.linear("attn_output", a, 2 * HEAD, WIDTH);
        self.step("attn_residual", WIDTH, |out| Op::Add { a: x, b: a, out });
    }

    fn delta(&mut self, x: Value) -> Value {
        let heads = DeltaHeads { keys: 1, values: 2, key_size: 8, value_size: 16, sharing: Sharing::Tiled };
        let (conv, memory) = (
            self.state(StateSpec::Recurrent { numbers: 48 * 3 }),
            self.state(StateSpec::Recurrent { numbers: 2 * 8 * 16 }),
        );
        let m = self.linear("attn_qkv", x, WIDTH, 48);
        let weight = self.weight("blk.0.ssm_conv1d.weight", Shape::Matrix { rows: 48, columns: 4 });
        let activation = Some(Activation::Silu);
        let m = self.step("conv", 48, |out| Op::ShortConv { x: m, weight, bias: None, activation, state: conv, out });
        let mut slice =
            |name: &str, first, size| self.step(name, size, |out| Op::Slice { x: m, head: 48, first, size, out });
        let (queries, keys, values) = (slice("q", 0, 8), slice("k", 8, 8), slice("v", 16, 32));
        let keys = self.step("k_length", 8, |out| Op::L2Norm { x: keys, size: 8, epsilon: EPSILON, out });
        let beta = self.linear("ssm_beta", x, WIDTH, 2);
        let beta = self.step("beta", 2, |out| Op::Activate { x: beta, activation: Activation::Sigmoid, out });
        let alpha = self.linear("ssm_alpha", x, WIDTH, 2);
        let [rate, bias] = ["blk.0.ssm_a", "blk.0.ssm_dt.bias"].map(|name| self.weight(name, Shape::Vector(2)));
        // Rates below zero: what is kept is less than all.
        for rate in self.file[self.program.weight(rate).source.offset..][..8].chunks_exact_mut(4) {
            rate[3] |= 0x80;
        }
        let decay = self.step("decay", 2, |out| Op::Decay { x: alpha, rate, bias, out });
        let read = self.step("read", 32, |out| Op::GatedDelta {
            queries,
            keys,
            values,
            decay,
            beta: Some(beta),
            heads,
            scale: 0.5,
            state: memory,
            out,
        });
        self.step("block_output", WIDTH, |out| Op::Add { a: x, b: read, out })
    }
}
