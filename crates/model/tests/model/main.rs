//! Models put together in memory, run on the reference device.

mod batches;
mod binding;
mod families;
mod hostile;
mod oracle;
mod tiny;
