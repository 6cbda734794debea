//! Values that an inspection asks for: by name first, then as places of a program.

use super::ranges::Ranges;
use super::refusal::Refusal;
use super::shares;
use super::visible::{Buffer, Source, buffers};
use hefu_numerics::program::{Program, Value};
use std::collections::HashSet;

/// Values that are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Requested values.
    pub values: Vec<Wish>,
    /// Number of tokens told of each clause of sampling; 0 for no explanations.
    pub candidates: usize,
    /// Positions that are explained; `None` for all of the answer.
    pub steps: Option<Ranges>,
}

/// Something to be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub name: String,
    /// Of which layers; `None` for all that have it.
    pub layers: Option<Ranges>,
    /// Of which heads; `None` for whole rows.
    pub heads: Option<Ranges>,
    /// At which positions; `None` for all.
    pub positions: Option<Ranges>,
    /// Of rows of logits, so many of the likeliest tokens in place of the numbers.
    pub best: Option<usize>,
}

/// Something to be seen, in one layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    pub(super) name: String,
    pub(super) layer: Option<u16>,
    pub(super) source: Source,
    /// The heads that are asked for; `None` for whole rows.
    pub(super) heads: Option<Vec<usize>>,
    /// Numbers of one head; of the whole row where heads are not told apart.
    pub(super) head: usize,
    /// The positions, in ascending order.
    pub(super) positions: Vec<usize>,
    pub(super) best: Option<usize>,
}

impl Probe {
    /// Numbers of a row, of all heads that are asked for.
    pub(super) fn width(&self) -> usize {
        self.heads.as_ref().map_or(1, Vec::len).saturating_mul(self.head)
    }

    /// The values that must be kept for it.
    pub(super) fn values(&self) -> Vec<Value> {
        match self.source {
            Source::Value(value) | Source::Lens(value) => vec![value],
            Source::Logits => Vec::new(),
            Source::Attention(shares::Place { queries, keys, .. })
            | Source::Sink(shares::Place { queries, keys, .. }) => vec![queries, keys],
        }
    }
}

/// The places that a text of so many tokens is looked at, with at most so many numbers.
///
/// # Errors
/// A name that nothing has, heads that a value does not have, or too many numbers.
pub(super) fn probes(program: &Program, wanted: &Wanted, tokens: usize, most: usize) -> Result<Vec<Probe>, Refusal> {
    let all = buffers(program);
    let (mut probes, mut seen, mut numbers) = (Vec::new(), HashSet::new(), 0_usize);
    for wish in &wanted.values {
        let mut is_there = false;
        for buffer in all.iter().filter(|buffer| buffer.name == wish.name) {
            if !buffer.layer.is_none_or(|layer| Ranges::has(&wish.layers, usize::from(layer))) {
                continue;
            }
            is_there = true;
            let probe = probe(buffer, wish, tokens)?;
            if !seen.insert((buffer.name, buffer.layer)) {
                return Err(Refusal::Twice { name: wish.name.clone() });
            }
            numbers = numbers.saturating_add(probe.positions.len().saturating_mul(probe.best.unwrap_or(probe.width())));
            if numbers > most {
                return Err(Refusal::TooMany { most });
            }
            probes.push(probe);
        }
        if !is_there {
            return Err(Refusal::NoValue { name: wish.name.clone() });
        }
    }
    Ok(probes)
}

fn probe(buffer: &Buffer<'_>, wish: &Wish, tokens: usize) -> Result<Probe, Refusal> {
    let is_attention = matches!(buffer.source, Source::Attention(_) | Source::Sink(_));
    let heads = match (&wish.heads, buffer.heads) {
        (None, _) if !is_attention => None,
        (some, count) => {
            let heads: Vec<usize> = (0..count).filter(|head| Ranges::has(some, *head)).collect();
            if heads.is_empty() || count == 1 && some.is_some() && !is_attention {
                return Err(Refusal::NoHead { name: wish.name.clone(), heads: count });
            }
            Some(heads)
        }
    };
    if wish.best.is_some() && !matches!(buffer.source, Source::Logits | Source::Lens(_)) {
        return Err(Refusal::NoTokens { name: wish.name.clone() });
    }
    // A share for each position of the text.
    let row = buffer.numbers.unwrap_or(tokens * buffer.heads);
    Ok(Probe {
        name: buffer.name.to_owned(),
        layer: buffer.layer,
        source: buffer.source,
        head: if heads.is_some() { row / buffer.heads } else { row },
        heads,
        positions: (0..tokens).filter(|at| Ranges::has(&wish.positions, *at)).collect(),
        best: wish.best,
    })
}
