//! Questions as tokens, and as jobs for a scheduler.

use crate::Error;
use crate::question::Asked;
use crate::record::Scored;
use crate::task::{Measure, Task};
use hefu_answer::{
    Ask, ContinuationError, Limits, Prepared, Prompt, Sampling, TextModel, continued, prepare, prepare_text,
};
use hefu_engine::Request;

/// Requests of a question, as tokens.
#[derive(Debug)]
pub enum Work {
    /// Texts to be scored; their log-probabilities are still missing.
    Texts(Vec<Scored>),
    /// An answer to be written.
    Answer(Box<Prepared>),
}

/// Limits of answers, which take the likeliest token each time.
#[derive(Debug, Clone, Default)]
pub struct Writing {
    /// Most tokens.
    pub max_tokens: usize,
    /// Texts that end an answer.
    pub stop: Vec<String>,
}

impl Writing {
    /// As a task has it.
    pub fn of(task: &Task) -> Self {
        match task.measure() {
            Measure::ExactMatch(exact) => Self { max_tokens: exact.max_tokens, stop: exact.stop.clone() },
            Measure::Judge(judge) => Self { max_tokens: judge.max_tokens, stop: judge.stop.clone() },
            Measure::MultipleChoice(_) | Measure::Likelihood(_) => Self::default(),
        }
    }

    /// The request for an answer.
    ///
    /// # Errors
    /// A prompt that does not fit.
    pub fn prepared(&self, prompt: Prompt, model: &TextModel) -> Result<Prepared, Error> {
        let ask = Ask {
            prompt,
            sampling: Sampling { temperature: Some(0.0), seed: Some(0), ..Sampling::default() },
            stops: self.stop.clone(),
            max_tokens: Some(self.max_tokens),
            is_whole: true,
            ..Ask::default()
        };
        prepare(&ask, model, &Limits::default()).map_err(|error| Error(error.to_string()))
    }
}

/// Requests of a question, as tokens.
///
/// # Errors
/// A text that does not fit, or cannot be scored.
pub fn work(asked: &Asked, writing: &Writing, model: &TextModel) -> Result<Work, Error> {
    match asked {
        Asked::Answer(prompt) => writing.prepared(prompt.clone(), model).map(|all| Work::Answer(Box::new(all))),
        Asked::Continuations(context, texts) => {
            let mut all = Vec::with_capacity(texts.len());
            for text in texts {
                let (ids, from) = continued(context, &Prompt::Text(text.clone()), model)
                    .map_err(|error: ContinuationError| Error(format!("the text {text:?} {error}")))?;
                let whole = Scored { ids, from, bytes: text.len(), logprobs: Vec::new() };
                match texts.len() {
                    1 => all.extend(windows(whole, model.context)),
                    _ => all.push(whole),
                }
            }
            // Texts that do not fit are known before anything is computed.
            all.iter().try_for_each(|text| request(&text.ids, model).map(drop))?;
            Ok(Work::Texts(all))
        }
    }
}

/// A long text in parts that fit, each after the last token of the one before. All its bytes count with the first.
fn windows(whole: Scored, context: usize) -> Vec<Scored> {
    let room = context.saturating_sub(1).max(2);
    if whole.ids.len() <= room {
        return vec![whole];
    }
    let Scored { ids, from, bytes, .. } = whole;
    let mut all = Vec::new();
    // The first part keeps the context as far as it fits beside one token.
    let mut start = (from + 1).saturating_sub(room);
    let mut scored = from;
    while scored < ids.len() {
        let end = (start + room).min(ids.len());
        let part = ids.get(start..end).unwrap_or_default().to_vec();
        let bytes = if all.is_empty() { bytes } else { 0 };
        all.push(Scored { ids: part, from: scored - start, bytes, logprobs: Vec::new() });
        (start, scored) = (end - 1, end);
    }
    all
}

/// The request for the log-probabilities of a text's tokens.
///
/// # Errors
/// A text that does not fit.
pub fn request(ids: &[u32], model: &TextModel) -> Result<Request, Error> {
    let ask = Ask { prompt: Prompt::Ids(ids.to_vec()), ..Ask::default() };
    let request = prepare_text(&ask, model, &Limits::default(), false);
    let mut request = request.map_err(|error| Error(error.to_string()))?;
    request.parameters.logprobs = Some(0);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_scored_once_and_whole() {
        for (length, from, context) in
            [(100, 1, 8), (100, 1, 101), (100, 1, 100), (7, 1, 3), (50, 40, 9), (50, 3, 9), (9, 8, 4)]
        {
            let ids: Vec<u32> = (0..length).collect();
            let whole = Scored { ids: ids.clone(), from, bytes: 5, logprobs: Vec::new() };
            let parts = windows(whole, context);
            let scored: Vec<u32> = parts.iter().flat_map(|part| part.ids[part.from..].to_vec()).collect();
            assert_eq!(scored, ids[from..], "{length} {from} {context}");
            assert_eq!(parts.iter().map(|part| part.bytes).sum::<usize>(), 5);
            assert!(parts.iter().all(|part| part.from >= 1 && part.ids.len() < context));
        }
    }
}
