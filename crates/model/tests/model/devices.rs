//! Models on every device at once: each is held to the bits of the first.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use hefu_cpu::Pool;
use hefu_cpu::select::available;
use hefu_model::gguf::Gguf;
use hefu_model::{Error, LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Batch, Device, Error as DeviceError, Executable, Size, Slots, Span, Weights};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::Entry;
use hefu_numerics::team::{Alone, Team};

/// The devices, the one that the others must equal first: every instruction set of this machine on one thread, and the
/// best one on several.
pub(crate) fn devices() -> Vec<Arc<dyn Device>> {
    static POOL: OnceLock<Arc<Pool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| Arc::new(Pool::new(2)));
    let alone = || -> Arc<dyn Team + Send + Sync> { Arc::new(Alone) };
    let mut devices: Vec<Arc<dyn Device>> = available().map(|isa| isa.device(alone())).collect();
    devices.reverse();
    devices.extend(available().next().map(|isa| isa.device(pool.clone())));
    devices
}

/// A model whose weights are on all devices.
pub(crate) struct Model {
    pub(crate) spec: ModelSpec,
    pub(crate) on: Vec<(Arc<dyn Device>, Arc<dyn Weights>)>,
}

/// The model's states and working memory on all devices.
pub(crate) struct Session {
    groups: usize,
    has_slots: bool,
    executables: Vec<(&'static str, Box<dyn Executable>)>,
}

/// Consecutive tokens of one sequence. Its first page's number is also that of its slot of recurrent states.
#[derive(Debug, Clone)]
pub(crate) struct Chunk<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) position: usize,
    pub(crate) pages: &'a [u32],
    pub(crate) wanted: Range<usize>,
}

pub(crate) fn load(bytes: &[u8], options: &LoadOptions) -> Result<Model, Error> {
    let gguf = Gguf::parse(&[bytes])?;
    let spec = ModelSpec::read_any(&gguf, options)?;
    let files = ModelFiles::new(&gguf, &|_, _| ());
    let weights = |device: Arc<dyn Device>| {
        let weights = device.load(&spec.program, &files).expect("memory for a small model");
        (device, weights)
    };
    let on = devices().into_iter().map(weights).collect();
    Ok(Model { spec, on })
}

/// So many pages and slots, for small batches.
pub(crate) fn size(pages: usize) -> Size {
    Size { pages, slots: pages, rows: 64, head_rows: 64 }
}

impl Model {
    /// Empty states of so many pages.
    pub(crate) fn session(&self, pages: usize) -> Session {
        let program = &self.spec.program;
        let compile = |(device, weights): &(Arc<dyn Device>, Arc<dyn Weights>)| {
            let executable = device.compile(program, weights, &size(pages), &[]).expect("memory for a small cache");
            (device.name(), executable)
        };
        let executables = self.on.iter().map(compile).collect();
        Session { groups: program.groups(), has_slots: program.slot_numbers() > 0, executables }
    }
}

impl Session {
    /// Runs a batch. All devices refuse what one refuses.
    pub(crate) fn run(&mut self, chunks: &[Chunk<'_>]) -> Result<(), DeviceError> {
        let tokens: Vec<u32> = chunks.iter().flat_map(|chunk| chunk.tokens).copied().collect();
        let tables: Vec<Vec<&[u32]>> = chunks.iter().map(|chunk| vec![chunk.pages; self.groups]).collect();
        let mut row = 0;
        let mut spans = Vec::with_capacity(chunks.len());
        for (Chunk { tokens, position, pages, wanted }, tables) in chunks.iter().zip(&tables) {
            let rows = row..row + tokens.len();
            row = rows.end;
            let slots = self.has_slots.then(|| {
                let slot = pages.first().copied().unwrap_or(0);
                Slots { read: (*position > 0).then_some(slot), write: slot, keep: &[] }
            });
            spans.push(Span { rows, position: *position, wanted: wanted.clone(), tables, slots, second: None });
        }
        self.run_batch(&Batch { tokens: &tokens, spans: &spans, inputs: &[] })
    }

    /// Runs a batch as it is.
    pub(crate) fn run_batch(&mut self, batch: &Batch<'_>) -> Result<(), DeviceError> {
        self.all(|executable| executable.run(batch))
    }

    /// Logits of some of the wanted rows.
    pub(crate) fn logits(&mut self, rows: Range<usize>) -> Result<Vec<f32>, DeviceError> {
        self.head(Entry::Logits, rows)
    }

    /// Results of a head.
    pub(crate) fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<Vec<f32>, DeviceError> {
        let mut first: Option<Vec<f32>> = None;
        self.all(|executable| {
            let found = executable.head(entry, rows.clone())?;
            let first = first.get_or_insert_with(|| found.to_vec());
            assert!(crate::tiny::bits(first) == crate::tiny::bits(found), "a device gives other bits: {entry:?}");
            Ok(())
        })?;
        Ok(first.unwrap_or_default())
    }

    /// Copies a page in every group.
    pub(crate) fn copy_page(&mut self, from: u32, to: u32) -> Result<(), DeviceError> {
        (0..self.groups).try_for_each(|group| self.all(|executable| executable.copy_page(group, from, to)))
    }

    fn all(&mut self, mut run: impl FnMut(&mut dyn Executable) -> Result<(), DeviceError>) -> Result<(), DeviceError> {
        let mut results = self.executables.iter_mut().map(|(name, executable)| (*name, run(&mut **executable)));
        let (_, first) = results.next().expect("there is a device");
        for (name, result) in results {
            assert_eq!(result.is_ok(), first.is_ok(), "{name} and the first device do not agree: {first:?} {result:?}");
        }
        first
    }
}

/// All logits of one sequence whose tokens go through the model in chunks of these sizes.
pub(crate) fn logits(model: &Model, tokens: &[u32], chunks: impl IntoIterator<Item = usize>) -> Vec<f32> {
    results(model, Entry::Logits, tokens, chunks)
}

/// All results of a head for one sequence whose tokens go through the model in chunks of these sizes.
pub(crate) fn results(
    model: &Model,
    entry: Entry,
    tokens: &[u32],
    chunks: impl IntoIterator<Item = usize>,
) -> Vec<f32> {
    let pages: Vec<u32> = (0..tokens.len().div_ceil(PAGE) as u32).rev().collect();
    let mut session = model.session(pages.len());
    let (mut position, mut results) = (0, vec![]);
    for size in chunks {
        let size = size.min(tokens.len() - position);
        let chunk = Chunk { tokens: &tokens[position..position + size], position, pages: &pages, wanted: 0..size };
        session.run(&[chunk]).expect("a good batch");
        results.extend(session.head(entry, 0..size).expect("finite results"));
        position += size;
    }
    assert_eq!(position, tokens.len(), "the chunks cover the tokens");
    results
}
