//! Answers with their receipts, for other chips to examine.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hefu_cpu::Pool;
use hefu_cpu::select::best;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, Job};
use hefu_engine::trace::Trace;
use hefu_engine::{FinishReason, Request};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_proof::{Answer, Digest, Identity, Prompt, Receipt, Software, TraceRoot, new_id};

use crate::model::{CHUNK, carry_out, fingerprint, load, read, threads};

/// Most positions of prompt and answer.
const CONTEXT: usize = 1024;

/// Prints the receipt of a sampled answer of so many tokens to a prompt, signed by a key that is made for it; the numbers are
/// a seed, how many tokens, and the tokens of the prompt.
///
/// # Errors
/// A model that cannot be read or run, or what is no number.
pub(crate) fn run(model: &str, numbers: &[&str]) -> Result<bool, String> {
    let bytes = read(model)?;
    let gguf = Gguf::parse(&[&bytes]).map_err(|error| error.to_string())?;
    let name = model.rsplit(['/', '\\']).next().unwrap_or(model);
    let answer = answer(&gguf, &Digest::of(&[&bytes]).to_string(), name, request(numbers)?)?;
    let identity = Identity::random().map_err(|error| error.to_string())?;
    let receipt = Receipt::sign(answer, &identity).map_err(|error| error.to_string())?;
    print!("{}", receipt.to_text());
    Ok(true)
}

fn request(numbers: &[&str]) -> Result<Request, String> {
    let number = |word: &&str| word.parse::<u32>().map_err(|error| format!("{word} is no number: {error}"));
    let numbers = numbers.iter().map(number).collect::<Result<Vec<u32>, _>>()?;
    let [seed, count, prompt @ ..] = &numbers[..] else {
        return Err("a seed, a number of tokens and a prompt are needed".to_owned());
    };
    Ok(Request {
        prompt: prompt.to_vec(),
        parameters: Parameters { seed: u64::from(*seed), ..Parameters::default() },
        end_tokens: [].into(),
        max_tokens: Some(*count as usize),
        prefill_chunk: CHUNK,
        all_logits: false,
    })
}

fn answer(gguf: &Gguf<'_>, digest: &str, name: &str, request: Request) -> Result<Answer, String> {
    let most = ModelSpec::context_length(gguf).map_err(|error| error.to_string())?;
    let options = LoadOptions { context: Some(CONTEXT.min(most)), ..LoadOptions::default() };
    let model = load(gguf, &options, best().device(Arc::new(Pool::new(threads()))))?;
    let (mut output, mut finish, mut trace) = (Vec::new(), FinishReason::Cancelled, Trace::default());
    carry_out(&model, Job::new(request.clone()), CONTEXT.min(most), true, &mut |event| {
        match event {
            Event::Token(choice) => output.push(choice.id),
            Event::Finished(reason) => finish = reason,
            Event::Traced(piece) => trace.take(&piece),
            _ => {}
        }
        Ok(())
    })?;
    let positions = TraceRoot::most_positions(request.prompt.len(), output.len());
    Ok(Answer {
        id: new_id()?,
        started: None,
        time: milliseconds(),
        model: name.to_owned(),
        fingerprint: fingerprint(gguf, digest, &options)?,
        software: software()?,
        prompt: Prompt::Tokens(request.prompt),
        parameters: request.parameters,
        end_tokens: request.end_tokens,
        max_tokens: request.max_tokens,
        context: CONTEXT.min(most),
        grammar: None,
        output,
        finish,
        text_digest: None,
        template_digest: None,
        stop_digest: None,
        trace: Some(TraceRoot::of(&trace.first(positions))),
    })
}

/// This program. A chip in an emulator knows its own file by the path by which it was called.
fn software() -> Result<Software, String> {
    let path = std::env::args().next().unwrap_or_default();
    Ok(Software {
        name: concat!("hefu-check ", env!("CARGO_PKG_VERSION")).to_owned(),
        digest: Digest::of(&[&read(&path)?]),
    })
}

/// Milliseconds since 1970 (UTC).
fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
