//! Inspection of a model's inner values: named values of its program, row by row, as they are when it answers, and why each token
//! was chosen.
//!
//! A text is read once more from its beginning, alone. The contract makes that the same numbers to the bit as those that the
//! answer came from, in whatever batch, from whatever cache and with whatever guesses it was computed. Nothing is kept for it
//! while answers are made, so that who does not look pays nothing.
//!
//! ```text
//! Wanted ── Plan::new: names, layers, heads, positions; limits ─▶ Plan ── Inspection: step, step, … ─▶ Findings
//! ```
//!
//! * `visible`: what can be seen of a program, `operations`: what one token takes of it, `product`: rows of weights, `ranges`: numbers as `0,4-6`; `wanted`: what is asked for;
//! * `reader`: passes over a text; `lens`: logits of a layer's output; `shares`: where attention looks, `sinks`: scores of no position;
//! * `edit`: a model with something changed on the way;
//! * `inspection`: one text from pass to pass; `queue`: those of several clients, each of whom has its turn.

mod edit;
mod findings;
mod inspection;
mod lens;
mod operations;
mod product;
mod queue;
mod ranges;
mod reader;
mod refusal;
mod shares;
mod sinks;
mod visible;
mod wanted;

pub use edit::{Change, Edit, LAYER, MAX_EDIT_NUMBERS, MAX_EDITS, digest, edited_fingerprint, is_of_edited};
pub use findings::{Findings, Seen, Why};
pub use inspection::{Asked, Inspection, MAX_MEMORY, Making, inspect_all};
pub use operations::{Operation, operations};
pub use product::{Product, SubBlock, WeightRow, products, weight_row};
pub use queue::{Inspections, MAX_OF_CLIENT, MAX_WAITING, Outcome, Ticket};
pub use ranges::Ranges;
pub use reader::{Pass, inspect};
pub use refusal::Refusal;
pub use visible::{Visible, visible};
pub use wanted::{Wanted, Wish};
