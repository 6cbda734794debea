//! `hefu run`: one prompt, one answer.

use crate::answer::{self, Answer, Question};
use crate::answering::Answering;
use crate::failure::Failure;
use crate::flags::{AnsweringArguments, StructureArguments};
use crate::load::Loaded;
use crate::output::{piped_input, print, print_json};
use crate::progress::line;
use crate::prompt;
use crate::receipts::{self, ReceiptRequest};
use clap::Args;
use hefu_engine::constraint::Constraint;
use hefu_grammar::{Grammars, Spec};
use hefu_proof::Grammar;
use hefu_text::template::Message;
use hefu_text::tools::{Reasoning, markers};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Last tokens of a prompt that say whether it opens the model's reasoning.
const REASONING_TOKENS: usize = 16;

/// Answer one prompt
///
/// The answer streams to standard output, and nothing else goes there. Text that is piped in is appended to the prompt
/// after an empty line (with --raw: as it is).
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: text, token_ids (with the token that ended the answer), finish_reason (stop or length), usage, \
seed, fingerprint, timings, speculation, model, and logprobs if asked for. Two answers with the same fingerprint, prompt, settings \
and seed are the same to the bit.

Examples:
  hefu run \"What is the capital of France?\"
  hefu run \"Review this change\" < patch.diff
  hefu run --system \"Answer in French\" --temperature 0 \"What is a tokeniser?\"
  hefu run --raw --max-tokens 32 \"fn fibonacci(n: u64) -> u64 {\"
  hefu run --schema '{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}' \"Name three primes\"
  hefu run --regex '[A-Z][a-z]+' \"The capital of France is\"
  hefu run --json --seed 1 --logprobs 3 \"Name a prime\" | jq .token_ids
  hefu run --receipt answer.json \"Name a prime\"; hefu verify answer.json")]
pub(crate) struct Arguments {
    /// The prompt
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,

    /// Instructions that come before the prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,

    /// No chat template: the model continues the text as it is
    #[arg(long, conflicts_with = "template")]
    raw: bool,

    /// Print the answer and everything about it as JSON, when it is complete
    #[arg(long)]
    json: bool,

    /// Say on standard error how long everything took
    #[arg(long)]
    stats: bool,

    /// With --json: the log-probability of each token and of the N likeliest in its place
    #[arg(long, value_name = "N", requires = "json")]
    logprobs: Option<u32>,

    /// With --json: the SHA-256 of all logits, those of every position of the prompt included
    #[arg(long, requires = "json", hide = true)]
    logits_hash: bool,

    /// Write a signed receipt of the answer to FILE; `hefu verify` makes the answer again by it
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// With --receipt: state the prompt's salted hash and not its tokens
    #[arg(long, requires = "receipt")]
    hide_prompt: bool,

    #[command(flatten)]
    structure: StructureArguments,
    #[command(flatten)]
    answering: AnsweringArguments,
}

/// Carries the command out.
///
/// # Errors
/// Nothing to answer, a model that cannot be had, or a prompt that does not fit.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let started = receipts::now();
    arguments.answering.check(arguments.logprobs)?;
    arguments.receipt.as_deref().map_or(Ok(()), receipts::check_place)?;
    let spec = arguments.structure.spec()?;
    let text = prompt_text(&arguments)?;
    let state_memory = arguments.stats || io::stderr().is_terminal();
    let answering = Answering::new(&arguments.answering, arguments.logprobs, state_memory)?;
    let (loaded, seed) = (&answering.loaded, answering.parameters.seed);
    let prompt = match (arguments.raw, &arguments.system) {
        (true, _) => prompt::of_text(loaded, &text),
        (false, None) => prompt::of_conversation(loaded, &[Message::user(&text)])?,
        (false, Some(system)) => prompt::of_conversation(loaded, &[Message::system(system), Message::user(&text)])?,
    };
    let spec = spec.map(|spec| after_reasoning(spec, loaded, &prompt));
    let constraint = spec.as_ref().map(|spec| constraint(spec, loaded, &arguments.structure)).transpose()?;
    // Whoever asks for a receipt learns before the answer that none can be made.
    let asked = arguments.receipt.is_some().then(|| receipts::identity().map(|_| prompt.clone())).transpose()?;
    let cancelled = AtomicBool::new(false);
    let question = answering.question(prompt, seed, &cancelled);
    let question = Question { hash_logits: arguments.logits_hash, constraint, ..question };
    let json = arguments.json;
    let mut show = |piece: &str| if json { Ok(()) } else { print(piece) };
    let answer = answer::answer(loaded, &mut answering.scheduler()?, question, &mut show)?;
    if json {
        print_json(&report(&answering, &answer, seed, &arguments)?)?;
    } else if io::stdout().is_terminal() && !answer.text.ends_with('\n') {
        print("\n")?;
    }
    if spec.is_some() && answer.finish_reason == "length" {
        line("hefu: the answer was cut off before it was complete; give it more with --max-tokens or --context");
    }
    if let (Some(prompt), Some(path)) = (asked, &arguments.receipt) {
        let grammar = spec.as_ref().map(recorded).transpose()?;
        let asked = asked_for(&answering, prompt, grammar, &arguments, started);
        write_receipt(&answering, asked, &answer, path)?;
    }
    if arguments.stats {
        statistics(loaded, &answer, seed);
    }
    Ok(())
}

fn asked_for(
    answering: &Answering<'_>,
    prompt: Vec<u32>,
    grammar: Option<Grammar>,
    arguments: &Arguments,
    started: u64,
) -> ReceiptRequest {
    ReceiptRequest {
        prompt,
        parameters: answering.parameters.clone(),
        max_tokens: answering.max_tokens(),
        grammar,
        hides_prompt: arguments.hide_prompt,
        started,
        stops: arguments.answering.generation.stop.clone(),
        is_conversation: !arguments.raw,
    }
}

fn write_receipt(
    answering: &Answering<'_>,
    asked: ReceiptRequest,
    answer: &Answer,
    path: &Path,
) -> Result<(), Failure> {
    let receipt = receipts::sign(&answering.loaded, asked, answer)?;
    std::fs::write(path, receipt.to_text()).map_err(|error| Failure::file("write", path, error))
}

/// What is asked for, after the end of the reasoning where the prompt leaves the answer in the middle of one.
fn after_reasoning(spec: Spec, loaded: &Loaded, prompt: &[u32]) -> Spec {
    let tail = prompt.get(prompt.len().saturating_sub(REASONING_TOKENS)..).unwrap_or_default();
    let tail: Vec<u8> = tail.iter().flat_map(|id| loaded.tokenizer.token_bytes(*id, true)).copied().collect();
    match Reasoning::detect("", &String::from_utf8_lossy(&tail)) {
        Reasoning::Open => Spec::AfterReasoning { end: markers::THINK_END.to_owned(), then: Box::new(spec) },
        _ => spec,
    }
}

/// What holds the answer to it.
fn constraint(spec: &Spec, loaded: &Loaded, flags: &StructureArguments) -> Result<Box<dyn Constraint>, Failure> {
    let grammars = Grammars::new(Arc::clone(&loaded.tokenizer)).map_err(|error| Failure::Other(error.to_string()))?;
    grammars.constraint(spec).map_err(|error| Failure::Usage(format!("{}: {error}", flags.flag())))
}

/// The grammar for the receipt, as the server writes it too: keys in the order in which they were given, which is the
/// order of an object's properties.
fn recorded(spec: &Spec) -> Result<Grammar, Failure> {
    let text = serde_json::to_value(spec).map(|value| Grammar::new(value.to_string()));
    text.map_err(|error| Failure::Other(format!("the grammar cannot be written into a receipt: {error}")))
}

/// The prompt argument, what is piped in, or both.
fn prompt_text(arguments: &Arguments) -> Result<String, Failure> {
    let piped = piped_input()?.filter(|text| !text.is_empty());
    match (&arguments.prompt, piped) {
        (None, None) => {
            Err(Failure::Usage("there is no prompt; give one as an argument or through standard input".to_owned()))
        }
        (Some(prompt), None) => Ok(prompt.clone()),
        (None, Some(piped)) => Ok(piped),
        (Some(prompt), Some(piped)) if arguments.raw => Ok(format!("{prompt}{piped}")),
        (Some(prompt), Some(piped)) => Ok(format!("{prompt}\n\n{piped}")),
    }
}

fn report(answering: &Answering<'_>, answer: &Answer, seed: u64, arguments: &Arguments) -> Result<Value, Failure> {
    let loaded = &answering.loaded;
    let token_ids: Vec<u32> = answer.choices.iter().map(|choice| choice.id).collect();
    let mut report = json!({
        "text": answer.text,
        "token_ids": token_ids,
        "finish_reason": answer.finish_reason,
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": token_ids.len(),
            "total_tokens": answer.prompt_tokens + token_ids.len(),
        },
        "seed": seed,
        "fingerprint": loaded.fingerprint()?.to_string(),
        "timings": {
            "load_seconds": loaded.took.total.as_secs_f64(),
            "load": loaded.took.report(),
            "prefill_seconds": answer.prefill_seconds,
            "decode_seconds": answer.decode_seconds,
            "prefill_tokens_per_second": answer.prefill_rate(),
            "decode_tokens_per_second": answer.decode_rate(),
        },
        "speculation": answer.guessed.report(answering.how()),
        "model": loaded.resolved.name,
    });
    if let Value::Object(fields) = &mut report {
        if arguments.logprobs.is_some() {
            fields.insert("logprobs".to_owned(), answer.logprobs(&loaded.tokenizer));
        }
        if let Some(hash) = &answer.logits_hash {
            fields.insert("logits_hash".to_owned(), hash.as_str().into());
        }
    }
    Ok(report)
}

/// What `--stats` says.
fn statistics(loaded: &Loaded, answer: &Answer, seed: u64) {
    line(&format!(
        "hefu: {} loaded in {:.2} s ({}; {}, {} threads); prompt {} tokens in {:.2} s ({:.1} tokens/s); answer {} tokens in \
         {:.2} s ({:.1} tokens/s), ended by {}{}; seed {seed}",
        loaded.resolved.name,
        loaded.took.total.as_secs_f64(),
        loaded.took.words(),
        loaded.isa,
        hefu_numerics::team::Team::threads(&*loaded.pool),
        answer.prompt_tokens,
        answer.prefill_seconds,
        answer.prefill_rate(),
        answer.choices.len(),
        answer.decode_seconds,
        answer.decode_rate(),
        answer.finish_reason,
        answer.guessed.words(),
    ));
}
