//! Flags of speculation: guesses that save time and cannot change an answer.

use crate::failure::Failure;
use clap::{Args, ValueEnum};

/// Tokens guessed at once unless `--draft-tokens` says otherwise.
const DRAFT_TOKENS: u64 = 8;

/// How to guess.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Speculation (changes the speed, never the result)")]
pub(crate) struct SpeculationArguments {
    /// Guess tokens and check several at once [default: auto; for bench: off]
    #[arg(long, value_name = "HOW")]
    pub(crate) speculate: Option<Speculate>,

    /// A smaller model with the same vocabulary that guesses
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) draft_model: Option<String>,

    /// Most tokens guessed at once [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=hefu_engine::speculation::MAX_GUESSES as u64))]
    pub(crate) draft_tokens: Option<u64>,
}

/// Where guesses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Speculate {
    /// From the draft model if there is one, else from the text; as many as are measured to pay
    Auto,
    /// From the text itself: what followed the last time that it went so
    Ngram,
    /// From the draft model
    Draft,
    /// No guesses
    Off,
}

impl SpeculationArguments {
    /// What was asked for; `default` is that of the command.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it needs a draft model that is not named, or does not use the one that is.
    pub(crate) fn how(&self, default: Speculate) -> Result<Speculate, Failure> {
        let refuse = |sentence: &str| Err(Failure::Usage(sentence.to_owned()));
        let how = self.speculate.unwrap_or(default);
        match (how, &self.draft_model) {
            (Speculate::Draft, None) => refuse("--speculate draft needs a model; name one with --draft-model"),
            (Speculate::Ngram, Some(_)) => refuse("--speculate ngram uses no --draft-model; leave one of them out"),
            (Speculate::Off, Some(_)) if self.speculate.is_none() => {
                refuse("--draft-model is not used unless --speculate auto or --speculate draft is given too")
            }
            _ => Ok(how),
        }
    }

    /// Most tokens guessed at once.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.draft_tokens.unwrap_or(DRAFT_TOKENS)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_model_is_there_where_it_is_used_and_only_there() {
        let flags = |speculate, model: Option<&str>| SpeculationArguments {
            speculate,
            draft_model: model.map(str::to_owned),
            draft_tokens: None,
        };
        assert_eq!(flags(None, None).how(Speculate::Auto).unwrap(), Speculate::Auto);
        assert_eq!(flags(None, Some("x")).how(Speculate::Auto).unwrap(), Speculate::Auto);
        assert_eq!(flags(Some(Speculate::Draft), Some("x")).how(Speculate::Off).unwrap(), Speculate::Draft);
        assert_eq!(flags(Some(Speculate::Off), Some("x")).how(Speculate::Auto).unwrap(), Speculate::Off);
        for (speculate, model) in [(Some(Speculate::Draft), None), (Some(Speculate::Ngram), Some("x"))] {
            let sentence = flags(speculate, model).how(Speculate::Auto).unwrap_err().to_string();
            assert!(sentence.contains("--draft-model"), "{sentence}");
        }
        assert!(flags(None, Some("x")).how(Speculate::Off).is_err());
    }
}
