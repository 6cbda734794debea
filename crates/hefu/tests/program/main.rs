//! The program from outside: what a person types, what comes out, and the exit status.

mod answers;
mod batch;
mod chat;
mod checkpoints;
mod command_line;
mod evaluation;
mod gap;
mod learn;
mod parts;
mod provenance;
mod quantize;
mod real_models;
mod recorded;
mod refused;
mod selftest;
mod speculation;
mod store;
mod structured;
mod support;
#[cfg(unix)]
mod terminal;
mod tiny;
mod trace;
