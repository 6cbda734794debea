//! The program's side of `hefu serve` and `hefu batch`: models on this machine's chip, receipts and the log of answers,
//! labels.

mod card;
mod catalog;
mod files;
mod gauge;
mod keeper;
mod labels;
mod ledger;
mod log;

pub(crate) use catalog::ModelCatalog;
pub(crate) use files::connections;
pub(crate) use labels::Labelled;
pub(crate) use ledger::Ledger;
