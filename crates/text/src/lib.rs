//! Text to token ids and back, and conversations to prompts; nothing else.
//!
//! This crate never sees a tensor, a model family or a request: it turns vocabularies (plain data, wherever they came
//! from) into tokenisers, and chat templates (text from strangers) into prompts.
pub mod template;
pub mod tokenizer;
pub mod tools;
