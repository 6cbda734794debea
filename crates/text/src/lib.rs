//! Tokenisers, chat templates and streaming detokenisation.
