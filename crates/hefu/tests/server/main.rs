//! The server from outside: a real process, asked over real connections, and what goes wrong with either.
//!
//! No test measures time: what is awaited is awaited for [`client::PATIENCE`], which is far beyond what it takes.

#[cfg(unix)]
mod batch;
#[cfg(unix)]
mod bits;
#[cfg(unix)]
mod class;
mod client;
#[cfg(unix)]
mod connections;
#[cfg(unix)]
mod cost;
#[cfg(unix)]
mod echo;
#[cfg(unix)]
mod encoders;
#[cfg(unix)]
mod endpoints;
#[cfg(unix)]
mod lessons;
#[cfg(unix)]
mod likelihoods;
mod limits;
#[cfg(unix)]
mod malformed;
#[cfg(unix)]
mod models;
mod moving;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod readers;
#[cfg(unix)]
mod reasoning;
#[cfg(unix)]
mod shared;
#[cfg(unix)]
mod spelled;
#[cfg(unix)]
mod stopping;
#[path = "../program/tiny.rs"]
mod tiny;
#[cfg(unix)]
mod tools;
mod trace;
