//! A record held to the model a second time.

use crate::Error;
use crate::record::{Part, SampleRecord, Scored};
use crate::task::Task;
use crate::work::{Work, Writing};
use hefu_answer::{Prompt, TextModel};

/// Work that makes a part again.
///
/// # Errors
/// Tokens that cannot be asked.
pub fn work(part: &Part, task: &Task, model: &TextModel) -> Result<Work, Error> {
    match part {
        Part::Likelihoods { shared, texts } => {
            let whole = |text: &Scored| {
                let ids: Vec<u32> = [&shared[..], &text.ids].concat();
                if text.from == 0 || text.from >= ids.len() {
                    return Err(Error::of("a text of its record has no token that counts"));
                }
                Ok(Scored { ids, logprobs: Vec::new(), ..text.clone() })
            };
            texts.iter().map(whole).collect::<Result<_, _>>().map(Work::Texts)
        }
        Part::Answer { prompt, .. } => {
            let prepared = Writing::of(task).prepared(Prompt::Ids(prompt.clone()), model)?;
            Ok(Work::Answer(Box::new(prepared)))
        }
    }
}

/// Where a part that was made again differs from its record, in words.
pub fn difference(record: &Part, again: &Part) -> Option<String> {
    if record == again {
        return None;
    }
    Some(match (record, again) {
        (Part::Likelihoods { texts, .. }, Part::Likelihoods { texts: others, .. }) => {
            let pairs = texts.iter().zip(others).enumerate();
            let mut found = pairs.filter_map(|(number, (own, other))| {
                let at = own.logprobs.iter().zip(&other.logprobs).position(|(own, other)| own != other)?;
                Some(format!(
                    "the log-probability of token {at} of text {number} is {}, its record says {}",
                    other.logprobs.get(at)?,
                    own.logprobs.get(at)?
                ))
            });
            found.next().unwrap_or_else(|| "its texts are others".to_owned())
        }
        (Part::Answer { output, .. }, Part::Answer { output: other, .. }) => {
            let at = output.iter().zip(other).position(|(own, other)| own != other);
            match at.and_then(|at| Some((at, output.get(at)?, other.get(at)?))) {
                Some((at, own, other)) => format!("token {at} of the answer is {other}, its record says {own}"),
                None => "its answer ends otherwise".to_owned(),
            }
        }
        _ => "its parts are of another kind".to_owned(),
    })
}

/// Checks that a record's own points follow from its parts.
///
/// # Errors
/// A sentence, if they do not.
pub fn check_points(record: &SampleRecord, task: &Task) -> Result<(), Error> {
    let own = crate::grade(task.measure(), &record.expected, &record.parts)?;
    match (own.points, own.of) == (record.points, record.of) {
        true => Ok(()),
        false => Err(Error(format!(
            "it says {} of {} points, but its parts earn {} of {}",
            record.points, record.of, own.points, own.of
        ))),
    }
}
