//! `hefu imatrix`: how much each column of a model's matrices matters, measured on a text.

use crate::failure::Failure;
use crate::flags::{DeviceArguments, ModelArguments};
use crate::load::Loaded;
use crate::options::ModelOptions;
use crate::output::{print_plain, text_file};
use crate::progress::{Meter, Unit};
use crate::whole_file::WholeFile;
use clap::Args;
use hefu_engine::importance::Collector;
use hefu_model::importance::{Importance, Sums};
use hefu_numerics::kv::Profile;
use hefu_text::tokenizer::Special;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Measure which weights of a model matter most, for `hefu quantize --imatrix`
///
/// The model reads the text in chunks, each by itself, and the squares of what each column of its matrices is multiplied with
/// are summed. The file is an importance matrix in GGUF as llama.cpp's tools write and read it, and the same on every machine.
/// All experts compute every token for the last matrices inside them; experts with biases have no sums for these.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hefu imatrix --model model-f16.gguf --file calibration.txt --output model.imatrix.gguf
  hefu imatrix --model model-f16.gguf --file calibration.txt --output m.gguf --chunks 100")]
pub(crate) struct Arguments {
    /// The text, in UTF-8
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,

    /// The file that is written; it appears once it is whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Tokens per chunk
    #[arg(short, long, value_name = "N", default_value = "512")]
    context: NonZeroUsize,

    /// Stop after N chunks [default: all]
    #[arg(long, value_name = "N")]
    chunks: Option<NonZeroUsize>,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A text that is too short, a model that cannot be had or run, or a file that cannot be written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = text_file(&arguments.file)?;
    let context = arguments.context.get();
    let device = arguments.device.options();
    let loaded = Loaded::new(&ModelOptions {
        model: arguments.model.choice(),
        device: &device,
        context: Some(context),
        cache: Profile::default(),
        template: None,
        state_memory: io::stderr().is_terminal(),
        guessing: false,
    })?;
    let mut output = WholeFile::new(&arguments.output, &loaded.resolved.paths(), arguments.force)?;
    // Text that spells a special token is text here.
    let tokens = loaded.text.tokenizer.encode_prompt(&text, Special::Plain);
    let available = tokens.len() / context;
    if available == 0 {
        return Err(Failure::Other(format!(
            "{} has {} tokens, but a chunk has {context}; give a longer text or a smaller --context",
            arguments.file.display(),
            tokens.len()
        )));
    }
    let chunks = arguments.chunks.map_or(available, |chunks| chunks.get().min(available));
    let name = arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut made = Importance {
        datasets: vec![name],
        chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
        chunk_size: u32::try_from(context).unwrap_or(u32::MAX),
        ..Importance::default()
    };
    for (tensor, sums) in collect(&loaded, &tokens, context, chunks, device.prefill_chunk)? {
        let squares: Vec<f32> = sums.squares.iter().map(|sum| *sum as f32).collect();
        if !squares.iter().all(|sum| sum.is_finite()) {
            return Err(Failure::Other(format!(
                "what `{tensor}` is multiplied with is no number: the model is damaged"
            )));
        }
        let counts = sums.counts.iter().map(|count| *count as f32).collect();
        made.tensors.insert(tensor, Sums { squares, counts });
    }
    output.write(&made.write())?;
    output.finish()?;
    let (path, count) = (arguments.output.display(), made.tensors.len());
    print_plain(&format!("{path} has the sums of {count} tensors over {chunks} chunks of {context} tokens\n"))
}

type Collected = std::collections::BTreeMap<String, hefu_engine::importance::Sums>;

fn collect(loaded: &Loaded, tokens: &[u32], context: usize, chunks: usize, batch: usize) -> Result<Collected, Failure> {
    let vocabulary = loaded.text.tokenizer.vocabulary();
    let bos = vocabulary.bos.filter(|_| vocabulary.add_bos);
    let fault = |error: hefu_numerics::device::Error| Failure::Other(error.to_string());
    let mut collector = Collector::new(&loaded.model, context).map_err(fault)?;
    let mut meter = Meter::new("reading", Unit::Count);
    meter.set(0, Some(chunks as u64));
    for (index, chunk) in tokens.chunks_exact(context).take(chunks).enumerate() {
        let mut fed = chunk.to_vec();
        if let (Some(first), Some(bos)) = (fed.first_mut(), bos) {
            *first = bos;
        }
        collector.read(&fed, batch).map_err(fault)?;
        meter.set(index as u64 + 1, Some(chunks as u64));
    }
    Ok(collector.finish())
}
