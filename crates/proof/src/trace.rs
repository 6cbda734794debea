//! Trace: a receipt's commitment to the values between a model's layers, one digest for all of them.
//!
//! The tree over the digests of a [`Trace`] is that of RFC 9162, section 2.1.1. The digests themselves lie in a text of their
//! own, by which two who have different roots find out where they part.

use crate::digest::{Digest, from_hex, to_hex};
use crate::merkle;
use hefu_engine::trace::Trace;
use serde::{Deserialize, Serialize};

/// Most layers of a trace.
pub(crate) const MAX_LAYERS: usize = 1 << 16;
/// Beginning of the text of a trace.
const HEAD: &str = "hefu trace 1";

/// The root of a trace, and of how many digests it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRoot {
    /// Layers of the model.
    pub layers: usize,
    /// Positions, from the first of the prompt on.
    pub positions: usize,
    /// The root of the tree over the digests of all layers of the first position, then of the second, and so on.
    pub root: Digest,
}

impl TraceRoot {
    /// That of a trace.
    pub fn of(trace: &Trace) -> Self {
        Self { layers: trace.layers(), positions: trace.positions(), root: merkle::root(trace.digests()) }
    }

    /// Positions that the trace of an answer can have at most: nothing is computed for the last token.
    pub fn most_positions(prompt: usize, output: usize) -> usize {
        (prompt + output.max(1)).saturating_sub(1)
    }
}

/// The digests of a trace as text: a line for each position, with those of all layers.
pub fn trace_to_text(trace: &Trace) -> String {
    let mut text = format!("{HEAD}\n");
    for position in trace.digests().chunks(trace.layers().max(1)) {
        let digests: Vec<String> = position.iter().map(|digest| to_hex(digest)).collect();
        text.push_str(&digests.join(" "));
        text.push('\n');
    }
    text
}

/// A trace from its text.
///
/// # Errors
/// A sentence, if the text is that of none.
pub fn trace_from_text(text: &str) -> Result<Trace, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(format!("it is no trace, whose first line is `{HEAD}`"));
    }
    let (mut layers, mut digests) = (None, Vec::new());
    for (number, line) in lines.enumerate() {
        let before = digests.len();
        for word in line.split(' ') {
            let digest = from_hex(word);
            digests.push(digest.ok_or_else(|| format!("line {} of the trace has no digest at `{word}`", number + 2))?);
        }
        let count = digests.len() - before;
        if *layers.get_or_insert(count) != count {
            return Err(format!("line {} of the trace has {count} digests, the first another number", number + 2));
        }
    }
    let trace = layers.and_then(|layers| Trace::new(layers, digests));
    trace.ok_or_else(|| "the trace has no digests".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(layers: usize, count: u8) -> Trace {
        Trace::new(layers, (0..count).map(|at| [at; 32]).collect()).unwrap()
    }

    /// RFC 9162 as it is written: the largest power of two smaller than n.
    fn naive(digests: &[[u8; 32]]) -> Digest {
        if let [digest] = digests {
            return Digest::of(&[&[0], digest]);
        }
        let mut k = 1;
        while 2 * k < digests.len() {
            k *= 2;
        }
        Digest::of(&[&[1], &naive(&digests[..k]).0, &naive(&digests[k..]).0])
    }

    #[test]
    fn the_root_is_that_of_the_standard() {
        for count in 1..40 {
            let trace = trace(1, count);
            let root = TraceRoot::of(&trace);
            assert_eq!((root.layers, root.positions, root.root), (1, usize::from(count), naive(trace.digests())));
        }
        // No digest can be moved from a layer to a position without being noticed.
        assert_ne!(TraceRoot::of(&trace(2, 6)), TraceRoot::of(&trace(3, 6)));
    }

    #[test]
    fn a_trace_reads_back_from_its_text() {
        let whole = trace(3, 12);
        let text = trace_to_text(&whole);
        assert_eq!(text.lines().count(), 5);
        assert_eq!(trace_from_text(&text), Ok(whole));
        for bad in [
            "",
            "hefu trace 1\n",
            "hefu trace 2\n",
            &text[..text.len() - 2],
            &text.replace(" 01", "  01"),
            &format!("{text}{}\n", "0".repeat(64)),
            &text.to_uppercase(),
        ] {
            assert!(trace_from_text(bad).is_err(), "{bad:?}");
        }
    }
}
