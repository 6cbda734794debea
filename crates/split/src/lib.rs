//! One model over several devices: its program is cut at layers, and each part runs where it was put.
//!
//! ```text
//! batch ─▶ part 0 on a device ─▶ values that later layers read ─▶ part 1 on another ─▶ … ─▶ heads on the last
//! ```
//!
//! A part is a program of its own: the operations of its layers with their weights and states, the values of earlier parts
//! that it reads as inputs that its batch brings, and its own values that others read as probes. Caches and slots live where
//! their layers are. Nothing else crosses, and no bit depends on where a program was cut. What comes after the last layer may be
//! a part of its own on a further device: then logits are made where tokens are chosen, and do not cross.
//!
//! Where devices were not named but found, one that fails is done without: layers are dealt out anew, weights come from the files
//! again, and whoever schedules computes again what states held.

mod auto;
mod cut;
mod device;
mod executable;
mod heads;
mod plan;
mod renewed;

pub use auto::AutoDevice;
pub use cut::{CutError, part_of};
pub use device::{Place, SplitDevice};
pub use plan::{Candidate, layer_bytes};
