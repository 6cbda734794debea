//! `hefu trace`: what a model computes on the way to an answer, and why each token was chosen.

mod ranges;
mod report;
mod safetensors;

use crate::answer;
use crate::answering::Answering;
use crate::failure::Failure;
use crate::flags::AnsweringArguments;
use crate::output::{piped_input, print, print_json};
use clap::Args;
use hefu_answer::{Message, Prompt, Role};
use hefu_engine::inspect::inspect;
use hefu_engine::sampling::{Explanation, History, Parameters, explain};
use hefu_numerics::device::Error;
use hefu_numerics::program::{Program, Value};
use ranges::Ranges;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Most numbers that are shown or written at once (256 MiB of them).
const MAX_NUMBERS: usize = 1 << 26;

/// Show what a model computes on the way to an answer, and why each token was chosen
///
/// Every value of the model's program can be seen, at any layer and position: what queries, keys, gates or whole layers came to,
/// as the numbers that made the answer, to the bit. For each token of the answer every clause of sampling says how many tokens
/// it left, and the draw says where the random point fell.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: model, fingerprint, prompt_tokens, tokens (id and text of each position), steps (position, id, stages, \
draw), values (name, layer, positions, numbers).

Examples:
  hefu trace --seed 1 --max-tokens 8 \"Name a prime\"
  hefu trace --list
  hefu trace --value block_output --layer 0,11-13 --position 0-3 --max-tokens 1 --json \"Name a prime\"
  hefu trace --value attention_output --safetensors attention.safetensors \"Name a prime\"")]
pub(crate) struct Arguments {
    /// The prompt
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,

    /// No chat template: the model continues the text as it is
    #[arg(long, conflicts_with = "template")]
    raw: bool,

    /// List the values that can be seen, with the layers that have them and the numbers of a row
    #[arg(long)]
    list: bool,

    /// A value to show, by its name in the list; may be given several times
    #[arg(long = "value", value_name = "NAME")]
    values: Vec<String>,

    /// Of which layers, counted from 0, as 3 or 0,4-6 [default: all]
    #[arg(long, value_name = "LAYERS")]
    layer: Option<Ranges>,

    /// At which positions, counted from 0, as 3 or 0,4-6 [default: all]
    #[arg(long, value_name = "POSITIONS")]
    position: Option<Ranges>,

    /// How many tokens are shown of each clause of sampling; 0 for none of it
    #[arg(long, value_name = "N", default_value_t = 5)]
    candidates: usize,

    /// Write the values to FILE in the safetensors format
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    answering: AnsweringArguments,
}

/// A value at some positions.
pub(super) struct Seen {
    pub(super) value: Value,
    /// The positions of its rows.
    pub(super) positions: Vec<usize>,
    /// `[positions][numbers]`.
    pub(super) numbers: Vec<f32>,
}

/// Why the token at a position was chosen.
pub(super) struct Why {
    pub(super) position: usize,
    pub(super) explanation: Explanation,
}

/// Everything that was asked for.
pub(super) struct Trace {
    /// Prompt and answer.
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    pub(super) steps: Vec<Why>,
    pub(super) values: Vec<Seen>,
}

/// Carries the command out.
///
/// # Errors
/// Nothing to answer, a model that cannot be had, a value that it does not have, or more numbers than fit.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.answering.check(None)?;
    if arguments.safetensors.is_some() && arguments.values.is_empty() {
        return Err(Failure::Usage(
            "--safetensors needs a --value to write; `hefu trace --list` names them".to_owned(),
        ));
    }
    let text = if arguments.list { None } else { Some(prompt(arguments)?) };
    let answering = Answering::new(&arguments.answering, None, false)?;
    let program = &answering.loaded.model.program;
    let Some(text) = text else { return print(&report::list(program)) };
    let chosen = chosen(program, arguments)?;
    let trace = trace(&answering, text, &chosen, arguments)?;
    if let Some(path) = &arguments.safetensors {
        safetensors::write(path, program, &trace.values)?;
    }
    match arguments.json {
        true => print_json(&report::json(&answering.loaded, &trace, arguments.safetensors.is_none())?),
        false => print(&report::text(&answering.loaded, &trace)),
    }
}

/// The prompt argument, or what is piped in.
fn prompt(arguments: &Arguments) -> Result<Prompt, Failure> {
    let piped = || piped_input().map(|text| text.filter(|text| !text.is_empty()));
    let text = arguments.prompt.clone().map_or_else(piped, |prompt| Ok(Some(prompt)))?;
    let nothing = || Failure::Usage("there is no prompt; give one as an argument or through standard input".to_owned());
    let text = text.ok_or_else(nothing)?;
    Ok(if arguments.raw { Prompt::Text(text) } else { Prompt::Messages(vec![Message::new(Role::User, text)]) })
}

/// The values that were named, at the layers that were.
fn chosen(program: &Program, arguments: &Arguments) -> Result<Vec<Value>, Failure> {
    let mut chosen = Vec::new();
    for name in &arguments.values {
        let before = chosen.len();
        for value in report::visible(program) {
            let spec = program.value(value);
            let is_of_layer = spec.layer.is_none_or(|layer| Ranges::has(&arguments.layer, usize::from(layer)));
            if spec.name == *name && is_of_layer {
                chosen.push(value);
            }
        }
        if chosen.len() == before {
            let sentence = format!("no value of these layers is called {name}; `hefu trace --list` names them");
            return Err(Failure::Usage(sentence));
        }
    }
    Ok(chosen)
}

/// Answers, then reads prompt and answer once more and looks.
fn trace(answering: &Answering<'_>, prompt: Prompt, chosen: &[Value], arguments: &Arguments) -> Result<Trace, Failure> {
    let loaded = &answering.loaded;
    let question = answering.question(&answering.ask(prompt)).map_err(|error| answering.failed(&error))?;
    let parameters = question.prepared.request.parameters.clone();
    let mut tokens = question.prepared.request.prompt.clone();
    let prompt = tokens.len();
    let (mut scheduler, never) = (answering.scheduler(false)?, AtomicBool::new(false));
    let answer = answer::answer(&loaded.text, &mut scheduler, question, &never, &mut |_| Ok(()))?;
    tokens.extend(answer.choices.iter().map(|choice| choice.id));
    let program = &loaded.model.program;
    let positions = (0..tokens.len()).filter(|at| Ranges::has(&arguments.position, *at)).count();
    let numbers = chosen.iter().map(|value| program.value(*value).numbers().saturating_mul(positions));
    if numbers.fold(0, usize::saturating_add) > MAX_NUMBERS {
        let sentence = format!(
            "these are more than {MAX_NUMBERS} numbers; name fewer values, or choose with --layer and --position"
        );
        return Err(Failure::Usage(sentence));
    }
    let empty = |value: &Value| Seen { value: *value, positions: Vec::new(), numbers: Vec::new() };
    let mut values: Vec<Seen> = chosen.iter().map(empty).collect();
    let mut steps = Vec::new();
    let read = inspect(&loaded.model, &tokens, chosen, &mut |pass| {
        for seen in &mut values {
            let (numbers, width) = (pass.read(seen.value)?, program.value(seen.value).numbers());
            for (row, numbers) in numbers.chunks_exact(width).enumerate() {
                if Ranges::has(&arguments.position, pass.position + row) {
                    seen.positions.push(pass.position + row);
                    seen.numbers.extend_from_slice(numbers);
                }
            }
        }
        for row in 0..pass.rows {
            let position = pass.position + row + 1;
            if arguments.candidates > 0 && (prompt..tokens.len()).contains(&position) {
                let logits = pass.logits(row)?;
                steps.push(why(logits, &tokens, position, &parameters, arguments.candidates)?);
            }
        }
        Ok(())
    });
    read.map_err(|error| Failure::Other(error.to_string()))?;
    Ok(Trace { tokens, prompt, steps, values })
}

/// Why the token at `position` was chosen by these logits.
fn why(logits: &[f32], tokens: &[u32], position: usize, parameters: &Parameters, most: usize) -> Result<Why, Error> {
    let history = History::new(tokens.get(..position).unwrap_or_default());
    let explanation = explain(logits, &history, parameters, None, position as u64, most);
    let explanation = explanation.map_err(|error| Error::bad_batch(error.to_string()))?;
    if tokens.get(position) != Some(&explanation.id) {
        return Err(Error::bad_batch(
            "the token of an answer was not chosen by its logits; this is a fault of the program",
        ));
    }
    Ok(Why { position, explanation })
}
