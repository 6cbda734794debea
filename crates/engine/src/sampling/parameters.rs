//! The settings of sampling: names, ranges, defaults, and the sentence for each one out of range.

use super::breakers::Breakers;
use super::error::{Error, Violation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Greatest temperature.
pub const MAX_TEMPERATURE: f32 = 100.0;
/// Greatest repetition penalty.
pub const MAX_REPETITION_PENALTY: f32 = 10.0;
/// Greatest presence and frequency penalty, either sign.
pub const MAX_ADDITIVE_PENALTY: f32 = 10.0;
/// Greatest DRY multiplier and base.
pub const MAX_DRY: f32 = 100.0;
/// Greatest bias of a token, either sign.
pub const MAX_BIAS: f32 = 100.0;
/// Most entries in each of `logit_bias`, `banned` and `ignore_eos`.
pub const MAX_LISTED_TOKENS: usize = 4096;
/// Most log-probabilities per position.
pub const MAX_LOGPROBS: u32 = 1000;

/// Settings of sampling. The chain and each formula are in `docs/readers/sampling.md`.
///
/// Every default leaves its sampler off, except temperature, `top_k`, `top_p` and `min_p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Randomness, 0 to 100, default 0.8. At 0 the likeliest token is taken and the samplers S11 to S15 are not run.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0 keeps all. Default 40.
    pub top_k: u32,
    /// Keep the likeliest tokens that together reach this probability, 0 to 1; 1 keeps all. Default 0.95.
    pub top_p: f32,
    /// Keep tokens at least this fraction as likely as the likeliest, 0 to 1; 0 keeps all. Default 0.05.
    pub min_p: f32,
    /// Keep the most typical tokens that together exceed this probability, 0 to 1; 1 keeps all. Default 1.
    pub typical_p: f32,
    /// Weakens tokens of the window, above 0 and up to 10; 1 is off. Default 1.
    pub repetition_penalty: f32,
    /// The window of the three penalties in tokens: -1 is everything so far, 0 is off. Default 64.
    pub repeat_last_n: i32,
    /// Taken off the logit of each token of the window, -10 to 10; 0 is off. Default 0.
    pub presence_penalty: f32,
    /// Taken off the logit of each token of the window per occurrence, -10 to 10; 0 is off. Default 0.
    pub frequency_penalty: f32,
    /// Against verbatim repetition of long passages.
    pub dry: Dry,
    /// Exclude top choices.
    pub xtc: Xtc,
    /// Added to a token's logit, -100 to 100 each, at most 4096 entries. To forbid a token use `banned`.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Tokens that are never chosen, at most 4096.
    pub banned: BTreeSet<u32>,
    /// The end tokens to forbid so that the answer goes on to its length limit, at most 4096; empty is off.
    pub ignore_eos: BTreeSet<u32>,
    /// The seed of every random number. Default 0.
    pub seed: u64,
    /// The samplers that remove tokens leave at least this many, at least 1. Default 1.
    pub min_keep: u32,
    /// Report the chosen token's log-probability and those of the n likeliest, 0 to 1000. Default: none.
    pub logprobs: Option<u32>,
}

/// DRY ("don't repeat yourself"): the longer the passage that a token would repeat, the more it is weakened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dry {
    /// Strength, 0 to 100; 0 is off. Default 0.
    pub multiplier: f32,
    /// Growth per token of the repeated passage, 1 to 100. Default 1.75.
    pub base: f32,
    /// A repeated passage shorter than this is not weakened, at least 1. Default 2.
    pub allowed_length: u32,
    /// The window in tokens: -1 is everything so far, 0 is off. Default -1.
    pub penalty_last_n: i32,
    /// Token sequences that a repeated passage never crosses. Default: none.
    pub breakers: Breakers,
}

/// XTC ("exclude top choices"): at random, all likely tokens but the least likely of them are removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xtc {
    /// Probability that it acts, 0 to 1; 0 is off. Default 0.
    pub probability: f32,
    /// From which probability a token is a likely one, 0 to 1; above 0.5 is off. Default 0.1.
    pub threshold: f32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            typical_p: 1.0,
            repetition_penalty: 1.0,
            repeat_last_n: 64,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            dry: Dry::default(),
            xtc: Xtc::default(),
            logit_bias: BTreeMap::new(),
            banned: BTreeSet::new(),
            ignore_eos: BTreeSet::new(),
            seed: 0,
            min_keep: 1,
            logprobs: None,
        }
    }
}

impl Default for Dry {
    fn default() -> Self {
        Self { multiplier: 0.0, base: 1.75, allowed_length: 2, penalty_last_n: -1, breakers: Breakers::default() }
    }
}

impl Default for Xtc {
    fn default() -> Self {
        Self { probability: 0.0, threshold: 0.1 }
    }
}

impl Parameters {
    /// The settings that always take the likeliest token and change no logit.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Parameters`] with one sentence for each setting outside its range; NaN and infinity are outside of all.
    pub fn validate(&self) -> Result<(), Error> {
        let mut check = Check(Vec::new());
        check.range("temperature", self.temperature, 0.0, MAX_TEMPERATURE);
        check.range("top_p", self.top_p, 0.0, 1.0);
        check.range("min_p", self.min_p, 0.0, 1.0);
        check.range("typical_p", self.typical_p, 0.0, 1.0);
        let positive = self.repetition_penalty > 0.0;
        check.that(
            positive && self.repetition_penalty <= MAX_REPETITION_PENALTY,
            "repetition_penalty",
            self.repetition_penalty,
            || format!("above 0 and at most {MAX_REPETITION_PENALTY}"),
        );
        for (name, value) in
            [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)]
        {
            check.range(name, value, -MAX_ADDITIVE_PENALTY, MAX_ADDITIVE_PENALTY);
        }
        check.window("repeat_last_n", self.repeat_last_n);
        check.at_least_one("min_keep", self.min_keep);
        if let Some(count) = self.logprobs {
            let allowed = || format!("at most {MAX_LOGPROBS}");
            check.that(count <= MAX_LOGPROBS, "logprobs", count, allowed);
        }
        self.dry.check(&mut check);
        check.range("xtc.probability", self.xtc.probability, 0.0, 1.0);
        check.range("xtc.threshold", self.xtc.threshold, 0.0, 1.0);
        self.check_lists(&mut check);
        if check.0.is_empty() { Ok(()) } else { Err(Error::Parameters(check.0)) }
    }

    /// Checks that every token that the settings name exists.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a bias or a ban on a token that is not below `vocabulary`.
    pub fn validate_tokens(&self, vocabulary: usize) -> Result<(), Error> {
        // The sets are ordered, so the greatest id speaks for all.
        let greatest = [
            ("logit_bias", self.logit_bias.keys().next_back()),
            ("banned", self.banned.last()),
            ("ignore_eos", self.ignore_eos.last()),
        ];
        for (parameter, id) in greatest {
            if let Some(&id) = id.filter(|&&id| id as usize >= vocabulary) {
                return Err(Error::UnknownToken { parameter, id, vocabulary });
            }
        }
        Ok(())
    }

    fn check_lists(&self, check: &mut Check) {
        for (name, length) in [
            ("logit_bias", self.logit_bias.len()),
            ("banned", self.banned.len()),
            ("ignore_eos", self.ignore_eos.len()),
        ] {
            if length > MAX_LISTED_TOKENS {
                let allowed = format!("at most {MAX_LISTED_TOKENS} tokens long");
                check.push(name, format_args!("{length} tokens long"), allowed);
            }
        }
        // One sentence for the first bad bias: thousands of them would help nobody.
        let outside = |bias: &f32| !(-MAX_BIAS..=MAX_BIAS).contains(bias);
        if let Some((id, bias)) = self.logit_bias.iter().find(|entry| outside(entry.1)) {
            let allowed = format!("between -{MAX_BIAS} and {MAX_BIAS} for each token");
            check.push("logit_bias", format_args!("{bias} for token {id}"), allowed);
        }
    }
}

impl Dry {
    fn check(&self, check: &mut Check) {
        check.range("dry.multiplier", self.multiplier, 0.0, MAX_DRY);
        check.range("dry.base", self.base, 1.0, MAX_DRY);
        check.at_least_one("dry.allowed_length", self.allowed_length);
        check.window("dry.penalty_last_n", self.penalty_last_n);
    }
}

/// Collects violations.
struct Check(Vec<Violation>);

impl Check {
    fn range(&mut self, name: &'static str, value: f32, least: f32, most: f32) {
        let inside = (least..=most).contains(&value);
        self.that(inside, name, value, || format!("between {least} and {most}"));
    }

    fn window(&mut self, name: &'static str, value: i32) {
        let allowed = || "-1 (everything so far), 0 (off) or a number of tokens".to_owned();
        self.that(value >= -1, name, value, allowed);
    }

    fn at_least_one(&mut self, name: &'static str, value: u32) {
        self.that(value >= 1, name, value, || "at least 1".to_owned());
    }

    fn that(&mut self, holds: bool, name: &'static str, value: impl ToString, allowed: impl FnOnce() -> String) {
        if !holds {
            self.push(name, value, allowed());
        }
    }

    fn push(&mut self, name: &'static str, value: impl ToString, allowed: String) {
        let value = value.to_string();
        self.0.push(Violation { name, value, allowed });
    }
}
