//! The one table of commands and flags. Help, completions and the man page are made from it.

mod answering;
mod cache;
mod device;
mod generation;
mod label;
mod model;
mod recording;
mod sampling;
mod serving;
mod speculation;
mod structure;

pub(crate) use answering::AnsweringArguments;
pub(crate) use cache::CacheArguments;
pub(crate) use device::DeviceArguments;
pub(crate) use generation::GenerationArguments;
pub(crate) use label::LabelArguments;
pub(crate) use model::{CheckArguments, MODEL_VARIABLE, ModelArguments};
pub(crate) use recording::{RecordArguments, SignatureArguments};
pub(crate) use sampling::{SamplingArguments, chosen_seed, in_flags};
pub(crate) use serving::{AccessArguments, LimitArguments, LogFormat};
pub(crate) use speculation::{Speculate, SpeculationArguments};
pub(crate) use structure::StructureArguments;

use crate::commands;
use clap::{Parser, Subcommand};

/// Shown by `hefu --version`: the program's version and that of the numeric contract.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (numeric contract 1)");

/// Answers prompts with open language models, offline, on the CPU; the same answer to the bit on every machine.
#[derive(Debug, Parser)]
#[command(
    name = "hefu",
    bin_name = "hefu",
    version = VERSION,
    max_term_width = 100,
    disable_help_subcommand = true,
    // The last one counts, so that an alias with flags can be overruled.
    args_override_self = true,
    after_help = "\
Examples:
  hefu run \"Explain in one sentence what a language model is\"
  hefu chat
  hefu models

`hefu COMMAND --help` explains a command and gives examples.
Exit status: 0 done, 1 failed, 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every command, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(commands::run::Arguments),
    Chat(commands::chat::Arguments),
    Serve(commands::serve::Arguments),
    Key(commands::key::Arguments),
    Pull(commands::pull::Arguments),
    Models(commands::models::Arguments),
    Show(commands::show::Arguments),
    Remove(commands::remove::Arguments),
    Tokenize(commands::tokenize::Arguments),
    Perplexity(commands::perplexity::Arguments),
    Bench(commands::bench::Arguments),
    Gap(commands::gap::Arguments),
    Fingerprint(commands::fingerprint::Arguments),
    Doctor(commands::doctor::Arguments),
    Selftest(commands::selftest::Arguments),
    Verify(commands::verify::Arguments),
    Audit(commands::audit::Arguments),
    Identity(commands::identity::Arguments),
    Sign(commands::sign::Arguments),
    VerifyModel(commands::verify_model::Arguments),
    Bom(commands::bom::Arguments),
    Export(commands::export::Arguments),
    Label(commands::label::Arguments),
    Top(commands::top::Arguments),
    Batch(commands::batch::Arguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contract_version_is_the_one_that_is_built_in() {
        assert!(VERSION.ends_with(&format!("contract {})", hefu_numerics::CONTRACT_VERSION)));
    }

    #[test]
    fn every_command_has_an_example_and_every_flag_a_description() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains(&format!("hefu {name}")), "{name} has no example");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
            }
        }
    }

    #[test]
    fn a_flag_of_one_name_means_one_thing() {
        let mut seen = std::collections::HashMap::new();
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
                let described = (argument.get_value_names().map(<[_]>::to_vec), argument.get_short());
                let name = argument.get_long().unwrap_or_default().to_owned();
                let first = seen.entry(name).or_insert_with(|| described.clone());
                assert_eq!(*first, described, "--{} in {}", argument.get_id(), command.get_name());
            }
        }
    }
}
