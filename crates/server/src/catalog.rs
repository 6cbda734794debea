//! The program around the server, as the server sees it: which models there are, and how one is brought to memory.
//!
//! The server never sees a file or a chip. The program hands it a [`Catalog`]; each loaded model lives on the thread that
//! loaded it and is driven there by [`Steps`].

use hefu_answer::TextModel;
use hefu_engine::inspect::{Inspections, Operation, Product, Visible, WeightRow};
use hefu_engine::scheduler::{ForwardMany, Job, Key, Pooling, Refusal, Scheduler, Statistics, Update};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The models that can be served.
pub trait Catalog: Send + Sync {
    /// Every model, the default one first.
    fn models(&self) -> Vec<ModelCard>;

    /// Brings a model to memory; called on the thread that will run it.
    ///
    /// # Errors
    /// One sentence.
    fn load(&self, name: &str) -> Result<Loaded, String>;

    /// A row of a weight of a model, from its file; `None` if there is none. The weight is told by its number among the program's.
    ///
    /// # Errors
    /// One sentence.
    fn weight_row(&self, name: &str, weight: u32, row: usize) -> Result<Option<WeightRow>, String> {
        let _ = (name, weight, row);
        Ok(None)
    }
}

/// Description of a model without loading it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelCard {
    /// The name under which requests ask for it.
    pub name: String,
    /// Further names.
    pub aliases: Vec<String>,
    /// Time when its file was last changed, in seconds since 1970.
    pub created: u64,
    /// Bytes of its files.
    pub file_bytes: u64,
    /// Bytes of memory that it takes once loaded: weights and cache.
    pub memory_bytes: u64,
    /// SHA-256 of its first file in hexadecimal digits, where it is known.
    pub digest: Option<String>,
    /// Its family, `qwen2` for example.
    pub family: String,
    /// Number of its parameters.
    pub parameters: u64,
    /// The format of most of its weights, `Q4_K` for example.
    pub quantization: String,
    /// Numbers of one of its vectors; 0 if that is not known.
    pub width: u64,
    /// Number of its layers; 0 if that is not known.
    pub layers: u64,
    /// True if it writes; if not, it only makes vectors and ranks.
    pub writes: bool,
    /// True if it can fill a gap between two texts.
    pub fills_gaps: bool,
    /// Most positions of one conversation here.
    pub context: usize,
    /// The source of its chat template, if it has one.
    pub template: Option<String>,
}

/// A model in memory.
pub struct Loaded {
    /// SHA-256 of its first file in hexadecimal digits, where it is known.
    pub digest: Option<String>,
    /// The text side of it.
    pub text: TextModel,
    /// Fingerprint that two answers must share to be comparable bit for bit.
    pub fingerprint: String,
    /// Pooling of its embeddings.
    pub pooling: Pooling,
    /// Number of logits for each position.
    pub vocabulary: usize,
    /// Its values that can be seen.
    pub visible: Vec<Visible>,
    /// Operations of one token.
    pub operations: Vec<Operation>,
    /// Its products with matrices.
    pub products: Vec<Product>,
    /// What measures its steps, where the limits of what computes can be measured.
    pub gauge: Option<Arc<dyn Gauge>>,
    /// Engine that computes.
    pub engine: Box<dyn Engine>,
}

/// A model that waits to compute.
pub trait Engine {
    /// Sets a scheduler up on the model and hands it to `body`, with the texts that are to be looked at; `body` drives both until
    /// the model is no longer wanted.
    ///
    /// # Errors
    /// One sentence, if the memory for its work cannot be had.
    fn run(self: Box<Self>, body: &mut dyn FnMut(&mut dyn Steps, &mut Inspections)) -> Result<(), String>;
}

/// Measures the steps of a model and the limits of the machine.
pub trait Gauge: Send + Sync {
    /// What every step of the device takes for a token, and which share of its limit that is, in the words of `hefu gap --json`.
    /// Takes seconds, in which it uses the threads that answers are computed by: every few of their milliseconds it asks whether it
    /// may go on, and gives `None` if not.
    ///
    /// # Errors
    /// One sentence.
    fn decode(&self, goes_on: &dyn Fn() -> bool) -> Result<Option<Value>, String>;
}

/// A scheduler, whatever model it runs.
pub trait Steps {
    /// See [`Scheduler::submit`].
    ///
    /// # Errors
    /// A full queue, or a job that cannot be carried out.
    fn submit(&mut self, job: Job, now: Duration) -> Result<Key, Refusal>;

    /// See [`Scheduler::cancel`].
    fn cancel(&mut self, key: Key);

    /// See [`Scheduler::withdraw`].
    fn withdraw(&mut self, key: Key) -> Option<Vec<u32>>;

    /// Whether jobs get digests of what layers hand on, all of which one scheduler must compute.
    fn traces(&self) -> bool;

    /// See [`Scheduler::step`].
    fn step(&mut self, now: Duration) -> Vec<Update>;

    /// See [`Scheduler::record_time`].
    fn record_time(&mut self, seconds: f64);

    /// See [`Scheduler::is_idle`].
    fn is_idle(&self) -> bool;

    /// See [`Scheduler::statistics`].
    fn statistics(&self) -> Statistics;
}

impl<M: ForwardMany> Steps for Scheduler<M> {
    fn submit(&mut self, job: Job, now: Duration) -> Result<Key, Refusal> {
        Scheduler::submit(self, job, now)
    }

    fn cancel(&mut self, key: Key) {
        Scheduler::cancel(self, key);
    }

    fn withdraw(&mut self, key: Key) -> Option<Vec<u32>> {
        Scheduler::withdraw(self, key)
    }

    fn traces(&self) -> bool {
        self.model().abilities().traces
    }

    fn step(&mut self, now: Duration) -> Vec<Update> {
        Scheduler::step(self, now)
    }

    fn record_time(&mut self, seconds: f64) {
        Scheduler::record_time(self, seconds);
    }

    fn is_idle(&self) -> bool {
        Scheduler::is_idle(self)
    }

    fn statistics(&self) -> Statistics {
        Scheduler::statistics(self)
    }
}
