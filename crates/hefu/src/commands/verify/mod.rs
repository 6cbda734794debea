//! `hefu verify`: whether answers are those that their receipts say.

mod report;
mod score;
mod traced;

use crate::failure::Failure;
use crate::flags::{DeviceArguments, ModelArguments};
use crate::options::VerifyOptions;
use crate::output::{print_json, print_plain, text_file};
use crate::progress::{Meter, Unit};
use crate::receipts;
use crate::verifier::{Outcome, Verifier};
use clap::Args;
use hefu_engine::inspect::is_of_edited;
use hefu_engine::trace::Trace;
use hefu_proof::{Answer, PublicKey, Receipt, trace_from_text};
pub(crate) use report::{Checked, Result as Examined, json, totals};
use std::path::{Path, PathBuf};
use traced::TraceVerdict;

/// Longest file of receipts that is read is that of any text; most receipts that are held at once.
const MAX_RECEIPTS: usize = 1 << 20;

/// Check answers by their receipts: make every choice again, and check the signature
///
/// All choices of an answer are made again in one prefill of prompt and answer, which takes a fraction of the time of answering.
/// Any machine that holds the model can do it.
#[derive(Debug, Args)]
#[command(after_help = "\
Says for each receipt that it matches, or at which token it differs, with both candidates and their logits. The exit status is 1 \
if one does not match. Of a score (`hefu eval`) samples are made again, and it is said what their agreement proves.

Examples:
  hefu run --receipt answer.json \"Name a prime\"; hefu verify answer.json
  hefu verify --trace answer.json
  hefu verify --key 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c receipts.jsonl
  hefu verify --model ./model.gguf --isa portable --threads 1 --steps answer.json
  hefu verify --sample 20 facts.score --task facts.yaml")]
pub(crate) struct Arguments {
    /// Files of receipts, one or many in each
    #[arg(value_name = "RECEIPT", required = true)]
    receipts: Vec<PathBuf>,

    /// The public key that must have signed, or a file with it; without it, any key may have
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// One token after another, as the answer was made; the verdict is the same
    #[arg(long)]
    steps: bool,

    /// Compute the traces that receipts state again; where one differs, say at which token and layer
    #[arg(long)]
    trace: bool,

    /// With --trace: the digests of the receipt's trace, by which the place is found [default: RECEIPT.trace, if it is there]
    #[arg(long, value_name = "FILE", requires = "trace")]
    digests: Option<PathBuf>,

    /// A file with the token ids of the prompt, for receipts that state its hash alone
    #[arg(long, value_name = "FILE")]
    prompt_ids: Option<PathBuf>,

    /// Of a score, make only N samples again, drawn by chance [default: all]
    #[arg(long, value_name = "N")]
    sample: Option<usize>,

    /// The task of a score, to see that its questions are the task's
    #[arg(long, value_name = "TASK.yaml")]
    task: Option<PathBuf>,

    /// The model that judged the answers of a score [default: the one that it names]
    #[arg(long, value_name = "NAME|PATH")]
    judge_model: Option<String>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A file that cannot be read, a model that cannot be had, or an answer that is not what its receipt says.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let key = arguments.key.as_deref().map(public_key).transpose()?;
    let prompt = arguments.prompt_ids.as_deref().map(token_ids).transpose()?;
    let (mut checked, mut scores) = (Vec::new(), Vec::new());
    for path in &arguments.receipts {
        let text = text_file(path)?;
        if score::is_score(&text) {
            scores.push((path.display().to_string(), text));
            continue;
        }
        for (number, text) in documents(&text).into_iter().enumerate() {
            let name =
                if number == 0 { path.display().to_string() } else { format!("{} {}", path.display(), number + 1) };
            let one = Checked::new(name, &text, key.as_ref());
            checked.push(if arguments.trace { one.with_trace(arguments.digests(path)?) } else { one });
            if checked.len() > MAX_RECEIPTS {
                return Err(Failure::Usage(format!("more than {MAX_RECEIPTS} receipts; verify them in parts")));
            }
        }
    }
    let device = arguments.device.options();
    let options = VerifyOptions {
        model: arguments.model.choice(),
        device: &device,
        steps: arguments.steps,
        trace: arguments.trace,
    };
    examine(&options, &mut checked, prompt.as_deref())?;
    score::check_task(arguments.task.as_deref(), scores.len())?;
    let examined = scores.into_iter().map(|(name, text)| score::Examined::new(name, &text, key.as_ref(), arguments));
    let examined = examined.collect::<Result<Vec<_>, _>>()?;
    let mut totals = totals(&checked);
    totals.all += examined.len();
    totals.matching += examined.iter().filter(|score| score.is_match()).count();
    if arguments.json {
        let mut all = json(&checked);
        all["scores"] = score::json_of(&examined);
        (all["matching"], all["total"]) = (totals.matching.into(), totals.all.into());
        print_json(&all)?;
    } else {
        examined.iter().try_for_each(|score| print_plain(&format!("{}\n", score.sentence(key.is_some()))))?;
        checked
            .iter()
            .try_for_each(|checked| print_plain(&format!("{}\n", checked.sentence(key.is_some(), own_key()))))?;
    }
    totals.outcome()
}

/// Makes the answers of all receipts again that are in order, model by model.
///
/// # Errors
/// A model that cannot be had.
pub(crate) fn examine(options: &VerifyOptions<'_>, all: &mut [Checked], prompt: Option<&[u32]>) -> Result<(), Failure> {
    let mut meter = Meter::new("verifying", Unit::Count);
    let total = all.iter().map(Checked::tokens).sum::<u64>();
    let mut before = 0;
    while let Some(fingerprint) = all.iter().find_map(Checked::waiting).map(|answer| answer.fingerprint.clone()) {
        let of_it = |checked: &&Checked| checked.waiting().is_some_and(|answer| answer.fingerprint == fingerprint);
        let answers: Vec<&Answer> = all.iter().filter(of_it).filter_map(|checked| checked.waiting()).collect();
        let mut verifier = Verifier::new(options, &answers)?;
        for checked in all.iter_mut() {
            let Some(answer) = checked.waiting().filter(|answer| answer.fingerprint == fingerprint) else { continue };
            let outcome = verifier.verify(answer, prompt, &mut |done, _| meter.set(before + done, Some(total)));
            before += checked.tokens();
            let trace = outcome.as_ref().ok().and_then(|outcome| checked.compare(outcome));
            let about_trace = trace.zip(answer.trace.as_ref()).map(|(verdict, stated)| verdict.words(answer, stated));
            let words = match &outcome {
                Ok(outcome) => report::words(&outcome.verdict, &verifier) + &about_trace.unwrap_or_default(),
                Err(sentence) => sentence.clone(),
            };
            checked.result = Examined::Done { outcome, trace, words };
        }
    }
    Ok(())
}

/// The public key that an argument is, or that is in the file that it names.
///
/// # Errors
/// [`Failure::Usage`] if it is neither.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = PublicKey::parse(text) {
        return Ok(key);
    }
    let path = Path::new(text);
    let (read, why) =
        if path.is_file() { (text_file(path)?, "") } else { (text.to_owned(), "there is no such file, and ") };
    PublicKey::parse(&read).map_err(|sentence| Failure::Usage(format!("--key {text}: {why}{sentence}")))
}

fn own_key() -> Option<PublicKey> {
    receipts::existing_identity().map(|identity| identity.public())
}

/// The JSON documents in a text, one after another; a text that is none is one document, and says so when it is read.
fn documents(text: &str) -> Vec<String> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(next) = stream.next() {
        let to = if next.is_ok() { stream.byte_offset() } else { text.len() };
        found.push(text.get(from..to).unwrap_or_default().trim().to_owned());
        from = to;
        if next.is_err() {
            break;
        }
    }
    if found.is_empty() {
        found.push(text.to_owned());
    }
    found
}

/// Sentence for an answer of `/v1/trace` or `hefu trace` under edits, which is no receipt; `None` for anything else.
fn answer_of_edited(text: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let named = ["system_fingerprint", "fingerprint"].iter().find_map(|key| answer.get(key)?.as_str());
    let fingerprint = named.filter(|fingerprint| is_of_edited(fingerprint))?;
    Some(format!(
        "it is an answer of an edited model, {fingerprint}, which has no receipt; hefu trace --edits makes it again"
    ))
}

/// Token ids in a file: numbers with anything but digits between them, as `hefu tokenize --ids` prints them or as JSON.
fn token_ids(path: &Path) -> Result<Vec<u32>, Failure> {
    let text = text_file(path)?;
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let id = |number: &str| {
        let wrong = |_| Failure::Other(format!("{}: {number} is no token id; it is too large", path.display()));
        number.parse().map_err(wrong)
    };
    numbers.map(id).collect()
}

impl Checked {
    /// Reads a receipt, and checks what can be checked without the model.
    fn new(name: String, text: &str, key: Option<&PublicKey>) -> Self {
        match Receipt::parse(text) {
            Err(error) => {
                let sentence = answer_of_edited(text).unwrap_or_else(|| error.to_string());
                Self { name, receipt: None, digests: None, result: Examined::Refused(sentence) }
            }
            Ok(receipt) => {
                let result = match (key.filter(|key| *key != receipt.key()), receipt.answer().check_edits()) {
                    (Some(_), _) => Examined::Refused(format!("it is signed by another key, {}", receipt.key())),
                    (None, Err(sentence)) => Examined::Refused(sentence),
                    (None, Ok(())) => Examined::Waiting,
                };
                Self { name, receipt: Some(receipt), digests: None, result }
            }
        }
    }

    /// The same with the digests of its trace, which is to be compared.
    fn with_trace(self, digests: Option<Trace>) -> Self {
        let states_none = self.waiting().is_some_and(|answer| answer.trace.is_none());
        let refused = || Examined::Refused("it states no trace, so that there is nothing to compare".to_owned());
        let result = if states_none { refused() } else { self.result };
        Self { digests, result, ..self }
    }

    /// Verdict on the trace, if it was asked for.
    fn compare(&self, outcome: &Outcome) -> Option<TraceVerdict> {
        let (stated, found) = (self.waiting()?.trace.as_ref()?, outcome.trace.as_ref()?);
        Some(TraceVerdict::new(stated, found, self.digests.as_ref()))
    }
}

impl Arguments {
    /// The digests of a receipt's trace, if they are there.
    fn digests(&self, receipt: &Path) -> Result<Option<Trace>, Failure> {
        let beside = || Some(receipts::beside(receipt)).filter(|path| path.is_file());
        let Some(path) = self.digests.clone().or_else(beside) else { return Ok(None) };
        let trace = trace_from_text(&text_file(&path)?);
        trace.map(Some).map_err(|sentence| Failure::Other(format!("{}: {sentence}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lie_one_after_another_or_spread_over_lines() {
        assert_eq!(documents("{\"a\":1}\n{\"b\":2}\n"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(documents("{\n  \"a\": 1\n}\n"), ["{\n  \"a\": 1\n}"]);
        assert_eq!(documents("{\"a\":1} x {\"b\":2}"), ["{\"a\":1}", "x {\"b\":2}"]);
        assert_eq!(documents(""), [""]);
    }
}
