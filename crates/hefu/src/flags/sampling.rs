//! Flags of sampling: one for each field of [`Parameters`].

use crate::failure::Failure;
use clap::Args;
use hefu_engine::sampling::{Error, Parameters};

/// How tokens are chosen.
///
/// A flag that is not given takes the model file's own recommendation (`general.sampling.*`), else the default that its
/// help states.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArguments {
    /// Randomness, 0 to 100; 0 always takes the likeliest token [default: the model's, or 0.8]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,

    /// Keep the N likeliest tokens; 0 keeps all [default: the model's, or 40]
    #[arg(long, value_name = "N")]
    pub(crate) top_k: Option<u32>,

    /// Keep the likeliest tokens that together reach probability P; 1 keeps all [default: the model's, or 0.95]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f32>,

    /// Keep tokens at least P times as likely as the likeliest; 0 keeps all [default: the model's, or 0.05]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) min_p: Option<f32>,

    /// Keep the most typical tokens that together exceed probability P; 1 keeps all [default: 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) typical_p: Option<f32>,

    /// Samplers that remove tokens leave at least N [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) min_keep: Option<u32>,

    /// Weaken recent tokens by this factor; 1 is off [default: the model's, or 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) repetition_penalty: Option<f32>,

    /// The penalties look at the last N tokens; -1 is all of them, 0 is off [default: the model's, or 64]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) repeat_last_n: Option<i32>,

    /// Taken off the logit of each recent token, -10 to 10; 0 is off [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) presence_penalty: Option<f32>,

    /// Taken off the logit of each recent token per occurrence, -10 to 10; 0 is off [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) frequency_penalty: Option<f32>,

    /// DRY, against repeating long passages: strength, 0 to 100; 0 is off [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) dry_multiplier: Option<f32>,

    /// DRY: growth per token of the repeated passage, 1 to 100 [default: 1.75]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) dry_base: Option<f32>,

    /// DRY: repeated passages shorter than N tokens are not weakened [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) dry_allowed_length: Option<u32>,

    /// DRY: look at the last N tokens; -1 is all of them, 0 is off [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) dry_penalty_last_n: Option<i32>,

    /// DRY: a repeated passage never crosses this text; may be given several times [default: none]
    #[arg(long, value_name = "TEXT")]
    pub(crate) dry_breaker: Vec<String>,

    /// XTC, exclude top choices: how often it acts, 0 to 1; 0 is off [default: the model's, or 0]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) xtc_probability: Option<f32>,

    /// XTC: from which probability a token is a top choice [default: the model's, or 0.1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) xtc_threshold: Option<f32>,

    /// Add VALUE (-100 to 100) to the logit of token ID; may be given several times
    #[arg(long, value_name = "ID=VALUE", value_parser = parse_bias)]
    pub(crate) logit_bias: Vec<(u32, f32)>,

    /// Never choose token ID; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) ban: Vec<u32>,

    /// Forbid the tokens that end an answer: it goes on to its length limit
    #[arg(long)]
    pub(crate) ignore_eos: bool,

    /// Seed of every random number: the same seed gives the same answer [default: a new one each time, reported by
    /// --json and --stats]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl SamplingArguments {
    /// Puts every flag that was given over `parameters`, which hold the model file's recommendations. The two that need
    /// a tokeniser (`--ignore-eos`, `--dry-breaker`) are left to the caller.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a value outside its range, by the flag's name.
    pub(crate) fn apply(&self, parameters: &mut Parameters, logprobs: Option<u32>) -> Result<(), Failure> {
        let p = parameters;
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
        p.logit_bias.extend(self.logit_bias.iter().copied());
        p.banned.extend(&self.ban);
        p.logprobs = logprobs;
        p.seed = self.seed.unwrap_or_else(chosen_seed);
        p.validate().map_err(|error| Failure::Usage(in_flags(&error)))
    }

    /// Checks what can be checked before a model is loaded, so that a slip costs no waiting.
    ///
    /// # Errors
    /// As [`SamplingArguments::apply`].
    pub(crate) fn check(&self, logprobs: Option<u32>) -> Result<(), Failure> {
        self.apply(&mut Parameters::default(), logprobs)
    }
}

/// The sentences about bad settings with the flags' names instead of the fields'.
pub(crate) fn in_flags(error: &Error) -> String {
    let Error::Parameters(violations) = error else {
        return error.to_string();
    };
    let sentences = violations.iter().map(|violation| {
        let flag = match violation.name {
            "banned" => "ban".to_owned(),
            "dry.breakers" => "dry-breaker".to_owned(),
            name => name.replace(['_', '.'], "-"),
        };
        format!("--{flag} is {}, but must be {}", violation.value, violation.allowed)
    });
    sentences.collect::<Vec<_>>().join("; ")
}

/// A seed from the operating system's randomness, short enough to be typed again.
pub(crate) fn chosen_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library keys every RandomState with fresh random bits.
    std::hash::RandomState::new().build_hasher().finish() >> 32
}

fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

fn parse_bias(text: &str) -> Result<(u32, f32), String> {
    let expected = || "expected a token id, `=` and a number, such as 11=-5".to_owned();
    let (id, value) = text.split_once('=').ok_or_else(expected)?;
    Ok((id.trim().parse().map_err(|_| expected())?, value.trim().parse().map_err(|_| expected())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_over_the_recommendations_and_leave_the_rest() {
        let flags = SamplingArguments {
            top_k: Some(3),
            logit_bias: vec![(5, 1.5)],
            seed: Some(9),
            ..SamplingArguments::default()
        };
        let mut parameters = Parameters { temperature: 0.25, top_k: 20, ..Parameters::default() };
        flags.apply(&mut parameters, Some(2)).unwrap();
        assert_eq!((parameters.temperature, parameters.top_k, parameters.seed), (0.25, 3, 9));
        assert_eq!(parameters.logit_bias.get(&5), Some(&1.5));
        assert_eq!(parameters.logprobs, Some(2));
    }

    #[test]
    fn a_value_out_of_range_is_named_as_a_flag() {
        let flags = SamplingArguments { top_p: Some(2.0), dry_base: Some(f32::NAN), ..SamplingArguments::default() };
        let sentence = flags.check(None).unwrap_err().to_string();
        assert!(sentence.contains("--top-p is 2, but must be between 0 and 1"), "{sentence}");
        assert!(sentence.contains("--dry-base is NaN"), "{sentence}");
    }

    #[test]
    fn biases_are_an_id_and_a_number() {
        assert_eq!(parse_bias("11=-5.5"), Ok((11, -5.5)));
        for bad in ["", "11", "=5", "a=1", "1=b", "-1=2"] {
            assert!(parse_bias(bad).is_err(), "{bad}");
        }
    }
}
