//! The ways in which answers come about.

use hefu_numerics::kv::PAGE;
use std::fmt;

/// A way in which answers come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As a newcomer would do it, by the naive loop: one after another, each prompt at once, nothing guessed and nothing
    /// reused.
    Plain,
    /// By the scheduler.
    Scheduled(Scheduled),
}

/// A way of asking the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// Most answers at the same time.
    pub batch: usize,
    /// The order in which requests arrive.
    pub arrival: Arrival,
    /// True if prompts go on from what the cache holds of others.
    pub reuse: bool,
    /// Tokens of a forward pass, which cuts prompts into chunks; [`WHOLE`] for as many as there are.
    pub chunk: usize,
    /// Layout of the cache in memory.
    pub layout: Layout,
    /// Source of guesses.
    pub guesses: Guesses,
}

/// A chunk that is never full.
pub const WHOLE: usize = 4096;

/// Sources of guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guesses {
    /// Nothing.
    Off,
    /// The text itself.
    Lookup,
    /// A draft model: here the model itself, on a cache of its own.
    Draft,
}

/// The order in which requests arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// All before the first step.
    AtOnce,
    /// One more before each step.
    OneByOne,
    /// The last first, two steps apart.
    Reversed,
}

/// Layout of the cache in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The smallest pages, as many as are needed.
    Plain,
    /// Pages of twice the size, which lie scattered.
    Scattered,
    /// So few pages that answers are interrupted and their prompts computed again.
    Scarce,
}

impl Layout {
    /// Positions of a page.
    pub fn page(self) -> usize {
        match self {
            Layout::Plain | Layout::Scarce => PAGE,
            Layout::Scattered => 2 * PAGE,
        }
    }
}

/// Extent of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A few ways that differ in everything.
    Quick,
    /// Every combination of the values of [`dimensions`].
    Full,
}

/// The values that ways are combined from.
#[derive(Debug, Clone, Copy)]
struct Values {
    batches: &'static [usize],
    arrivals: &'static [Arrival],
    chunks: &'static [usize],
    layouts: &'static [Layout],
    guesses: &'static [Guesses],
}

const QUICK: Values = Values {
    batches: &[1, 8],
    arrivals: &[Arrival::AtOnce, Arrival::Reversed],
    chunks: &[16, WHOLE],
    layouts: &[Layout::Plain, Layout::Scattered],
    guesses: &[Guesses::Off, Guesses::Lookup],
};

const FULL: Values = Values {
    batches: &[1, 8],
    arrivals: &[Arrival::AtOnce, Arrival::OneByOne, Arrival::Reversed],
    chunks: &[5, 64, WHOLE],
    layouts: &[Layout::Plain, Layout::Scattered, Layout::Scarce],
    guesses: &[Guesses::Off, Guesses::Lookup, Guesses::Draft],
};

impl Values {
    fn of(extent: Extent) -> Self {
        match extent {
            Extent::Quick => QUICK,
            Extent::Full => FULL,
        }
    }
}

/// Every way of this extent.
pub fn ways(extent: Extent) -> Vec<Way> {
    let values = Values::of(extent);
    let mut ways = Vec::new();
    for reuse in [false, true] {
        for &batch in values.batches {
            for &arrival in values.arrivals {
                for &chunk in values.chunks {
                    for &layout in values.layouts {
                        let scheduled = |&guesses: &Guesses| {
                            Way::Scheduled(Scheduled { batch, arrival, reuse, chunk, layout, guesses })
                        };
                        ways.extend(values.guesses.iter().map(scheduled));
                    }
                }
            }
        }
    }
    ways
}

/// The dimensions of the ways of this extent, each with its values in words.
pub fn dimensions(extent: Extent) -> Vec<(&'static str, Vec<String>)> {
    let values = Values::of(extent);
    vec![
        ("batch", values.batches.iter().map(ToString::to_string).collect()),
        ("arrival", values.arrivals.iter().map(ToString::to_string).collect()),
        ("prefix reuse", vec!["off".to_owned(), "on".to_owned()]),
        ("prefill chunk", values.chunks.iter().map(|chunk| chunk_name(*chunk)).collect()),
        ("pages", values.layouts.iter().map(ToString::to_string).collect()),
        ("speculation", values.guesses.iter().map(ToString::to_string).collect()),
    ]
}

fn chunk_name(chunk: usize) -> String {
    if chunk == WHOLE { "whole".to_owned() } else { chunk.to_string() }
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

impl fmt::Display for Guesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guesses::Off => "off",
            Guesses::Lookup => "look-up",
            Guesses::Draft => "draft model",
        })
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arrival::AtOnce => "at once",
            Arrival::OneByOne => "one by one",
            Arrival::Reversed => "reversed",
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.page();
        match self {
            Layout::Plain => write!(f, "{page} positions"),
            Layout::Scattered => write!(f, "{page} positions scattered"),
            Layout::Scarce => write!(f, "{page} positions scarce"),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Plain => write!(f, "naive loop"),
            Way::Scheduled(Scheduled { batch, arrival, reuse, chunk, layout, guesses }) => write!(
                f,
                "batch {batch}, arrival {arrival}, prefill chunk {}, pages {layout}, speculation {guesses}, prefix reuse {}",
                chunk_name(*chunk),
                switch(*reuse)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_extent_holds_every_quick_value_and_no_way_twice() {
        let full = ways(Extent::Full);
        let mut names: Vec<String> = full.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), full.len());
        for ((name, quick), (_, full)) in dimensions(Extent::Quick).iter().zip(dimensions(Extent::Full)) {
            assert!(quick.len() > 1, "{name} has one value");
            assert!(*name == "prefill chunk" || quick.iter().all(|value| full.contains(value)), "{name}");
        }
        assert_eq!(full.len(), 2 * 2 * 3 * 3 * 3 * 3);
    }
}
