//! Chat templates: a conversation in, the model's prompt out.
//!
//! A model file carries its prompt format as a Jinja template. Templates are written against one program, Hugging
//! Face's `transformers`, which renders them with Jinja2 in an immutable sandbox (`trim_blocks`, `lstrip_blocks`, loop
//! controls, a `generation` block, its own `tojson`, `raise_exception` and `strftime_now`). This module renders them
//! the same way, byte for byte, and treats every template as written by a stranger: source size, expression length,
//! work, nesting and output are limited ([`limits`]), and every failure is one sentence.
//!
//! ```
//! use hefu_text::template::{ChatTemplate, Conversation, Message, Specials};
//!
//! let source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}";
//! let template = ChatTemplate::new(source, Specials { eos_token: Some("</s>".into()), ..Specials::default() })?;
//! let prompt = template.render(&Conversation::new(vec![Message::user("hi")]))?;
//! assert_eq!(prompt, "<user>hi</s>");
//! # Ok::<(), hefu_text::template::Error>(())
//! ```
//!
//! The pieces: `compile` turns the source into interpreter instructions and puts a guard behind every
//! instruction that can build something large; `guard` holds those guards, and
//! `cost` what reading a value costs; `builtins` is what is taken from the template library; `operators`, `methods`, `filters`, `json`, `number` and
//! `text` are Python's behaviour where the template library's differs.

mod builtins;
mod clock;
mod compile;
mod conversation;
mod cost;
mod engine;
mod error;
mod faults;
mod filters;
mod generation;
mod guard;
mod html;
mod json;
pub mod limits;
mod methods;
mod number;
mod operators;
mod string_methods;
mod text;

pub use clock::{Clock, SystemClock};
pub use conversation::{Conversation, Message, Specials};
pub use engine::ChatTemplate;
pub use error::Error;
