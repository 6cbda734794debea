//! Models put together in memory, and those of `golden/models`, run on every device.

mod batches;
mod binding;
mod devices;
mod families;
mod golden;
mod hostile;
mod oracle;
mod programs;
mod tiny;
