//! Tokenisers through their public interface: hand-made vocabularies, hostile ones, streams, and the real models'.

mod byte_level;
mod corpus;
mod hostile;
mod originals;
mod sentencepiece;
mod streams;
mod support;
