//! Flags of speculation: guesses that save time and cannot change an answer.

use crate::failure::Failure;
use crate::options::{DRAFT_TOKENS, Speculate, SpeculationOptions};
use clap::{Args, ValueEnum};

/// How to guess.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Speculation (changes the speed, never the result)")]
pub(crate) struct SpeculationArguments {
    /// Guess tokens and check several at once [default: auto; for bench: off]
    #[arg(long, value_name = "HOW")]
    speculate: Option<Source>,

    /// A smaller model with the same vocabulary that guesses
    #[arg(long, value_name = "NAME|PATH", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    draft_model: Option<String>,

    /// Most tokens guessed at once [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=hefu_engine::speculation::MAX_GUESSES as u64))]
    draft_tokens: Option<u64>,
}

/// Where guesses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// From the draft model if there is one, else from the model's own block for further tokens, else from the text; as many
    /// as are measured to pay
    Auto,
    /// From the text itself: what followed the same passage before
    Ngram,
    /// From the draft model
    Draft,
    /// From the model's own block for further tokens (multi-token prediction)
    Mtp,
    /// No guesses
    Off,
}

impl From<Source> for Speculate {
    fn from(source: Source) -> Self {
        match source {
            Source::Auto => Self::Auto,
            Source::Ngram => Self::Ngram,
            Source::Draft => Self::Draft,
            Source::Mtp => Self::Mtp,
            Source::Off => Self::Off,
        }
    }
}

impl SpeculationArguments {
    /// The options of these flags; `default` is that of the command.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it needs a draft model that is not named, or does not use the one that is.
    pub(crate) fn options(&self, default: Speculate) -> Result<SpeculationOptions, Failure> {
        let refuse = |sentence: &str| Err(Failure::Usage(sentence.to_owned()));
        let how = self.speculate.map_or(default, Speculate::from);
        match (how, &self.draft_model) {
            (Speculate::Draft, None) => refuse("--speculate draft needs a model; name one with --draft-model"),
            (Speculate::Ngram, Some(_)) => refuse("--speculate ngram uses no --draft-model; leave one of them out"),
            (Speculate::Mtp, Some(_)) => refuse("--speculate mtp uses no --draft-model; leave one of them out"),
            (Speculate::Off, Some(_)) if self.speculate.is_none() => {
                refuse("--draft-model is not used unless --speculate auto or --speculate draft is given too")
            }
            (Speculate::Off, _) => Ok(SpeculationOptions { how, ..SpeculationOptions::default() }),
            (_, draft_model) => Ok(SpeculationOptions {
                how,
                draft_model: draft_model.clone(),
                most: self.draft_tokens.map_or(DRAFT_TOKENS, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            }),
        }
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
        assert_eq!(flags(None, None).options(Speculate::Auto).unwrap().how, Speculate::Auto);
        assert_eq!(flags(None, Some("x")).options(Speculate::Auto).unwrap().how, Speculate::Auto);
        assert_eq!(flags(Some(Source::Draft), Some("x")).options(Speculate::Off).unwrap().how, Speculate::Draft);
        assert_eq!(flags(Some(Source::Off), Some("x")).options(Speculate::Auto).unwrap().how, Speculate::Off);
        for (speculate, model) in [(Some(Source::Draft), None), (Some(Source::Ngram), Some("x"))] {
            let sentence = flags(speculate, model).options(Speculate::Auto).unwrap_err().to_string();
            assert!(sentence.contains("--draft-model"), "{sentence}");
        }
        assert!(flags(None, Some("x")).options(Speculate::Off).is_err());
    }
}
