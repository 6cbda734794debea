//! `hefu run`: one prompt, one answer.

use crate::answer::{self, Answer};
use crate::answering::AnswerSession;
use crate::failure::Failure;
use crate::flags::{AnsweringArguments, StructureArguments};
use crate::load::Loaded;
use crate::output::{piped_input, print, print_json};
use crate::progress::line;
use crate::receipts::{self, Signer};
use clap::Args;
use hefu_answer::{AnswerRecord, Ask, Error, Message, Prompt, Role};
use hefu_proof::{new_id, trace_to_text};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

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
  hefu run --receipt answer.json \"Name a prime\"; hefu verify answer.json
  hefu run --receipt answer.json --trace \"Name a prime\"; hefu verify --trace answer.json")]
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

    /// With --receipt: state one digest of every layer's output for every token, and write the single digests to
    /// FILE.trace; `hefu verify --trace` makes them again
    #[arg(long, requires = "receipt")]
    trace: bool,

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
    arguments.traced().map_or(Ok(()), |path| receipts::check_place(&path))?;
    let spec = arguments.structure.spec()?;
    let text = prompt_text(&arguments)?;
    let state_memory = arguments.stats || io::stderr().is_terminal();
    let answering = AnswerSession::new(&arguments.answering, arguments.logprobs, state_memory)?;
    let loaded = &answering.loaded;
    let ask = Ask { format: spec, ..answering.ask(prompt(&arguments, text)) };
    let mut question = answering.question(&ask).map_err(|error| match error {
        Error::Grammar { error, .. } => Failure::Usage(format!("{}: {error}", arguments.structure.flag())),
        error => answering.failed(&error),
    })?;
    question.prepared.request.all_logits = arguments.logits_hash;
    // Whoever asks for a receipt learns before the answer that none can be made.
    arguments.receipt.as_ref().map(|_| receipts::identity()).transpose()?;
    let json = arguments.json;
    let mut show = |piece: &str| if json { Ok(()) } else { print(piece) };
    let (mut scheduler, never) = (answering.scheduler(arguments.trace)?, AtomicBool::new(false));
    let answer = answer::answer(&loaded.text, &mut scheduler, question, &never, &mut show)?;
    if json {
        print_json(&report(&answering, &answer, &arguments)?)?;
    } else if io::stdout().is_terminal() && !answer.text().ends_with('\n') {
        print("\n")?;
    }
    if ask.format.is_some() && answer.finish_reason() == "length" {
        line("hefu: the answer was cut off before it was complete; give it more with --max-tokens or --context");
    }
    if let Some(path) = &arguments.receipt {
        write_receipt(loaded, &answer, started, &arguments, path)?;
    }
    if arguments.stats {
        statistics(loaded, &answer);
    }
    Ok(())
}

/// The prompt as the model takes it.
fn prompt(arguments: &Arguments, text: String) -> Prompt {
    if arguments.raw {
        return Prompt::Text(text);
    }
    let system = arguments.system.as_deref().map(|system| Message::new(Role::System, system));
    Prompt::Messages(system.into_iter().chain([Message::new(Role::User, text)]).collect())
}

fn write_receipt(
    loaded: &Loaded,
    answer: &Answer,
    started: u64,
    arguments: &Arguments,
    path: &Path,
) -> Result<(), Failure> {
    let record = AnswerRecord {
        id: new_id().map_err(Failure::Other)?,
        started,
        fingerprint: loaded.fingerprint()?.to_string(),
        hides_prompt: arguments.hide_prompt,
        ..answer.prepared.record(&loaded.text, 0, &answer.stream)
    };
    let receipt = Signer::new()?.sign(&record).map_err(Failure::Other)?;
    let write = |path: &Path, text| std::fs::write(path, text).map_err(|error| Failure::file("write", path, error));
    if let (Some(path), Some(trace)) = (arguments.traced(), receipts::trace(&record)) {
        write(&path, trace_to_text(&trace))?;
    }
    write(path, receipt.to_text())
}

impl Arguments {
    /// File for the digests of a trace.
    fn traced(&self) -> Option<PathBuf> {
        self.receipt.as_deref().filter(|_| self.trace).map(receipts::beside)
    }
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

fn report(answering: &AnswerSession<'_>, answer: &Answer, arguments: &Arguments) -> Result<Value, Failure> {
    let loaded = &answering.loaded;
    let token_ids: Vec<u32> = answer.choices.iter().map(|choice| choice.id).collect();
    let mut report = json!({
        "text": answer.text(),
        "token_ids": token_ids,
        "finish_reason": answer.finish_reason(),
        "usage": {
            "prompt_tokens": answer.prompt_tokens(),
            "completion_tokens": token_ids.len(),
            "total_tokens": answer.prompt_tokens() + token_ids.len(),
        },
        "seed": answer.prepared.request.parameters.seed,
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
            fields.insert("logprobs".to_owned(), answer.logprobs(&loaded.text.tokenizer));
        }
        if let Some(hash) = &answer.logits_hash {
            fields.insert("logits_hash".to_owned(), hash.as_str().into());
        }
    }
    Ok(report)
}

/// Text of `--stats`.
fn statistics(loaded: &Loaded, answer: &Answer) {
    let seed = answer.prepared.request.parameters.seed;
    line(&format!(
        "hefu: {} loaded in {:.2} s ({}; {}, {} threads); prompt {} tokens in {:.2} s ({:.1} tokens/s); answer {} tokens in \
         {:.2} s ({:.1} tokens/s), ended by {}{}; seed {seed}",
        loaded.resolved.name,
        loaded.took.total.as_secs_f64(),
        loaded.took.words(),
        loaded.isa,
        hefu_numerics::team::Team::threads(&*loaded.pool),
        answer.prompt_tokens(),
        answer.prefill_seconds,
        answer.prefill_rate(),
        answer.choices.len(),
        answer.decode_seconds,
        answer.decode_rate(),
        answer.finish_reason(),
        answer.guessed.words(),
    ));
}
