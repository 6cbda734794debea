//! Lessons about how a language model computes, and exercises that are graded by equality.
//!
//! A lesson is a folder of `lessons`: its text in both languages, and `lesson.toml` with what is not text ([`lesson`]). Every
//! folder there is part of the program. An exercise is a clause that a learner writes in any language ([`exercise`]); what the
//! program of theirs answers is compared to the bit, and a known mistake is recognised by what it computes ([`grade`]).
//!
//! This crate knows no chip, no model and no connection: [`site`] says what stands at an address, and a server serves it.

pub mod exercise;
pub mod grade;
mod html;
pub mod language;
pub mod lesson;
mod markdown;
pub mod run;
pub mod site;
