//! Report on each receipt, and on all.

use super::traced::TraceVerdict;
use crate::failure::Failure;
use crate::verifier::{Outcome, Verifier};
use hefu_engine::trace::Trace;
use hefu_engine::verification::Verdict;
use hefu_proof::{Answer, PublicKey, Receipt};
use serde_json::{Value, json};

/// One receipt.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Where it was found.
    pub(crate) name: String,
    /// It, if it is one.
    pub(crate) receipt: Option<Receipt>,
    /// The digests of the trace that it states, if they are there.
    pub(crate) digests: Option<Trace>,
    /// The result.
    pub(crate) result: Result,
}

/// Result of a receipt.
#[derive(Debug)]
pub(crate) enum Result {
    /// Form, digest and signature are right; the answer was not made again yet.
    Waiting,
    /// It is no receipt, or not by the key that it must be by; a sentence says why.
    Refused(String),
    /// The answer was made again.
    Done {
        /// Outcome, or why there is none.
        outcome: std::result::Result<Outcome, String>,
        /// Verdict on its trace, if that was asked for.
        trace: Option<TraceVerdict>,
        /// The same in words.
        words: String,
    },
}

/// Numbers of receipts by result.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) matching: usize,
    pub(crate) all: usize,
}

impl Checked {
    /// The answer, if it is still to be made again.
    pub(super) fn waiting(&self) -> Option<&Answer> {
        self.receipt.as_ref().filter(|_| matches!(self.result, Result::Waiting)).map(Receipt::answer)
    }

    /// Positions of prompt and answer.
    pub(super) fn tokens(&self) -> u64 {
        let answer = self.receipt.as_ref().map(Receipt::answer);
        answer.map_or(0, |answer| (answer.prompt.count() + answer.output.len()) as u64)
    }

    /// True if the answer is the one that the receipt says.
    pub(crate) fn is_match(&self) -> bool {
        let Result::Done { outcome: Ok(outcome), trace, .. } = &self.result else { return false };
        matches!(outcome.verdict, Verdict::Matches { .. }) && trace.is_none_or(|trace| trace == TraceVerdict::Fits)
    }

    /// One line about it.
    pub(crate) fn sentence(&self, key_is_known: bool, own: Option<PublicKey>) -> String {
        let words = match &self.result {
            Result::Waiting => "was not examined".to_owned(),
            Result::Refused(sentence) => format!("refused: {sentence}"),
            Result::Done { words, outcome: Ok(_), .. } => words.clone(),
            Result::Done { words, outcome: Err(_), .. } => format!("cannot be examined: {words}"),
        };
        let signer = match &self.receipt {
            Some(receipt) if !key_is_known && own.as_ref() == Some(receipt.key()) => {
                "; signed by this instance".to_owned()
            }
            Some(receipt) if !key_is_known => format!("; signed by {}, which --key can ask for", receipt.key()),
            _ => String::new(),
        };
        format!("{}: {words}{signer}", self.name)
    }

    fn json(&self) -> Value {
        let answer = self.receipt.as_ref().map(Receipt::answer);
        let mut value = json!({
            "name": self.name,
            "id": answer.map(|answer| &answer.id),
            "key": self.receipt.as_ref().map(|receipt| receipt.key().to_string()),
            "matches": self.is_match(),
            "prompt_tokens": answer.map(|answer| answer.prompt.count()),
            "output_tokens": answer.map(|answer| answer.output.len()),
        });
        let (seconds, difference, sentence) = match &self.result {
            Result::Done { outcome: Ok(outcome), words, .. } => {
                let seconds = Some(outcome.took.as_secs_f64());
                (seconds, difference(&outcome.verdict), (!self.is_match()).then(|| words.clone()))
            }
            Result::Done { outcome: Err(sentence), .. } | Result::Refused(sentence) => {
                (None, Value::Null, Some(sentence.clone()))
            }
            Result::Waiting => (None, Value::Null, None),
        };
        if let Result::Done { trace: Some(trace), .. } = &self.result {
            value["trace"] = trace.json();
        }
        value["seconds"] = json!(seconds);
        value["difference"] = difference;
        value["reason"] = json!(sentence);
        value
    }
}

impl Totals {
    /// The exit status that follows.
    ///
    /// # Errors
    /// If a receipt does not match, or there is none: what examined nothing has shown nothing.
    pub(crate) fn outcome(self) -> std::result::Result<(), Failure> {
        match self.all - self.matching {
            0 if self.all == 0 => {
                Err(Failure::Other("nothing was examined, because there is no answer of what was asked for".to_owned()))
            }
            0 => Ok(()),
            1 if self.all == 1 => Err(Failure::Other("the receipt does not match".to_owned())),
            wrong => Err(Failure::Other(format!("{wrong} of {} receipts do not match", self.all))),
        }
    }
}

/// Numbers of matching receipts and of all.
pub(crate) fn totals(all: &[Checked]) -> Totals {
    Totals { matching: all.iter().filter(|checked| checked.is_match()).count(), all: all.len() }
}

/// Everything as JSON.
pub(crate) fn json(all: &[Checked]) -> Value {
    let totals = totals(all);
    json!({
        "receipts": all.iter().map(Checked::json).collect::<Vec<_>>(),
        "matching": totals.matching,
        "total": totals.all,
    })
}

/// A verdict in words.
pub(super) fn words(verdict: &Verdict, verifier: &Verifier) -> String {
    match verdict {
        Verdict::Matches { chosen, forced: 0 } => format!("matches ({chosen} choices made again)"),
        Verdict::Matches { chosen, forced } => {
            format!("matches ({chosen} choices made again, {forced} tokens forced by its grammar)")
        }
        Verdict::Differs(difference) => verifier.words(difference),
        Verdict::EndsOtherwise(sentence) => format!("ends otherwise: {sentence}"),
    }
}

fn difference(verdict: &Verdict) -> Value {
    let Verdict::Differs(found) = verdict else { return Value::Null };
    let candidate =
        |candidate: &hefu_engine::verification::Candidate| json!({"id": candidate.id, "logit": candidate.logit});
    json!({
        "index": found.index,
        "position": found.position,
        "claimed": candidate(&found.claimed),
        "chosen": found.chosen.as_ref().map(candidate),
        "forced": found.forced,
    })
}
