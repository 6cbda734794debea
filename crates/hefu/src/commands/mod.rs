//! One file per command.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod bench;
pub(crate) mod bom;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod fingerprint;
pub(crate) mod gap;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod label;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod perplexity;
pub(crate) mod pull;
pub(crate) mod remove;
pub(crate) mod run;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod tokenize;
pub(crate) mod top;
pub(crate) mod verify;
pub(crate) mod verify_model;

use crate::cli::Command;
use crate::failure::Failure;

/// Carries a command out.
///
/// # Errors
/// Whatever ended it early.
pub(crate) fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Chat(arguments) => chat::run(arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::Pull(arguments) => pull::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Remove(arguments) => remove::run(&arguments),
        Command::Tokenize(arguments) => tokenize::run(&arguments),
        Command::Perplexity(arguments) => perplexity::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Gap(arguments) => gap::run(&arguments),
        Command::Fingerprint(arguments) => fingerprint::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Selftest(arguments) => selftest::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Identity(arguments) => identity::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::VerifyModel(arguments) => verify_model::run(&arguments),
        Command::Bom(arguments) => bom::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Label(arguments) => label::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Batch(arguments) => batch::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
