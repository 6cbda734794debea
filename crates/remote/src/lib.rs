//! Layers of a model on another machine.
//!
//! ```text
//! head: SplitDevice ─▶ RemoteDevice ── batch, values at the cut ──▶ Part: its layers' weights, caches and slots
//!       scheduler, heads           ◀── values that are read ──────        on a device of its own
//! ```
//!
//! The head cuts its program; a part has the same file, cuts the same way, and both compare the digest of what came of it: no
//! program crosses. What crosses for each batch is tokens, places, and the rows of the values that live at the cut. One
//! connection is one executable with states of its own.
//!
//! A part that is lost is placed again, at whatever address it has then, and the executable says that its states are empty
//! ([`hefu_numerics::device::Error::StatesLost`]); whoever schedules computes them again.
//!
//! * `channel`: who is there, by a shared key, and whole messages, each with a code of authentication;
//! * `wire`, `message`: what messages are made of;
//! * `addresses`, `device`, `executable`, `placed`: the head's side; `host`, `part`, `session`: that of the part.
//!
//! Nothing is hidden from who reads on the way; whoever has not the key can neither ask a part nor answer for one.

mod addresses;
mod channel;
mod device;
mod executable;
mod host;
mod message;
mod part;
mod placed;
mod session;
mod wire;

pub use addresses::Addresses;
pub use channel::Key;
pub use device::RemoteDevice;
pub use host::Host;
pub use message::Spec;
pub use part::Part;

use hefu_numerics::program::Program;
use sha2::{Digest, Sha256};

/// The digest of a program and of where the files have its weights: the same on both sides, or nothing is computed.
pub fn digest(program: &Program) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(program.text());
    for weight in &program.weights {
        let (shape, source) = (weight.shape, weight.source);
        hasher.update(format!("{} {} {shape:?} {source:?}\n", weight.tensor, weight.format.name));
    }
    for value in &program.values {
        hasher.update(format!("{} {:?} {} {:?} {:?}\n", value.name, value.layer, value.width, value.kind, value.rows));
    }
    hasher.finalize().into()
}
