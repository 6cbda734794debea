//! `hefu embed`: texts to vectors.

use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments};
use crate::load::Loaded;
use crate::options::ModelOptions;
use crate::output::{piped_input, print, print_json};
use clap::Args;
use hefu_answer::{Ask, Limits, Prompt, prepare_text};
use hefu_cpu::Pool;
use hefu_engine::scheduler::{self, Event, Job, Key, Kind, Paged, Scheduler};
use hefu_numerics::kv::PAGE;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Texts that are computed together at most.
const TOGETHER: usize = 32;

/// Turn texts into vectors
///
/// Texts that are alike have vectors that point the same way: the sum of the products of their numbers is near 1. Models that
/// were made for it, as all-minilm or bge are, do so best; some want a word before each text, which their pages tell. Each
/// vector has length 1 and is the same to the bit whatever stands beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --json each vector is one line of numbers. The keys of --json: model, tokens (of all texts), vectors.

Examples:
  hefu embed --model all-minilm.gguf \"A tally of bamboo\" \"合符\"
  hefu embed --model all-minilm.gguf --json < texts.txt")]
pub(crate) struct Arguments {
    /// The texts [default: the lines of standard input]
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,

    /// Leave out what is too long for the model
    #[arg(long)]
    truncate: bool,

    /// Most tokens of a text [default: 4096, or fewer if the model was made for fewer]
    #[arg(short, long, value_name = "N")]
    context: Option<NonZeroUsize>,

    /// Print the vectors as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// No text, one that is too long, or a model that cannot be had or run.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let texts = match arguments.texts.is_empty() {
        false => arguments.texts.clone(),
        true => piped_input()?.unwrap_or_default().lines().map(str::to_owned).collect(),
    };
    if texts.is_empty() {
        let sentence = "there is no text; give it as an argument or, line by line, through standard input";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let device = arguments.device.options();
    let wishes = ModelOptions {
        model: arguments.model.choice(),
        device: &device,
        context: arguments.context.map(NonZeroUsize::get),
        cache: arguments.cache.profile(),
        template: None,
        state_memory: io::stderr().is_terminal(),
        guessing: false,
    };
    let loaded = Loaded::on(&wishes, &Arc::new(Pool::new(device.threads)))?;
    let (vectors, tokens) = vectors(&loaded, &texts, arguments.truncate, device.prefill_chunk)?;
    if arguments.json {
        return print_json(&json!({ "model": loaded.text.name, "tokens": tokens, "vectors": vectors }));
    }
    let line = |vector: &Vec<f32>| vector.iter().map(f32::to_string).collect::<Vec<String>>().join(" ") + "\n";
    print(&vectors.iter().map(line).collect::<String>())
}

/// A vector for each text, and the tokens of all.
fn vectors(
    loaded: &Loaded,
    texts: &[String],
    may_be_cut: bool,
    step_tokens: usize,
) -> Result<(Vec<Vec<f32>>, usize), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Other(error.to_string());
    let context = loaded.text.context;
    let pages = context.div_ceil(PAGE);
    let paged = Paged::new(&loaded.model, context, pages, TOGETHER).map_err(|error| failed(&error))?;
    let limits = scheduler::Limits { step_tokens, running: TOGETHER, queued: texts.len(), ..Default::default() };
    let mut scheduler = Scheduler::new(paged, limits);
    let (mut places, mut vectors, mut tokens) = (BTreeMap::<Key, usize>::new(), vec![Vec::new(); texts.len()], 0);
    for (place, text) in texts.iter().enumerate() {
        let ask = Ask { prompt: Prompt::Text(text.clone()), ..Ask::default() };
        let request = prepare_text(&ask, &loaded.text, &Limits::default(), may_be_cut);
        let request = request.map_err(|error| Failure::Other(format!("text {}: {error}", place + 1)))?;
        tokens += request.prompt.len();
        let job = Job::new(request).with_kind(Kind::Embedding(loaded.pooling));
        places.insert(scheduler.submit(job, Duration::ZERO).map_err(|error| failed(&error))?, place);
    }
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            match update.event {
                Event::Embedding(vector) => {
                    if let Some(place) = places.get(&update.key).and_then(|place| vectors.get_mut(*place)) {
                        *place = vector;
                    }
                }
                Event::Failed(failure) => return Err(failed(&failure)),
                _ => {}
            }
        }
    }
    Ok((vectors, tokens))
}
