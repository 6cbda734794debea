//! `hefu quantize`: a model's weights in another format.

mod convert;

use crate::failure::Failure;
use crate::flags::CheckArguments;
use crate::models;
use crate::open::MappedModel;
use crate::options::ModelChoice;
use crate::output::{print_json, print_plain};
use crate::units;
use crate::whole_file::WholeFile;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use convert::{Job, Source};
use hefu_model::gguf::Gguf;
use hefu_model::gguf::write::Writer;
use hefu_model::importance::Importance;
use hefu_model::mix::{self, Candidate, MIXES, Mix, Target, Wish};
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Most threads that are accepted.
const MAX_THREADS: u64 = 1024;

/// Keys that belong to the file and not to the model.
const OWN_KEYS: &[&str] = &["general.alignment", "split.no", "split.count", "split.tensors.count"];

/// Write a model with its weights in another format
///
/// The input is best F32, F16 or BF16; a quantised model is taken, but loses again. Mixes such as Q4_K_M give more bits to
/// what matters more, as their names usually mean. The same input gives the same bytes on every machine and with any number
/// of threads.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: output, bytes, bits_per_weight, tensors (of each: name, shape, from, to).

Examples:
  hefu quantize model-f16.gguf model-q4_k_m.gguf --to Q4_K_M
  hefu quantize model-f16.gguf model-iq3_xxs.gguf --to IQ3_XXS --imatrix model.imatrix.gguf
  hefu quantize model-f16.gguf out.gguf --to Q5_K_S --dry-run")]
pub(crate) struct Arguments {
    /// The model, as --model takes it
    #[arg(value_name = "NAME|PATH")]
    input: String,

    /// The file that is written; it appears once it is whole
    #[arg(value_name = "OUT")]
    output: PathBuf,

    /// The format, or mix of formats
    #[arg(long, value_name = "TYPE", value_parser = mixes(), ignore_case = true)]
    to: &'static Mix,

    /// An importance matrix, as `hefu imatrix` or llama-imatrix (GGUF) writes it
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,

    /// Give every matrix the one format, whatever it is for
    #[arg(long)]
    pure: bool,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// Write nothing: show what each tensor would become
    #[arg(long)]
    dry_run: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// Threads to compute with [default: all cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_THREADS))]
    threads: Option<u64>,

    #[command(flatten)]
    check: CheckArguments,
}

fn mixes() -> impl TypedValueParser<Value = &'static Mix> {
    let names = MIXES.iter().map(|mix| mix.name).chain(["Q3_K", "Q4_K", "Q5_K"]);
    PossibleValuesParser::new(names).map(|name| Mix::from_name(&name).unwrap_or(&MIXES[0]))
}

/// Carries the command out.
///
/// # Errors
/// A model or importance matrix that cannot be read or used, or an output that cannot be written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let choice = ModelChoice { check: arguments.check.check, ..ModelChoice::named(&arguments.input) };
    let opened = MappedModel::new(models::find(choice)?)?;
    let gguf = opened.gguf()?;
    let importance = arguments.imatrix.as_deref().map(importance).transpose()?;
    let tensors: Vec<Candidate<'_>> = gguf
        .tensors()
        .iter()
        .map(|tensor| Candidate { name: tensor.name, shape: &tensor.shape, format: tensor.format })
        .collect();
    let wish = Wish { mix: arguments.to, is_pure: arguments.pure, has_importance: importance.is_some() };
    let targets = mix::plan(gguf.metadata(), &tensors, wish).map_err(|error| opened.fault(&error))?;
    check_importance(arguments, &tensors, &targets, importance.as_ref())?;
    if !arguments.dry_run {
        let output = WholeFile::new(&arguments.output, &opened.model.paths(), arguments.force)?;
        let head = head(&gguf, arguments.to, &tensors, &targets, importance.as_ref());
        let source = Source { opened: &opened, gguf: &gguf };
        let job =
            Job { tensors: &tensors, targets: &targets, importance: importance.as_ref(), threads: threads(arguments) };
        convert::write(output, &head, &source, &job)?;
        opened.model.still_is()?;
    }
    report(arguments, &tensors, &targets)
}

fn threads(arguments: &Arguments) -> usize {
    let asked = arguments.threads.and_then(|threads| usize::try_from(threads).ok());
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

fn importance(path: &Path) -> Result<Importance, Failure> {
    let name = path.to_string_lossy();
    let mapping = hefu_cpu::Mapping::open(path).map_err(|error| Failure::Other(error.to_string()))?;
    let fault = |error: &dyn std::error::Error| Failure::Other(format!("{name}: {error}"));
    let gguf = Gguf::parse(&[mapping.bytes()]).map_err(|error| fault(&error))?;
    Importance::read(&gguf).map_err(|error| fault(&error))
}

/// Refuses what would be of no use, before anything is written.
fn check_importance(
    arguments: &Arguments,
    tensors: &[Candidate<'_>],
    targets: &[Target],
    importance: Option<&Importance>,
) -> Result<(), Failure> {
    for (tensor, target) in tensors.iter().zip(targets) {
        let sums = importance.and_then(|importance| importance.tensors.get(tensor.name));
        let (columns, matrices) = (tensor.shape[0], tensor.shape.get(2).copied().unwrap_or(1));
        if let Some(sums) = sums.filter(|sums| sums.squares.len() as u64 != columns * matrices) {
            return Err(Failure::Other(format!(
                "the importance matrix has {} numbers for the tensor `{}`, but {columns} columns of {matrices} matrices are \
                 needed; it is of another model",
                sums.squares.len(),
                tensor.name
            )));
        }
        if target.needs_importance && sums.is_none() {
            let (name, to) = (tensor.name, target.format.name);
            return Err(Failure::Usage(format!(
                "{} makes the tensor `{name}` {to}, which is of use only with an importance matrix that has it; make one with \
                 `hefu imatrix` and give it with --imatrix",
                arguments.to.name
            )));
        }
    }
    Ok(())
}

/// The beginning of the file: the model's keys, and the table of tensors.
fn head(
    gguf: &Gguf<'_>,
    mix: &Mix,
    tensors: &[Candidate<'_>],
    targets: &[Target],
    importance: Option<&Importance>,
) -> Vec<u8> {
    const VERSION: &str = "general.quantization_version";
    const TYPE: &str = "general.file_type";
    let mut writer = Writer::new();
    for (key, value) in gguf.metadata().iter() {
        if !OWN_KEYS.contains(&key) && key != VERSION && key != TYPE && !key.starts_with("quantize.imatrix.") {
            writer.value(key, *value);
        }
    }
    let number = hefu_model::gguf::Value::U32;
    writer.value(VERSION, number(2)).value(TYPE, number(mix.file_type));
    if let Some(importance) = importance {
        writer.value("quantize.imatrix.entries_count", number(importance.tensors.len() as u32));
        writer.value("quantize.imatrix.chunks_count", number(importance.chunks));
    }
    for (tensor, target) in tensors.iter().zip(targets) {
        writer.declare(tensor.name, tensor.shape, target.format, bytes(tensor, target));
    }
    writer.finish()
}

/// Bytes of a tensor in its new format. Its size was checked when the file was read.
fn bytes(tensor: &Candidate<'_>, target: &Target) -> u64 {
    let row = usize::try_from(tensor.shape[0]).ok().and_then(|columns| target.format.row_bytes(columns)).unwrap_or(0);
    tensor.shape.iter().skip(1).product::<u64>() * row as u64
}

fn report(arguments: &Arguments, tensors: &[Candidate<'_>], targets: &[Target]) -> Result<(), Failure> {
    let all = || tensors.iter().zip(targets);
    let total: u64 = all().map(|(tensor, target)| bytes(tensor, target)).sum();
    let elements: u64 = tensors.iter().map(|tensor| tensor.shape.iter().product::<u64>()).sum();
    let bits = total as f64 * 8.0 / elements.max(1) as f64;
    if arguments.json {
        let list: Vec<_> = all()
            .map(|(tensor, target)| {
                json!({ "name": tensor.name, "shape": tensor.shape, "from": tensor.format.name, "to": target.format.name })
            })
            .collect();
        let output = (!arguments.dry_run).then(|| arguments.output.display().to_string());
        return print_json(&json!({ "output": output, "bytes": total, "bits_per_weight": bits, "tensors": list }));
    }
    let mut text = String::new();
    if arguments.dry_run {
        for (tensor, target) in all() {
            let shape: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
            let (name, from, to) = (tensor.name, tensor.format.name, target.format.name);
            text += &format!("{name:<40} {:>20}  {from} -> {to}\n", shape.join(" x "));
        }
    }
    let verb = if arguments.dry_run { "would have" } else { "has" };
    text +=
        &format!("{} {verb} {} of weights, {bits:.2} bits for each\n", arguments.output.display(), units::bytes(total));
    print_plain(&text)
}
