//! The `hefu` program as a library: takes the command line apart, picks model and device, and wires the layers together.
//!
//! ```text
//! cli ─▶ commands ─▶ flags ─▶ options ◀─ everything below
//! ```
//!
//! * `cli`: the one table of commands; `commands`: one file per command, with the flags that it alone has;
//! * `flags`: flags that several commands have; `options`: what they turn into, the only thing that is seen below;
//! * `models`, `preview`, `open`, `checkpoint`, `load`: from a model's name to its files, its description, and a model in memory;
//! * `answering`, `answer`: a model that is ready to answer, and one answer at the terminal;
//! * `gap`: what a model does, held against what the machine can do;
//! * `serving`: what the server is handed; `part`: layers of a model for a head on another machine;
//! * `fingerprint`, `digests`: what two answers must share to be comparable bit for bit, and digests of files;
//! * `receipts`, `timestamp`, `verifier`: what this instance signs of an answer, and answers made again from that;
//! * [`library`]: models in memory for a program that links this one, which is all that others see;
//! * `own`: the files that compute and that start the program;
//! * `lessons`: those that the program carries;
//! * `words`: the language of help and messages;
//! * `orders`: changes by hand to a log that a program is writing to;
//! * `output`, `progress`, `logging`, `failure`, `interrupt`, `units`, `home`, `whole_file`: standard output, standard
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
mod gap;
mod home;
mod interrupt;
mod lessons;
pub mod library;
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
mod own;
mod packed;
mod part;
mod plain;
mod preview;
mod progress;
mod receipts;
mod reopened;
mod serving;
mod signing;
mod speculation;
mod telemetry;
mod timestamp;
mod units;
mod verifier;
mod whole_file;
mod words;

/// Buffers of large batches are written far and wide: see there.
#[global_allocator]
static ALLOCATOR: hefu_cpu::HugeAllocator = hefu_cpu::HugeAllocator;
