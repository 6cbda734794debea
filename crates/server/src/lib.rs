//! The HTTP server: what applications speak, in front of the engine.
//!
//! ```text
//! HTTP ─▶ dialect (api) ── Ask ─▶ Service ─▶ Registry ─▶ Worker ─▶ thread of the model: Scheduler
//! HTTP ◀─ dialect (api) ◀─ Piece ── answering ◀── tokens ──────────┘
//! ```
//!
//! * [`answer`], [`error`]: the seam between dialects and everything else, with `hefu_answer`, which takes a conversation to
//!   a request and tokens to deltas;
//! * [`service`], [`registry`], [`worker`], `answering`: which models are in memory, and how requests reach them;
//! * [`catalog`], [`record`], [`watch`]: what the program around the server hands in;
//! * [`api`], [`app`], [`listen`], [`tls`], `body`, `page`: endpoints, who may ask them, and the connections they come over;
//! * `echo`: prompts repeated with their log-probabilities; `traces`: what is computed on the way to an answer; `cost`: what a token takes;
//! * [`inside`]: the same endpoints without a connection;
//! * [`moving`]: answers that go on at another server;
//! * `class`: what a class in a room is asked, where one is held;
//! * `work`: what takes its time, on threads of its own;
//! * [`limits`], [`keys`], `shares`, [`metrics`], [`ids`]: bounds, API keys, what clients share, counters, names.

pub mod answer;
mod answering;
pub mod api;
pub mod app;
mod body;
pub mod catalog;
mod class;
mod cost;
mod echo;
pub mod error;
mod headers;
mod idle;
pub mod ids;
pub mod inside;
pub mod keys;
mod learn;
mod likelihoods;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod moving;
mod page;
mod ranking;
pub mod record;
pub mod registry;
pub mod service;
mod shares;
pub mod tls;
mod traces;
pub mod watch;
mod work;
pub mod worker;

pub use answer::Answer;
pub use error::ApiError;
