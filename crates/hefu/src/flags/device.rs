//! Flags of every command that computes: where, with how many threads, and in how much memory.

use crate::options::{DeviceOptions, cores};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::num::NonZeroUsize;

/// Most threads that are accepted.
const MAX_THREADS: u64 = 1024;
/// Tokens of a prompt that are computed at once unless `--prefill-chunk` says otherwise.
const PREFILL_CHUNK: &str = "512";

/// How to compute. None of it changes a bit of any result.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Computation (changes the speed, never the result)")]
pub(crate) struct DeviceArguments {
    /// Threads to compute with [default: all cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u64>,

    /// Instruction set [default: the best that this machine has]
    #[arg(long, value_name = "NAME", value_parser = isa_names())]
    pub(crate) isa: Option<String>,

    /// Tokens of the prompt that are computed at once
    #[arg(long, value_name = "N", default_value = PREFILL_CHUNK)]
    prefill_chunk: NonZeroUsize,
}

impl DeviceArguments {
    /// What was asked for.
    pub(crate) fn options(&self) -> DeviceOptions {
        let asked = self.threads.and_then(|threads| usize::try_from(threads).ok());
        DeviceOptions {
            threads: asked.unwrap_or_else(cores),
            isa: self.isa.clone(),
            prefill_chunk: self.prefill_chunk.get(),
        }
    }
}

/// Every instruction set that this program was built with; whether the machine has it is found out later.
fn isa_names() -> PossibleValuesParser {
    PossibleValuesParser::new(hefu_cpu::select::ISAS.iter().map(|isa| isa.name))
}
