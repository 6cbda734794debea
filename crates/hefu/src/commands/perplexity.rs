//! `hefu perplexity`: how well a model predicts a text.

use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments};
use crate::load::Loaded;
use crate::options::ModelOptions;
use crate::output::{print, print_json, text_file};
use crate::progress::{Meter, Unit};
use clap::Args;
use hefu_engine::perplexity::{self, Score};
use hefu_engine::scheduler::Event;
use hefu_text::tokenizer::Special;
use serde_json::json;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Fewest tokens of a chunk of which something is scored.
const LEAST_CONTEXT: usize = 4;

/// Measure how well a model predicts a text
///
/// Defined as by llama.cpp's tool of this name, so that figures compare: the text becomes tokens as a whole and is cut
/// into chunks of --context tokens; what is left over is not used. Each chunk starts with an empty cache, its first
/// token replaced by the beginning-of-sequence token if the vocabulary has one to add. The tokens of its second half
/// are scored, each given the chunk before it. The result is exp of their mean negative log-likelihood.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: perplexity, uncertainty (its standard error), chunks, tokens (of the text), scored_tokens, \
context, model, fingerprint, seconds.

Examples:
  hefu perplexity --file book.txt
  hefu perplexity --file book.txt --context 2048 --chunks 10 --json")]
pub(crate) struct Arguments {
    /// The text, in UTF-8
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,

    /// Tokens per chunk
    #[arg(short, long, value_name = "N", default_value = "512")]
    context: NonZeroUsize,

    /// Stop after N chunks [default: all]
    #[arg(long, value_name = "N")]
    chunks: Option<NonZeroUsize>,

    /// Print the result as JSON
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
/// A text that is too short, or a model that cannot be had or run.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let context = arguments.context.get();
    if context < LEAST_CONTEXT {
        return Err(Failure::Usage(format!("--context is {context}, but must be at least {LEAST_CONTEXT}")));
    }
    let text = text_file(&arguments.file)?;
    let loaded = Loaded::new(&ModelOptions {
        model: arguments.model.choice(),
        device: &arguments.device.options(),
        context: Some(context),
        cache: arguments.cache.profile(),
        template: None,
        state_memory: io::stderr().is_terminal(),
        guessing: false,
    })?;
    // Text that spells a special token is text here.
    let tokens = loaded.text.tokenizer.encode_prompt(&text, Special::Plain);
    let available = tokens.len() / context;
    if available < 2 {
        return Err(Failure::Other(format!(
            "{} has {} tokens, but at least {} are needed: two chunks of {context}; give a longer text or a smaller \
             --context",
            arguments.file.display(),
            tokens.len(),
            context * 2
        )));
    }
    let chunks = arguments.chunks.map_or(available, |chunks| chunks.get().min(available));
    let (score, seconds) = score(&loaded, arguments, &tokens, chunks)?;
    if !arguments.json {
        return print(&format!(
            "perplexity {:.4} ± {:.4} ({} scored tokens in {chunks} chunks of {context})\n",
            score.perplexity(),
            score.uncertainty(),
            score.tokens
        ));
    }
    print_json(&json!({
        "perplexity": score.perplexity(),
        "uncertainty": score.uncertainty(),
        "chunks": chunks,
        "tokens": tokens.len(),
        "scored_tokens": score.tokens,
        "context": context,
        "model": loaded.resolved.name,
        "fingerprint": loaded.fingerprint()?.to_string(),
        "seconds": seconds,
    }))
}

/// Scores the first chunks; the running figure goes to the progress.
fn score(loaded: &Loaded, arguments: &Arguments, tokens: &[u32], chunks: usize) -> Result<(Score, f64), Failure> {
    let vocabulary = loaded.text.tokenizer.vocabulary();
    let bos = vocabulary.bos.filter(|_| vocabulary.add_bos);
    let prefill_chunk = arguments.device.options().prefill_chunk;
    // Each chunk starts with an empty cache.
    let mut scheduler = loaded.scheduler(prefill_chunk, false)?;
    let mut score = Score::default();
    let mut meter = Meter::new("scoring", Unit::Count);
    meter.set(0, Some(chunks as u64));
    for (index, chunk) in tokens.chunks_exact(arguments.context.get()).take(chunks).enumerate() {
        let mut fed = chunk.to_vec();
        if let (Some(first), Some(bos)) = (fed.first_mut(), bos) {
            *first = bos;
        }
        let taken = scheduler.submit(perplexity::job(fed, prefill_chunk), Duration::ZERO);
        taken.map_err(|refusal| Failure::Other(refusal.to_string()))?;
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                match update.event {
                    Event::Likelihoods(scores) => scores.into_iter().for_each(|one| score.add(one)),
                    Event::Failed(failure) => return Err(Failure::Other(failure.to_string())),
                    _ => {}
                }
            }
        }
        meter.note(format!("perplexity {:.4}", score.perplexity()));
        meter.set(index as u64 + 1, Some(chunks as u64));
    }
    Ok((score, meter.elapsed().as_secs_f64()))
}
