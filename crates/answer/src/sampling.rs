//! The settings of sampling that somebody names, over those that a model recommends.

use hefu_engine::sampling::{Breakers, Error, Parameters};
use hefu_text::tokenizer::{Special, Tokenizer};
use std::collections::BTreeMap;

/// Settings of sampling that are named; names and ranges are those of [`Parameters`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// Randomness.
    pub temperature: Option<f32>,
    /// Keep the k likeliest tokens.
    pub top_k: Option<u32>,
    /// Keep the likeliest tokens that together reach this probability.
    pub top_p: Option<f32>,
    /// Keep tokens at least this fraction as likely as the likeliest.
    pub min_p: Option<f32>,
    /// Keep the most typical tokens that together exceed this probability.
    pub typical_p: Option<f32>,
    /// The samplers that remove tokens leave at least this many.
    pub min_keep: Option<u32>,
    /// Weakens tokens of the window.
    pub repetition_penalty: Option<f32>,
    /// The window of the penalties in tokens.
    pub repeat_last_n: Option<i32>,
    /// Taken off the logit of each token of the window.
    pub presence_penalty: Option<f32>,
    /// Taken off the logit of each token of the window per occurrence.
    pub frequency_penalty: Option<f32>,
    /// DRY: strength.
    pub dry_multiplier: Option<f32>,
    /// DRY: growth per token.
    pub dry_base: Option<f32>,
    /// DRY: shorter passages are left alone.
    pub dry_allowed_length: Option<u32>,
    /// DRY: the window in tokens.
    pub dry_penalty_last_n: Option<i32>,
    /// DRY: texts that no passage crosses.
    pub dry_breakers: Vec<String>,
    /// XTC: probability that it acts.
    pub xtc_probability: Option<f32>,
    /// XTC: least probability of a top choice.
    pub xtc_threshold: Option<f32>,
    /// Added to tokens' logits.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Tokens that are never chosen.
    pub banned: Vec<u32>,
    /// Forbid the tokens that end an answer.
    pub ignore_eos: bool,
    /// The seed; `None` is a new one, which the answer reports.
    pub seed: Option<u64>,
}

impl Sampling {
    /// These settings over a model's.
    ///
    /// # Errors
    /// A sentence for every setting outside its range.
    pub fn over(
        &self,
        recommended: &Parameters,
        tokenizer: &Tokenizer,
        logprobs: Option<u32>,
    ) -> Result<Parameters, Error> {
        let mut p = self.without_text(recommended, logprobs);
        if self.ignore_eos {
            p.ignore_eos = tokenizer.vocabulary().ends.iter().copied().collect();
        }
        if !self.dry_breakers.is_empty() {
            let ids = self.dry_breakers.iter().map(|text| tokenizer.encode(text, Special::Plain));
            p.dry.breakers = Breakers::new(&ids.collect::<Vec<_>>())?;
        }
        p.validate()?;
        Ok(p)
    }

    /// Checks what can be checked before there is a model, so that a slip costs no waiting.
    ///
    /// # Errors
    /// As [`Sampling::over`].
    pub fn check(&self, logprobs: Option<u32>) -> Result<(), Error> {
        self.without_text(&Parameters::default(), logprobs).validate()
    }

    /// All but the settings that need a tokeniser.
    fn without_text(&self, recommended: &Parameters, logprobs: Option<u32>) -> Parameters {
        let mut p = recommended.clone();
        set(&mut p.temperature, self.temperature);
        set(&mut p.top_k, self.top_k);
        set(&mut p.top_p, self.top_p);
        set(&mut p.min_p, self.min_p);
        set(&mut p.typical_p, self.typical_p);
        set(&mut p.min_keep, self.min_keep);
        set(&mut p.repetition_penalty, self.repetition_penalty);
        set(&mut p.repeat_last_n, self.repeat_last_n);
        set(&mut p.presence_penalty, self.presence_penalty);
        set(&mut p.frequency_penalty, self.frequency_penalty);
        set(&mut p.dry.multiplier, self.dry_multiplier);
        set(&mut p.dry.base, self.dry_base);
        set(&mut p.dry.allowed_length, self.dry_allowed_length);
        set(&mut p.dry.penalty_last_n, self.dry_penalty_last_n);
        set(&mut p.xtc.probability, self.xtc_probability);
        set(&mut p.xtc.threshold, self.xtc_threshold);
        set(&mut p.seed, self.seed);
        p.logit_bias.extend(&self.logit_bias);
        p.banned.extend(&self.banned);
        p.logprobs = logprobs;
        p
    }
}

fn set<T>(field: &mut T, asked: Option<T>) {
    if let Some(value) = asked {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_goes_over_the_recommendations_and_leaves_the_rest() {
        let named =
            Sampling { top_k: Some(3), logit_bias: BTreeMap::from([(5, 1.5)]), seed: Some(9), ..Sampling::default() };
        let recommended = Parameters { temperature: 0.25, top_k: 20, ..Parameters::default() };
        let parameters = named.without_text(&recommended, Some(2));
        assert_eq!((parameters.temperature, parameters.top_k, parameters.seed), (0.25, 3, 9));
        assert_eq!(parameters.logit_bias.get(&5), Some(&1.5));
        assert_eq!(parameters.logprobs, Some(2));
        assert!(Sampling { top_p: Some(2.0), ..named }.check(None).is_err());
    }
}
