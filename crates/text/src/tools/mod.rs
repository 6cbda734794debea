//! Tool calls and reasoning in what a model says.
//!
//! Every family writes calls in a format of its own, which its chat template shows it. [`ToolFormat`] names the format,
//! [`ToolParser`] takes an answer apart while it streams. Parsing never fails: what is no call by the format, is a
//! broken call or breaks off in the middle of one comes back as text, and no character of it is lost.
//!
//! The markers around calls may be special tokens, which a detokeniser leaves out. [`ToolFormat::shown_tokens`] lists
//! those of a vocabulary, for [`crate::tokenizer::Detokenizer::show`].
//!
//! ```
//! use hefu_text::tools::{Piece, ToolFormat, ToolParser};
//!
//! let mut parser = ToolParser::new(Some(ToolFormat::Hermes));
//! let mut pieces = parser.push("Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"");
//! pieces.extend(parser.push("北京\"}}\n</tool_call>"));
//! pieces.extend(parser.finish());
//! assert_eq!(
//!     pieces,
//!     [
//!         Piece::Text("Let me see.".into()),
//!         Piece::CallStart { index: 0, name: "weather".into() },
//!         Piece::CallArguments { index: 0, piece: "{\"city\": \"北京\"}".into() },
//!     ]
//! );
//! ```

mod call;
mod channels;
mod format;
mod instructions;
mod markup;
mod messages;
mod parser;
mod python;
mod reasoning;
mod scan;
mod take;
mod types;

pub use format::{ToolFormat, markers};
pub use instructions::instructions;
pub use parser::{Piece, ToolParser};
pub use reasoning::{Reasoning, Style};
