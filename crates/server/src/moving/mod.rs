//! Answers and kept responses that go on at another server, to the same bits.
//!
//! ```text
//! here                                                     there
//! POST /v1/drain ─▶ Order ─▶ every Task: withdraw
//!   Task ── Letter (prompt, tokens so far, settings, rules) ─▶ POST /v1/resume ─▶ Job { answered, … }
//!   Task ◀── Line (token, end), each with its number ───────── Receiving ◀── events of the job
//!   ResponseStore ── Parcel ─────────────────────────────────▶ POST /v1/resume/responses ─▶ ResponseStore
//! ```
//!
//! What moves is the computation alone. The connection, the text, stop strings, calls, the receipt and the count of tokens stay
//! with the server that was asked, so its client sees one answer. A choice depends on the text, the settings and the position
//! and on nothing else, so the same tokens follow there; and if they do not come, for whatever reason, they are computed here
//! after all.
//!
//! * `destination`: the other server's address, and how it is asked; `order`: what it is asked for, and what has come of that;
//! * `letter`: what is sent, and its digest; `line`: what comes back; `parcel`: kept responses;
//! * `draining`: what an order sets going; `away`: the answers of one request that are computed there;
//! * `receiving`: what the other server makes of a letter.

mod away;
mod destination;
mod draining;
mod letter;
mod line;
mod order;
mod parcel;
mod receiving;

pub(crate) use away::Away;
pub use destination::Destination;
pub(crate) use draining::send_responses;
pub(crate) use letter::Letter;
pub(crate) use order::{Counts, Moves, Order, Orders};
pub(crate) use parcel::Parcel;

use std::time::Duration;

/// The version of letters, lines and parcels; another one is refused.
pub(crate) const FORMAT: u32 = 1;
/// How long a connection to the other server may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long the other server may take until it says whether it takes an answer: it may have to load the model.
const ACCEPT_TIME: Duration = Duration::from_secs(60);
/// How often a server that computes an answer of another one shows that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long it may be silent before it counts as dead.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest line that comes back, in bytes: a token with the log-probabilities of all that may be asked for fits.
const MAX_LINE_BYTES: usize = 8 << 20;
/// Most bytes that are read of a refusal.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
