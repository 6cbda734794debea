//! What `hefu serve` hands to the server: models on this machine's chip, and the log.

mod catalog;

pub(crate) use catalog::{Shelf, ShelfWishes};
