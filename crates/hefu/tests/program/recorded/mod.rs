//! Servers that record: receipts of every dialect, the log of answers, labels, signed models.

mod audit;
mod crash;
mod edited;
mod full;
mod labels;
mod persons;
mod real;
mod receipts;
mod server;
mod signatures;
mod traces;
