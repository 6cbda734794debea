//! Structured output: from what an answer must look like to the tokens that may come next.
//!
//! ```text
//! Spec ── checked, lowered ──▶ llguidance's grammar ── Grammars::constraint ──▶ engine::constraint::Constraint
//! ```
//!
//! [`Spec`] is what is asked for, as plain data with a digest. [`Grammars`] holds what is computed once per vocabulary
//! and makes one constraint per answer. Masks, parsing and the compilation of grammars are `llguidance`'s; what is done
//! here is to let nothing pass in silence that it would not honour ([`schema`], [`gbnf`]), to bound what strangers can make
//! it do ([`limits`]), and to turn its failures into sentences.
//!
//! A mask depends on the spec, the vocabulary and the tokens so far, and on nothing else: no clock, no randomness, no
//! other answer. Limits count work, never time.

mod calls;
mod compile;
mod constraint;
mod error;
pub mod gbnf;
mod grammars;
mod lark;
pub mod limits;
mod markers;
pub mod schema;
mod spec;
mod vocabulary;

pub use calls::{Tool, ToolCalls};
pub use error::Error;
pub use grammars::Grammars;
pub use spec::Spec;
