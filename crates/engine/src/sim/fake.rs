//! A model that knows nothing but what is written on its pages: whoever hands it wrong pages gets wrong logits.

use crate::generation::tests::{Fault, VOCABULARY, row};
use crate::scheduler::{ForwardMany, Logits, Part};
use hefu_numerics::ops::{Alone, Team};
use std::ops::Range;
use std::sync::Arc;

/// A pass in which a position's text is this long and ends with [`POISON`] fails as a whole.
pub(crate) const POISON: (usize, u32) = (3, 10);
/// The logits after this token are faulty where the text before it begins with [`POISON`]'s token.
const FAULTY: u32 = 9;
/// Elements of a hidden state.
const WIDTH: usize = 3;

/// What no token is.
const EMPTY: u32 = u32::MAX;

pub(crate) struct Fake {
    size: usize,
    capacity: usize,
    /// The tokens at the positions that each page holds.
    pages: Vec<Vec<u32>>,
    /// Texts up to and with the rows that were kept.
    kept: Vec<Vec<u32>>,
    values: Vec<f32>,
    team: Arc<dyn Team + Send>,
    pub(crate) passes: usize,
}

/// As many threads as this, made anew for each job.
struct Threads(usize);

impl Team for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|thread| drop(scope.spawn(move || job(thread)))));
    }
}

impl Fake {
    pub(crate) fn new(pages: usize, size: usize, capacity: usize) -> Fake {
        let pages = vec![vec![EMPTY; size]; pages];
        Fake { size, capacity, pages, kept: Vec::new(), values: Vec::new(), team: Arc::new(Alone), passes: 0 }
    }

    pub(crate) fn with_threads(self, threads: usize) -> Fake {
        Fake { team: Arc::new(Threads(threads)), ..self }
    }
}

/// Whether a pass with this text's last position fails.
pub(crate) fn is_poisoned(text: &[u32]) -> bool {
    text.len() == POISON.0 && text.last() == Some(&POISON.1)
}

/// Whether the logits after this text are no numbers.
pub(crate) fn is_faulty(text: &[u32]) -> bool {
    text.first() == Some(&POISON.1) && text.last() == Some(&FAULTY)
}

pub(crate) fn hidden(text: &[u32]) -> [f32; WIDTH] {
    std::array::from_fn(|index| row(text)[index] - 5.0)
}

impl ForwardMany for Fake {
    type Error = Fault;

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn page(&self) -> usize {
        self.size
    }

    fn pages(&self) -> usize {
        self.pages.len()
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        self.pages[to as usize] = self.pages[from as usize].clone();
        Ok(())
    }

    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Fault> {
        self.kept.clear();
        let mut texts = Vec::new();
        for part in parts {
            assert!(!part.tokens.is_empty() && part.rows <= part.tokens.len());
            let end = part.position + part.tokens.len();
            assert!(end <= self.capacity && end <= part.pages.len() * self.size, "positions without pages");
            let held = |at: usize| self.pages[part.pages[at / self.size] as usize][at % self.size];
            let mut text: Vec<u32> = (0..part.position).map(held).collect();
            assert!(!text.contains(&EMPTY), "a position that was never computed");
            text.extend_from_slice(part.tokens);
            if (part.position..end).any(|at| is_poisoned(&text[..=at])) {
                return Err(Fault);
            }
            texts.push(text);
        }
        self.passes += 1;
        for (part, text) in parts.iter().zip(texts) {
            for (at, &token) in text.iter().enumerate().skip(part.position) {
                self.pages[part.pages[at / self.size] as usize][at % self.size] = token;
            }
            self.kept.extend((text.len() - part.rows..text.len()).map(|at| text[..=at].to_vec()));
        }
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Fault> {
        let texts = &self.kept[rows];
        if texts.iter().any(|text| is_faulty(text)) {
            return Err(Fault);
        }
        self.values = texts.iter().flat_map(|text| row(text)).collect();
        Ok(Logits { values: &self.values, team: &*self.team })
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Fault> {
        self.values = self.kept[rows].iter().flat_map(|text| hidden(text)).collect();
        Ok(&self.values)
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fake({} pages)", self.pages.len())
    }
}
