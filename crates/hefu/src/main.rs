//! The `hefu` program: takes the command line apart, picks model and device, and wires the layers together.
//!
//! ```text
//! cli ─▶ commands ─▶ flags ─▶ options ◀─ everything below
//! ```
//!
//! * [`cli`]: the one table of commands; [`commands`]: one file per command, with the flags that it alone has;
//! * [`flags`]: flags that several commands have; [`options`]: what they turn into, the only thing that is seen below;
//! * [`models`], [`preview`], [`open`], [`checkpoint`], [`load`]: from a model's name to its files, its description, and a model in memory;
//! * [`answering`], [`answer`]: a model that is ready to answer, and one answer at the terminal;
//! * [`serving`]: what the server is handed;
//! * [`fingerprint`], [`digests`]: what two answers must share to be comparable bit for bit, and digests of files;
//! * [`receipts`], [`timestamp`], [`verifier`]: what this instance signs of an answer, and answers made again from that;
//! * [`words`]: the language of help and messages;
//! * [`orders`]: changes by hand to a log that a program is writing to;
//! * [`output`], [`progress`], [`logging`], [`failure`], [`interrupt`], [`units`], [`home`], [`whole_file`]: standard output, standard
//!   error, the log, exit status, Ctrl-C, numbers for people, files of the program's own, files that appear once they are whole.

mod answer;
mod answering;
mod checkpoint;
mod cli;
mod commands;
mod digests;
mod failure;
mod fingerprint;
mod flags;
mod home;
mod interrupt;
mod lessons;
mod load;
mod logging;
mod memory;
mod metadata;
mod models;
mod network;
mod obstacles;
mod open;
mod options;
mod orders;
mod output;
mod packed;
mod plain;
mod preview;
mod progress;
mod receipts;
mod serving;
mod signing;
mod speculation;
mod telemetry;
mod timestamp;
mod units;
mod verifier;
mod whole_file;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

/// Buffers of large batches are written far and wide: see there.
#[global_allocator]
static ALLOCATOR: hefu_cpu::HugeAllocator = hefu_cpu::HugeAllocator;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    words::start(&arguments);
    let command = match cli::Cli::read(arguments) {
        Ok(command) => command,
        Err(wrong) => return failure::usage(&wrong),
    };
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
