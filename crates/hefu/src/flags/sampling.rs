//! Flags of sampling: one for each field of [`Sampling`].

use crate::failure::Failure;
use clap::Args;
use hefu_answer::Sampling;
use hefu_engine::sampling::Error;

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

    /// XTC, exclude top choices: probability that it acts, 0 to 1; 0 is off [default: the model's, or 0]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) xtc_probability: Option<f32>,

    /// XTC: least probability of a top choice [default: the model's, or 0.1]
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
    /// The settings that were given.
    pub(crate) fn named(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            min_keep: self.min_keep,
            repetition_penalty: self.repetition_penalty,
            repeat_last_n: self.repeat_last_n,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            dry_multiplier: self.dry_multiplier,
            dry_base: self.dry_base,
            dry_allowed_length: self.dry_allowed_length,
            dry_penalty_last_n: self.dry_penalty_last_n,
            dry_breakers: self.dry_breaker.clone(),
            xtc_probability: self.xtc_probability,
            xtc_threshold: self.xtc_threshold,
            logit_bias: self.logit_bias.iter().copied().collect(),
            banned: self.ban.clone(),
            ignore_eos: self.ignore_eos,
            seed: self.seed,
        }
    }

    /// Checks what can be checked before a model is loaded, so that a slip costs no waiting.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a value outside its range, by the flag's name.
    pub(crate) fn check(&self, logprobs: Option<u32>) -> Result<(), Failure> {
        self.named().check(logprobs).map_err(|error| Failure::Usage(in_flags(&error)))
    }
}

/// The sentences about bad settings with the flags' names instead of the fields'.
pub(crate) fn in_flags(error: &Error) -> String {
    let flag = |setting: &str| match setting {
        "banned" => "--ban".to_owned(),
        "dry.breakers" => "--dry-breaker".to_owned(),
        name => format!("--{}", name.replace(['_', '.'], "-")),
    };
    let violations = match error {
        Error::Parameters(violations) => violations,
        Error::UnknownToken { parameter, id, vocabulary } => {
            let flag = flag(parameter);
            return format!("{flag} names token {id}, but the vocabulary has only the tokens below {vocabulary}");
        }
        other => return other.to_string(),
    };
    let sentences = violations
        .iter()
        .map(|violation| format!("{} is {}, but must be {}", flag(violation.name), violation.value, violation.allowed));
    sentences.collect::<Vec<_>>().join("; ")
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
