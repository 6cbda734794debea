//! Loading the tiny models, and what an answer is.

use hefu_cpu::Pool;
use hefu_engine::sampling::{Dry, Parameters};
use hefu_engine::scheduler::{Event, Paged, Scheduler, Update};
use hefu_engine::{FinishReason, Request, witness};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Model};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::reference::ReferenceDevice;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Positions of every cache in these tests.
pub(crate) const CAPACITY: usize = 160;

/// One model of each kind of layer: plain, with sliding windows, quantised, with experts, with recurrent states.
pub(crate) const MODELS: [&str; 5] = ["tiny-qwen2", "tiny-gemma3", "tiny-llama-q4_k", "tiny-qwen3moe", "tiny-qwen35"];

/// Tokens of an answer, the bits of all logits in order, and how it ended.
pub(crate) type Answer = (Vec<u32>, Vec<u32>, Option<FinishReason>);

/// The best instruction set of this machine, and the naive loops.
pub(crate) fn devices() -> [Arc<dyn Device>; 2] {
    [best(), Arc::new(ReferenceDevice)]
}

/// The best instruction set of this machine, on one thread.
pub(crate) fn best() -> Arc<dyn Device> {
    hefu_cpu::select::best().device(Arc::new(Pool::new(1)))
}

/// A model with a cache of the default profile.
pub(crate) fn load(name: &str, device: Arc<dyn Device>) -> Model {
    load_with_cache(name, device, Profile::default())
}

pub(crate) fn load_with_cache(name: &str, device: Arc<dyn Device>, cache: Profile) -> Model {
    load_as(name, device, LoadOptions { cache, ..LoadOptions::default() }).0
}

/// A model and its block for further tokens, with the weights of both.
pub(crate) fn load_with_block(name: &str, device: Arc<dyn Device>) -> (Model, Model) {
    let (model, block) = load_as(name, device, LoadOptions { guessing: true, ..LoadOptions::default() });
    (model, block.unwrap_or_else(|| panic!("{name} has no block that guesses")))
}

fn load_as(name: &str, device: Arc<dyn Device>, options: LoadOptions) -> (Model, Option<Model>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden/models").join(format!("{name}.gguf"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let gguf = Gguf::parse(&[&bytes]).unwrap();
    let spec = ModelSpec::read_any(&gguf, &options).unwrap();
    let model = Model::load(device, spec.program, &ModelFiles::new(&gguf, &|_, _| ())).unwrap();
    let block = spec.drafter.map(|program| Model { program, ..model.clone() });
    (model, block)
}

/// A request whose prompt and settings follow from `number`.
pub(crate) fn request(number: usize, vocabulary: usize) -> Request {
    let length = 1 + number * 29 % 90;
    // Short cycles, so that the text repeats itself in parts.
    let token = |at: usize| ((number * 7 + at % (3 + number % 5) * 31 + at / 40) % vocabulary) as u32;
    Request {
        prompt: (0..length).map(token).collect(),
        parameters: settings(number, number as u64 * 17),
        end_tokens: BTreeSet::new(),
        max_tokens: Some(4 + number % 9),
        prefill_chunk: 1 + number * 11 % 70,
        all_logits: number.is_multiple_of(2),
    }
}

/// Greedy, sampled, and sampled with what looks at the history.
pub(crate) fn settings(kind: usize, seed: u64) -> Parameters {
    let sampled = Parameters { temperature: 1.0, seed, ..Parameters::default() };
    match kind % 4 {
        0 => Parameters::greedy(),
        1 => sampled,
        2 => Parameters { repetition_penalty: 1.3, presence_penalty: 0.5, repeat_last_n: -1, ..sampled },
        _ => Parameters { dry: Dry { multiplier: 2.0, ..Dry::default() }, ..sampled },
    }
}

/// One request by the naive loop.
pub(crate) fn alone(model: &Model, capacity: usize, request: &Request) -> Answer {
    let mut paged = Paged::new(model, capacity, capacity.div_ceil(PAGE), 1).unwrap();
    let mut bits = Vec::new();
    let mut see = |row: &[f32]| bits.extend(row.iter().map(|logit| logit.to_bits()));
    let found = witness::answer(&mut paged, request, None, Some(&mut see));
    (found.choices.iter().map(|choice| choice.id).collect(), bits, Some(found.finish.unwrap()))
}

/// Takes an event of a job, with its rows of logits.
pub(crate) fn note(answer: &mut Answer, update: Update, scheduler: &mut Scheduler<Paged>) {
    // The first token's logits are the last of the prompt.
    if !matches!(update.event, Event::Token(_)) || !answer.0.is_empty() {
        answer.1.extend(scheduler.logits(update.rows).unwrap().iter().map(|logit| logit.to_bits()));
    }
    match update.event {
        Event::Token(choice) => answer.0.push(choice.id),
        Event::Finished(finish) => answer.2 = Some(finish),
        Event::Failed(failure) => panic!("{failure}"),
        _ => {}
    }
}
