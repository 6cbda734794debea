//! The one table of commands: help, completions and the man page are made from it, and it starts what was asked for.

use crate::commands;
use crate::failure::Failure;
use crate::words::{self, Language};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Shown by `hefu --version`: the program's version and that of the numeric contract.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (numeric contract 1)");

/// Answers prompts with open language models, offline, on the CPU; the same answer to the bit on every machine.
#[derive(Debug, Parser)]
#[command(
    name = "hefu",
    bin_name = "hefu",
    version = VERSION,
    max_term_width = 100,
    // The last one counts, so that an alias with flags can be overruled.
    args_override_self = true,
    after_help = "\
Examples:
  hefu run \"What is the capital of France?\"
  hefu chat
  hefu models

`hefu COMMAND --help` explains a command and gives examples.
Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Language of help and messages [default: by the environment: LC_ALL, LC_MESSAGES, LANG]
    #[arg(long = words::FLAG, value_name = "LANG", global = true)]
    language: Option<Language>,
}

impl Cli {
    /// Reads a command line, in the language that was chosen.
    ///
    /// # Errors
    /// A fault of the arguments, or the help that they ask for.
    pub(crate) fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut table = words::command(taking_negative_numbers(Self::command()));
        let matches = table.try_get_matches_from_mut(arguments).map_err(asking_for_quotation_marks)?;
        Self::from_arg_matches(&matches).map_err(|wrong| wrong.format(&mut table))
    }

    /// Carries out what was asked for.
    ///
    /// # Errors
    /// Whatever ended it early.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(arguments) => commands::run::run(arguments),
            Command::Chat(arguments) => commands::chat::run(arguments),
            Command::Serve(arguments) => commands::serve::run(&arguments),
            Command::Key(arguments) => commands::key::run(&arguments),
            Command::Pull(arguments) => commands::pull::run(&arguments),
            Command::Models(arguments) => commands::models::run(&arguments),
            Command::Show(arguments) => commands::show::run(&arguments),
            Command::Pack(arguments) => commands::pack::run(&arguments),
            Command::Remove(arguments) => commands::remove::run(&arguments),
            Command::Embed(arguments) => commands::embed::run(&arguments),
            Command::Tokenize(arguments) => commands::tokenize::run(&arguments),
            Command::Trace(arguments) => commands::trace::run(&arguments),
            Command::Quantize(arguments) => commands::quantize::run(&arguments),
            Command::Imatrix(arguments) => commands::imatrix::run(&arguments),
            Command::Perplexity(arguments) => commands::perplexity::run(&arguments),
            Command::Eval(arguments) => commands::eval::run(&arguments),
            Command::Bench(arguments) => commands::bench::run(&arguments),
            Command::Gap(arguments) => commands::gap::run(&arguments),
            Command::Fingerprint(arguments) => commands::fingerprint::run(&arguments),
            Command::Part(arguments) => commands::part::run(&arguments),
            Command::Devices(arguments) => commands::devices::run(&arguments),
            Command::Doctor(arguments) => commands::doctor::run(&arguments),
            Command::Selftest(arguments) => commands::selftest::run(&arguments),
            Command::Verify(arguments) => commands::verify::run(&arguments),
            Command::Audit(arguments) => commands::audit::run(&arguments),
            Command::Identity(arguments) => commands::identity::run(&arguments),
            Command::Sign(arguments) => commands::sign::run(&arguments),
            Command::VerifyModel(arguments) => commands::verify_model::run(&arguments),
            Command::Bom(arguments) => commands::bom::run(&arguments),
            Command::Export(arguments) => commands::export::run(&arguments),
            Command::Label(arguments) => commands::label::run(&arguments),
            Command::Top(arguments) => commands::top::run(&arguments),
            Command::Learn(arguments) => commands::learn::run(&arguments),
            Command::Batch(arguments) => commands::batch::run(&arguments),
            Command::Completions(arguments) => commands::completions::run(&arguments, Cli::command()),
            Command::Man(arguments) => commands::man::run(&arguments, Cli::command()),
        }
    }
}

/// A number below zero is a value also where it cannot be one: then it is told as a wrong value, not as an unknown flag.
fn taking_negative_numbers(table: clap::Command) -> clap::Command {
    let table = table.mut_args(|argument| {
        let is_value = !argument.is_positional() && argument.get_action().takes_values();
        if is_value { argument.allow_negative_numbers(true) } else { argument }
    });
    table.mut_subcommands(taking_negative_numbers)
}

/// A prompt that was given without quotation marks comes as several words, of which the second is one too many.
fn asking_for_quotation_marks(mut wrong: clap::Error) -> clap::Error {
    let is_word =
        matches!(wrong.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if !word.starts_with('-'));
    let usage = wrong.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let takes_text = usage.contains("PROMPT") || usage.contains("[TEXT]");
    if wrong.kind() == ErrorKind::UnknownArgument && is_word && takes_text {
        let tip = "put a text of several words in quotation marks".into();
        wrong.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    wrong
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
    Pack(commands::pack::Arguments),
    Remove(commands::remove::Arguments),
    Embed(commands::embed::Arguments),
    Tokenize(commands::tokenize::Arguments),
    Trace(commands::trace::Arguments),
    Quantize(commands::quantize::Arguments),
    Imatrix(commands::imatrix::Arguments),
    Perplexity(commands::perplexity::Arguments),
    Eval(commands::eval::Arguments),
    Bench(commands::bench::Arguments),
    Gap(commands::gap::Arguments),
    Fingerprint(commands::fingerprint::Arguments),
    Part(commands::part::Arguments),
    Devices(commands::devices::Arguments),
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
    Learn(Box<commands::learn::Arguments>),
    Batch(commands::batch::Arguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_command_and_heading_has_its_words_in_chinese() {
        let english = format!("{}", Cli::command().render_help());
        let mut chinese = words::in_words(Cli::command(), words::TEXTS, words::TEMPLATE);
        let said = format!("{}", chinese.render_help());
        for command in Cli::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(
                !chinese.get_subcommands().any(|other| other.get_about().is_some_and(|text| text.to_string() == about))
            );
        }
        assert!(english.contains("Usage: ") && english.contains("Commands:"));
        assert!(said.contains("用法：") && said.contains("命令:") && said.contains("显示帮助"), "{said}");
        for command in chinese.get_subcommands() {
            for heading in command.get_arguments().filter_map(clap::Arg::get_help_heading) {
                assert!(!heading.is_ascii(), "{} has the heading {heading}", command.get_name());
            }
        }
    }

    /// Lines of a command's help, and of those below it, that have not a Chinese letter; names of flags and examples aside.
    fn lines_in_english(command: &clap::Command, found: &mut std::collections::BTreeSet<String>) {
        let mut check = |text: &str| {
            let is_chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
            found.extend(text.lines().filter(|line| !line.trim().is_empty() && !is_chinese(line)).map(str::to_owned));
        };
        command.get_about().iter().for_each(|about| check(&about.to_string()));
        if let Some(after) = command.get_after_help() {
            let after = after.to_string();
            after.lines().filter(|line| !line.starts_with("  ")).for_each(&mut check);
        }
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            argument.get_help().iter().for_each(|help| check(&help.to_string()));
            argument.get_long_help().iter().for_each(|help| check(&help.to_string()));
        }
        command.get_subcommands().for_each(|inner| lines_in_english(inner, found));
    }

    #[test]
    fn no_line_of_help_stays_english_in_chinese() {
        let chinese = words::in_words(super::Cli::command(), words::TEXTS, words::TEMPLATE);
        let mut found = std::collections::BTreeSet::new();
        lines_in_english(&chinese, &mut found);
        assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.into_iter().collect::<Vec<_>>().join("\n"));
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
