//! `hefu trace`: what a model computes on the way to an answer, and why each token was chosen.

mod report;

use crate::answer;
use crate::answering::AnswerSession;
use crate::failure::Failure;
use crate::flags::AnsweringArguments;
use crate::output::{piped_input, print, print_json};
use clap::Args;
use hefu_answer::{Message, Prompt, Role, edits, findings_fields, safetensors};
use hefu_engine::inspect::{
    Asked, Edit, Findings, MAX_EDIT_NUMBERS, Making, Ranges, Refusal, Wanted, Wish, edited_fingerprint, inspect_all,
    visible,
};
use hefu_engine::sampling::Parameters;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Most numbers that are shown or written at once (256 MiB of them).
const MAX_NUMBERS: usize = 1 << 26;
/// Tokens of an answer that an edited model makes unless told otherwise.
const EDITED_TOKENS: usize = 32;
/// Largest file of edits: so many numbers, with room for their digits.
const MAX_EDITS_BYTES: u64 = 32 * MAX_EDIT_NUMBERS as u64;

/// Show what a model computes on the way to an answer, and why each token was chosen
///
/// Every value of the model's program can be seen, at any layer and position: what queries, keys, gates or whole layers came to,
/// as the numbers that made the answer, to the bit. For each token of the answer every clause of sampling says how many tokens
/// it left, and the draw says where the random point fell.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: model, fingerprint, prompt_tokens, tokens (id and text of each position), steps (position, id, stages, \
draw), values (name, layer, heads, positions, numbers or best).

Examples:
  hefu trace --seed 1 --max-tokens 8 \"Name a prime\"
  hefu trace --list
  hefu trace --value block_output --layer 0,11-13 --position 0-3 --max-tokens 1 --json \"Name a prime\"
  hefu trace --value attention_output --safetensors attention.safetensors \"Name a prime\"
  hefu trace --value lens --best 3 --position 12 --max-tokens 1 \"Name a prime\"
  hefu trace --edits edits.json --max-tokens 8 \"Name a prime\"
  hefu trace --value attention --layer 3 --head 0,2 --position 12 --max-tokens 1 --json \"Name a prime\"")]
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

    /// Layers, counted from 0, as 3 or 0,4-6 [default: all]
    #[arg(long, value_name = "LAYERS")]
    layer: Option<Ranges>,

    /// Heads, counted from 0, as 3 or 0,4-6 [default: all]
    #[arg(long, value_name = "HEADS")]
    head: Option<Ranges>,

    /// Positions, counted from 0, as 3 or 0,4-6 [default: all]
    #[arg(long, value_name = "POSITIONS")]
    position: Option<Ranges>,

    /// Of the values logits and lens, the N likeliest tokens in place of the numbers
    #[arg(long, value_name = "N")]
    best: Option<usize>,

    /// Tokens shown of each clause of sampling; 0 for none
    #[arg(long, value_name = "N", default_value_t = 5)]
    candidates: usize,

    /// Change the model on the way, as FILE says: a JSON array of objects such as {"off": "layer", "layers": [3]}; the answer's fingerprint says so
    #[arg(long, value_name = "FILE")]
    edits: Option<PathBuf>,

    /// Write the values to FILE in the safetensors format
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    answering: AnsweringArguments,
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
    let answering = AnswerSession::new(&arguments.answering, None, false)?;
    let program = &answering.loaded.model.program;
    let Some(text) = text else { return print(&report::list(&visible(program))) };
    let edits = edits_of(arguments)?;
    let findings = trace(&answering, text, arguments, &edits)?;
    if let Some(path) = &arguments.safetensors {
        let bytes = safetensors(&findings).map_err(|error| Failure::Other(error.to_string()))?;
        std::fs::write(path, bytes).map_err(|error| Failure::file("write", path, error))?;
    }
    match arguments.json {
        true => print_json(&json_of(&answering, &findings, &edits, arguments.safetensors.is_none())?),
        false => print(&report::text(&answering.loaded, &findings)),
    }
}

fn json_of(
    answering: &AnswerSession<'_>,
    findings: &Findings,
    edits: &[Edit],
    has_numbers: bool,
) -> Result<Value, Failure> {
    let loaded = &answering.loaded;
    let fingerprint = edited_fingerprint(&loaded.fingerprint()?.to_string(), edits);
    let mut all = json!({"model": loaded.resolved.name, "fingerprint": fingerprint});
    if let Some(fields) = all.as_object_mut() {
        fields.extend(findings_fields(findings, &loaded.text.tokenizer, has_numbers));
    }
    Ok(all)
}

/// The prompt argument, or what is piped in.
fn prompt(arguments: &Arguments) -> Result<Prompt, Failure> {
    let piped = || piped_input().map(|text| text.filter(|text| !text.is_empty()));
    let text = arguments.prompt.clone().map_or_else(piped, |prompt| Ok(Some(prompt)))?;
    let nothing = || Failure::Usage("there is no prompt; give one as an argument or through standard input".to_owned());
    let text = text.ok_or_else(nothing)?;
    Ok(if arguments.raw { Prompt::Text(text) } else { Prompt::Messages(vec![Message::new(Role::User, text)]) })
}

/// Edits that are asked for.
fn edits_of(arguments: &Arguments) -> Result<Vec<Edit>, Failure> {
    let Some(path) = &arguments.edits else { return Ok(Vec::new()) };
    let size = std::fs::metadata(path).map_err(|error| Failure::file("read", path, error))?.len();
    if size > MAX_EDITS_BYTES {
        let sentence = format!("{} has {size} bytes, but edits have at most {MAX_EDITS_BYTES}", path.display());
        return Err(Failure::Usage(sentence));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, error))?;
    let list = serde_json::from_str(&text)
        .map_err(|error| format!("no JSON array of edits, such as [{{\"off\": \"layer\", \"layers\": [3]}}]: {error}"))
        .and_then(edits);
    list.map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
}

/// Values that are asked for.
fn wanted(arguments: &Arguments) -> Wanted {
    let wish = |name: &String| Wish {
        name: name.clone(),
        layers: arguments.layer.clone(),
        heads: arguments.head.clone(),
        positions: arguments.position.clone(),
        best: arguments.best,
    };
    Wanted { values: arguments.values.iter().map(wish).collect(), candidates: arguments.candidates, steps: None }
}

/// Answers, then reads prompt and answer once more and looks.
fn trace(
    answering: &AnswerSession<'_>,
    prompt: Prompt,
    arguments: &Arguments,
    edits: &[Edit],
) -> Result<Findings, Failure> {
    let loaded = &answering.loaded;
    let question = answering.question(&answering.ask(prompt)).map_err(|error| answering.failed(&error))?;
    let parameters: Parameters = question.prepared.request.parameters.clone();
    let mut tokens = question.prepared.request.prompt.clone();
    let prompt = tokens.len();
    let mut making = Making::default();
    if edits.is_empty() {
        let (mut scheduler, never) = (answering.scheduler(false)?, AtomicBool::new(false));
        let answer = answer::answer(&loaded.text, &mut scheduler, question, &never, &mut |_| Ok(()))?;
        tokens.extend(answer.choices.iter().map(|choice| choice.id));
    } else {
        // The model itself would answer something else.
        let request = &question.prepared.request;
        making = Making { tokens: request.max_tokens.unwrap_or(EDITED_TOKENS), ends: request.end_tokens.clone() };
    }
    let (wanted, edits) = (wanted(arguments), edits.to_vec());
    let asked = Asked { tokens, prompt, parameters, wanted, most_numbers: MAX_NUMBERS, edits, making };
    let findings = inspect_all(&loaded.model, asked).map_err(|refusal| refused(&refusal))?;
    match findings.steps.iter().find(|why| findings.tokens.get(why.position) != Some(&why.explanation.id)) {
        None => Ok(findings),
        Some(_) => Err(Failure::Other(
            "the token of an answer was not chosen by its logits; this is a fault of the program".to_owned(),
        )),
    }
}

fn refused(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::NoValue { .. } => Failure::Usage(format!("{refusal}; `hefu trace --list` names them")),
        Refusal::NoHead { .. } | Refusal::NoTokens { .. } | Refusal::Twice { .. } => {
            Failure::Usage(refusal.to_string())
        }
        Refusal::Edit(_) | Refusal::ManyEdits { .. } => Failure::Usage(refusal.to_string()),
        Refusal::TooMany { most } => Failure::Usage(format!(
            "these are more than {most} numbers; name fewer values, or choose with --layer, --head and --position"
        )),
        _ => Failure::Other(refusal.to_string()),
    }
}
