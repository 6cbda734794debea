//! Writing a [`Program`] for a family: a [`Builder`] reads keys and tensors by name and appends operations.
//!
//! Keys are checked when they are read, so that everything after them is bounded ([`limits`]). What a family does not read
//! is an error, for it could change results: keys below the architecture's name, and tensors. A program whose tensors are
//! missing or of another shape is written to its end and then thrown away.

mod attention;
mod decoder;
mod drafter;
mod encoded;
mod feed_forward;
mod keys;
pub mod limits;
mod mamba;
mod mixture;
mod ops;
mod part;
mod rope;
mod rwkv;
mod scans;
mod selective;
mod tensors;
mod weights;
mod windows;

use std::collections::HashMap;

use hefu_numerics::kv::Profile;
use hefu_numerics::program::{
    Activation, Entry, Kind, Op, Order, Program, Rows, Section, Step, Value, ValueSpec, Weight,
};

pub(crate) use attention::{ALIBI, Attention, HeadNorm};
pub(crate) use decoder::{Decoder, Residual};
pub(crate) use encoded::Encoded;
pub(crate) use feed_forward::{Experts, Gated, Plain};
pub(crate) use keys::{Keys, shown};
pub(crate) use mamba::Mamba;
pub(crate) use mixture::Mixture;
pub(crate) use ops::{Rotation, Scores, score_scale};
pub(crate) use part::FeedForward;
pub(crate) use rope::RopeFactors;
pub(crate) use rwkv::TimeMix;
pub(crate) use selective::SelectiveScan;

use crate::error::Error;
use crate::gguf::Gguf;
use crate::options::LoadOptions;
use limits::{MAX_CONTEXT, MAX_LAYERS, MAX_VOCABULARY, MAX_WIDTH};
use tensors::Tensors;

/// Presence of a tensor in the files of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// All have it.
    Required,
    /// Some have it; where it is missing the step is left out.
    Optional,
    /// None has it; a file that does is refused.
    Forbidden,
}

/// Norms of whole rows that a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Norms {
    /// By the root of the mean square.
    Rms,
    /// About the mean, with biases or without.
    Layer(Presence),
}

/// Output after the last block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// The tensor of the last norm's gain.
    pub(crate) norm: &'static str,
    /// Bias of the logits.
    pub(crate) bias: Presence,
    /// Factor of the logits.
    pub(crate) scale: Option<f32>,
    /// Logits `x` become `cap * tanh(x / cap)`, after that.
    pub(crate) cap: Option<f32>,
}

impl Output {
    /// Only a norm and a matrix.
    pub(crate) const PLAIN: Output = Output { norm: "output_norm", bias: Presence::Forbidden, scale: None, cap: None };
}

/// A program that is being written, and what was read for it.
pub(crate) struct Builder<'g, 'a> {
    /// The file's metadata.
    pub(crate) keys: Keys<'g, 'a>,
    /// True if a text is read from left to right, if the file says it.
    is_causal: Option<bool>,
    /// Elements of a row of the residual stream.
    pub(crate) hidden_size: usize,
    /// Blocks, those that only guess further tokens among them.
    pub(crate) layers: usize,
    /// Positions that the model was made for.
    pub(crate) context_length: usize,
    epsilon: f32,
    norms: Norms,
    tensors: Tensors<'g, 'a>,
    program: Program,
    weights: HashMap<(String, usize), Weight>,
    windows: Vec<Option<usize>>,
    layer: Option<u16>,
    steps: Vec<Step>,
    /// The first of the blocks that only guess, if they are wanted.
    guessing: Option<usize>,
    /// True if they are.
    wants_guesses: bool,
    /// Its program.
    drafter: Option<Program>,
}

impl<'g, 'a> Builder<'g, 'a> {
    /// Reads what every family has.
    pub(crate) fn new(gguf: &'g Gguf<'a>, architecture: &'static str, options: &LoadOptions) -> Result<Self, Error> {
        let mut keys = Keys::new(gguf.metadata(), architecture);
        let is_causal = keys.boolean("attention.causal")?;
        let hidden_size = keys.required_size("embedding_length", 1, MAX_WIDTH)?;
        let context_length = keys.required_size("context_length", 1, MAX_CONTEXT)?;
        let layers = keys.required_size("block_count", 1, MAX_LAYERS)?;
        let epsilon = epsilon(&mut keys)?;
        let context = options.context.unwrap_or(context_length);
        if context == 0 || context > context_length {
            return Err(Error::Context { asked: context, allowed: context_length });
        }
        let program = empty(vocabulary(gguf)?, context, options.cache);
        Ok(Builder {
            keys,
            is_causal,
            hidden_size,
            layers,
            context_length,
            epsilon,
            norms: Norms::Rms,
            tensors: Tensors::new(gguf, architecture),
            program,
            weights: HashMap::new(),
            windows: Vec::new(),
            layer: None,
            steps: Vec::new(),
            guessing: None,
            wants_guesses: options.guessing,
            drafter: None,
        })
    }

    /// Blocks but for the last ones that only guess further tokens (multi-token prediction). Of the tensors of these, what
    /// [`Builder::drafter`] does not use is left out.
    pub(crate) fn trunk(&mut self) -> Result<usize, Error> {
        let guessing = self.keys.size("nextn_predict_layers", 0, self.layers - 1)?.unwrap_or(0);
        let trunk = self.layers - guessing;
        (trunk..self.layers).for_each(|layer| self.tensors.skip(&format!("blk.{layer}.")));
        // Some publishers leave the blocks out and the key in.
        let is_there = self.tensors.has(&format!("blk.{trunk}.nextn.eh_proj.weight"));
        self.guessing = (guessing > 0 && is_there && self.wants_guesses).then_some(trunk);
        Ok(trunk)
    }

    /// From now on norms of whole rows are about their mean, with biases or without.
    pub(crate) fn use_layer_norms(&mut self, bias: Presence) -> Result<(), Error> {
        // Files of some families call it by the name of the other.
        self.epsilon = self.keys.number(LAYER_EPSILON, 0.0, 1.0)?.unwrap_or(self.epsilon);
        self.norms = Norms::Layer(bias);
        Ok(())
    }

    /// Leading blocks whose feed-forward part is dense, in families with experts.
    pub(crate) fn leading_dense_layers(&mut self) -> Result<usize, Error> {
        Ok(self.keys.size("leading_dense_block_count", 0, MAX_LAYERS)?.unwrap_or(0))
    }

    /// A factor, if the file has it; some say 0 where they mean none.
    pub(crate) fn factor(&mut self, key: &str) -> Result<Option<f32>, Error> {
        Ok(self.keys.number(key, 0.0, 1e6)?.filter(|factor| *factor > 0.0))
    }

    /// Goes to a layer: its number is part of the names of tensors and values from now on.
    pub(crate) fn layer(&mut self, layer: usize) {
        self.layer = Some(layer as u16);
    }

    /// Goes out of the layers: tensors from now on belong to none.
    pub(crate) fn leave_layers(&mut self) {
        self.layer = None;
    }

    /// Ends the body with `x`, and writes what follows it: a norm and the output matrix, which is the embedding's where the
    /// file has none of its own.
    pub(crate) fn output(&mut self, x: Value, output: Output) {
        let Output { norm, bias, scale, cap } = output;
        self.section(Entry::Body, x);
        self.layer = None;
        let normed = self.norm(x, norm);
        let vocabulary = self.program.vocabulary;
        let matrix = self.output_matrix();
        let bias = self.bias("output", bias, vocabulary);
        let name = |is_last, name| if is_last { "logits" } else { name };
        let last = name(cap.is_none(), "logits_before_cap");
        let first = if scale.is_none() { last } else { "logits_before_scale" };
        let mut logits = self.product(first, normed, matrix, bias, vocabulary);
        if let Some(factor) = scale {
            logits = self.scale(last, logits, factor);
        }
        if let Some(cap) = cap {
            logits = self.write("logits", vocabulary, |out| Op::SoftCap { x: logits, cap, out });
        }
        self.section(Entry::Logits, logits);
        let hidden = self.norm_named("hidden", x, norm);
        self.section(Entry::Hidden, hidden);
        if self.outputs("cls.output").is_some() {
            let normed = self.norm_named("classifier_norm", x, norm);
            self.rank(normed, Activation::Tanh);
        }
    }

    /// The output matrix, which is the embedding's where the file has none of its own.
    fn output_matrix(&mut self) -> Weight {
        self.whole_matrix(if self.tensors.has("output.weight") { "output" } else { "token_embd" }, self.hidden_size)
    }

    /// A matrix that belongs to no layer, with a row for each token.
    fn whole_matrix(&mut self, name: &str, columns: usize) -> Weight {
        let layer = self.layer.take();
        let matrix = self.matrix(name, self.program.vocabulary, columns);
        self.layer = layer;
        matrix
    }

    /// Rows of the matrix `NAME.weight`, if the file has it.
    pub(crate) fn outputs(&self, name: &str) -> Option<usize> {
        let shape = self.tensors.shape(&format!("{name}.weight"))?;
        usize::try_from(shape.get(1).copied().unwrap_or(1)).ok().filter(|rows| *rows <= MAX_VOCABULARY)
    }

    /// The program, and that of the block that guesses where it is wanted and there, if all keys were read and all tensors
    /// taken.
    pub(crate) fn finish(mut self) -> Result<(Program, Option<Program>), Error> {
        if self.is_causal == Some(false) && self.program.order == Order::Causal {
            let problem = "is false, but models of this architecture write from left to right".into();
            return Err(self.keys.bad("attention.causal", problem));
        }
        self.keys.finish()?;
        self.tensors.finish()?;
        // Whoever loads the one program's weights has those of the other.
        if let Some(drafter) = &mut self.drafter {
            drafter.weights.clone_from(&self.program.weights);
        }
        // A faulty block of guesses is done without rather than that the model is not run.
        let drafter = self.drafter.and_then(|drafter| drafter.seal(&[]).ok());
        Ok((self.program.seal(&[])?, drafter))
    }

    fn section(&mut self, entry: Entry, output: Value) {
        let steps = std::mem::take(&mut self.steps);
        self.program.sections.push(Section { entry, steps, output });
    }

    /// Appends an operation that writes a new value of `width` numbers.
    fn write(&mut self, name: &str, width: usize, op: impl FnOnce(Value) -> Op) -> Value {
        self.write_kind(name, width, Kind::Numbers, op)
    }

    fn write_kind(&mut self, name: &str, width: usize, kind: Kind, op: impl FnOnce(Value) -> Op) -> Value {
        let out = Value(self.program.values.len() as u32);
        let spec = ValueSpec { name: name.to_owned(), layer: self.layer, width, kind, rows: Rows::All };
        self.program.values.push(spec);
        self.push(op(out));
        out
    }

    fn push(&mut self, op: Op) {
        self.steps.push(Step { layer: self.layer, op });
    }

    /// Numbers of a row of a value.
    pub(crate) fn width_of(&self, value: Value) -> usize {
        self.program.value(value).width
    }
}

/// A program of which nothing is written yet.
fn empty(vocabulary: usize, context: usize, profile: Profile) -> Program {
    Program {
        vocabulary,
        context,
        profile,
        order: Order::Causal,
        values: Vec::new(),
        weights: Vec::new(),
        states: Vec::new(),
        ropes: Vec::new(),
        sections: Vec::new(),
        variants: Vec::new(),
    }
}

/// Norms by the mean square have the first, norms about the mean the second.
const RMS_EPSILON: &str = "attention.layer_norm_rms_epsilon";
const LAYER_EPSILON: &str = "attention.layer_norm_epsilon";

fn epsilon(keys: &mut Keys<'_, '_>) -> Result<f32, Error> {
    let epsilon = match keys.number(RMS_EPSILON, 0.0, 1.0)? {
        Some(epsilon) => Some(epsilon),
        None => keys.number(LAYER_EPSILON, 0.0, 1.0)?,
    };
    epsilon.ok_or_else(|| keys.bad(RMS_EPSILON, "is missing".into()))
}

fn vocabulary(gguf: &Gguf<'_>) -> Result<usize, Error> {
    const NAME: &str = "token_embd.weight";
    // A missing embedding is reported with all other tensors.
    let Some(tensor) = gguf.tensor(NAME) else { return Ok(1) };
    let rows = tensor.shape.get(1).copied().unwrap_or(1);
    usize::try_from(rows).ok().filter(|rows| *rows <= MAX_VOCABULARY).ok_or_else(|| Error::BadTensor {
        name: NAME.into(),
        problem: format!("has {rows} rows, but a vocabulary of at most {MAX_VOCABULARY} tokens is supported"),
    })
}
