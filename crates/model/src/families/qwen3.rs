//! Qwen 3, dense (arXiv 2505.09388): Qwen 2 with a norm of every query's and key's head in place of the biases.
//!
//! A family is a function that writes a program: it reads metadata and names tensors, and never computes. What it writes is
//! what a paper's figure shows, one operation a line, each a clause of docs/readers/numerics.md:
//!
//! ```text
//! x = embed(tokens)                                            W2
//! for each layer:
//!     n = rms_norm(x, attn_norm)                               N1
//!     q, k, v = n · attn_q, n · attn_k, n · attn_v             Q
//!     q, k = rotate(head_norm(q)), rotate(head_norm(k))        N1, P2   <- what makes it Qwen 3
//!     store(k, v);  a = attend(q)                              A1 to A4
//!     x = x + a · attn_output
//!     n = rms_norm(x, ffn_norm)
//!     x = x + (silu(n · ffn_gate) * (n · ffn_up)) · ffn_down   F3, F6
//! logits = rms_norm(x, output_norm) · output
//! ```
//!
//! Most decoders differ from this in a few fields. `Decoder::read` takes what metadata say (heads, rotation, layers),
//! this file sets the one field in which Qwen 3 differs, and `Decoder::write` writes the lines above. A key that nobody
//! read, or a tensor that nobody named, is an error: it could change results.
//!
//! The program of the tiny model of this family lies as text in `golden/programs/tiny-qwen3.txt`.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, RopeFactors};
use crate::error::Error;

pub(super) const QWEN3: Family = Family { name: "qwen3", write };

pub(super) fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, feed_forward)
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: FeedForward) -> Result<(), Error> {
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.norm = HeadNorm::Heads;
    decoder.write(b)
}
