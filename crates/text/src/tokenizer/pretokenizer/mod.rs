//! Pre-tokenisers: how byte-level tokenisers cut text into pieces before merging inside each piece.
//!
//! A pre-tokeniser is a list of patterns. Each cuts every piece that the one before left: what the pattern matches
//! becomes a piece, and so does what lies between two matches. Nothing is ever dropped.
//!
//! Patterns with look-ahead are scanned by hand-written functions, because backtracking engines need stack in
//! proportion to the input; the tests compare each with its pattern. The others run on a linear-time engine.
mod cased;
pub(super) mod classes;
mod deepseek;
mod gpt2;
mod numbers;
mod registry;
mod spaced;
mod words;

use super::Error;
use regex::Regex;
pub(super) use registry::{Entry, Words, find, named, unknown};
use spaced::Spaced;

/// A pre-tokeniser that is ready to run.
pub(super) struct PreTokenizer {
    steps: Vec<Cutter>,
}

enum Cutter {
    Regex(Regex),
    Spaced(Spaced),
    Scan(Scan),
    Cut(fn(&str, &mut Vec<usize>)),
}

/// Finds the end of the match that starts exactly at a byte offset, if one does; it lies beyond the start.
type Scan = fn(&str, usize) -> Option<usize>;

/// One pattern of a pre-tokeniser and how it is run. The patterns of scanned steps are their definition.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Run by the linear-time engine.
    Regex(&'static str),
    /// Run by the linear-time engine, but for the look-ahead in white space with which the pattern ends.
    Spaced(&'static str),
    /// Run by a function that gives what the pattern gives.
    Scan(&'static str, Scan),
    /// A pattern of width zero, run by a function that appends the offsets at which it cuts.
    Cut(&'static str, fn(&str, &mut Vec<usize>)),
}

impl PreTokenizer {
    /// Compiles the patterns of an entry. Fails only when the engine refuses one.
    pub(super) fn new(entry: &Entry) -> Result<Self, Error> {
        let steps = entry.steps.iter().map(|step| step.cutter()).collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }

    /// Hands the pieces of `text` to `each`, in order; together they are `text`.
    pub(super) fn pieces<'a>(&self, text: &'a str, mut each: impl FnMut(&'a str)) {
        let Some((last, first)) = self.steps.split_last() else { return each(text) };
        let mut pieces = vec![text];
        for step in first {
            let mut finer = Vec::with_capacity(pieces.len());
            pieces.iter().for_each(|piece| step.cut(piece, &mut |part| finer.push(part)));
            pieces = finer;
        }
        pieces.iter().for_each(|piece| last.cut(piece, &mut each));
    }
}

impl Step {
    /// Its pattern as published.
    fn pattern(self) -> &'static str {
        match self {
            Self::Regex(pattern) | Self::Spaced(pattern) | Self::Scan(pattern, _) | Self::Cut(pattern, _) => pattern,
        }
    }

    fn cutter(self) -> Result<Cutter, Error> {
        match self {
            Self::Scan(_, scan) => Ok(Cutter::Scan(scan)),
            Self::Cut(_, cut) => Ok(Cutter::Cut(cut)),
            Self::Spaced(pattern) => Spaced::new(pattern).map(Cutter::Spaced),
            Self::Regex(pattern) => {
                Regex::new(pattern).map(Cutter::Regex).map_err(|error| Error::Build { reason: error.to_string() })
            }
        }
    }
}

impl Cutter {
    fn cut<'a>(&self, text: &'a str, each: &mut impl FnMut(&'a str)) {
        match self {
            Self::Regex(regex) => {
                let mut done = 0;
                for found in regex.find_iter(text) {
                    part(text, done, found.start(), each);
                    part(text, found.start(), found.end(), each);
                    done = found.end();
                }
                part(text, done, text.len(), each);
            }
            Self::Spaced(spaced) => {
                let mut done = 0;
                while let Some((start, end)) = spaced.find(text, done) {
                    part(text, done, start, each);
                    part(text, start, end, each);
                    done = end;
                }
                part(text, done, text.len(), each);
            }
            Self::Scan(scan) => cut_by_scan(text, *scan, each),
            Self::Cut(cut) => {
                let mut ends = Vec::new();
                cut(text, &mut ends);
                let mut done = 0;
                for end in ends {
                    part(text, done, end, each);
                    done = end;
                }
                part(text, done, text.len(), each);
            }
        }
    }
}

fn cut_by_scan<'a>(text: &'a str, scan: Scan, each: &mut impl FnMut(&'a str)) {
    let (mut done, mut at) = (0, 0);
    while at < text.len() {
        if let Some(end) = scan(text, at) {
            part(text, done, at, each);
            part(text, at, end, each);
            (done, at) = (end, end);
        } else {
            at += classes::at(text, at).1;
        }
    }
    part(text, done, text.len(), each);
}

fn part<'a>(text: &'a str, start: usize, end: usize, each: &mut impl FnMut(&'a str)) {
    if let Some(part) = text.get(start..end).filter(|part| !part.is_empty()) {
        each(part);
    }
}

#[cfg(test)]
mod tests;
