//! Record of a sample, exact to the bit.

use crate::question::Expected;
use hefu_engine::FinishReason;
use hefu_proof::Digest;
use serde::{Deserialize, Serialize};

/// A sample's record: the leaf of a score's tree, in its canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRecord {
    /// Its place in the file of samples, from 0.
    pub index: usize,
    /// SHA-256 of the sample.
    pub row: Digest,
    /// The expected answer.
    pub expected: Expected,
    /// Questions and answers in order: one part, and that of the judge.
    pub parts: Vec<Part>,
    /// Its points.
    pub points: u64,
    /// Points there were to earn, or the unit of the count.
    pub of: u64,
}

/// Question to a model, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Texts after a context.
    Likelihoods {
        /// The tokens with which all of them begin.
        shared: Vec<u32>,
        /// The texts.
        texts: Vec<Scored>,
    },
    /// An answer.
    Answer {
        /// The tokens of the prompt.
        prompt: Vec<u32>,
        /// Those of the answer, with the one that ended it.
        output: Vec<u32>,
        /// Reason why it is over.
        finish: FinishReason,
        /// Its text.
        text: String,
    },
}

/// A text that was scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// Its tokens after the shared ones.
    pub ids: Vec<u32>,
    /// The first token that counts, the shared ones included.
    pub from: usize,
    /// Bytes of the text that is scored.
    pub bytes: usize,
    /// Log-probabilities of its tokens.
    pub logprobs: Vec<f32>,
}

impl Scored {
    /// Natural logarithm of the probability: those of the tokens added in f64, one after the other.
    pub fn logprob(&self) -> f64 {
        self.logprobs.iter().map(|logprob| f64::from(*logprob)).sum()
    }
}

impl Part {
    /// Texts that were scored, each with all its tokens.
    pub fn likelihoods(mut texts: Vec<Scored>) -> Self {
        let all = |at: usize, id: u32| texts.iter().all(|text| text.ids.get(at) == Some(&id));
        let first = texts.first().map(|text| text.ids.clone()).unwrap_or_default();
        let length = first.iter().enumerate().take_while(|(at, id)| all(*at, **id)).count();
        let shared = first.into_iter().take(length).collect();
        for text in &mut texts {
            text.ids.drain(..length);
        }
        Self::Likelihoods { shared, texts }
    }
}
