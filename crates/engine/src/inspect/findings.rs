//! Values recorded while a text was computed.

use crate::sampling::{Candidate, Explanation};

/// Everything that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Reason why tokens of the answer were chosen.
    pub steps: Vec<Why>,
    /// The requested values.
    pub values: Vec<Seen>,
}

/// Something at some positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its layer; `None` outside the layers.
    pub layer: Option<u16>,
    /// The heads that were asked for; `None` for a whole row.
    pub heads: Option<Vec<usize>>,
    /// The positions of its rows.
    pub positions: Vec<usize>,
    /// Numbers of a row, of all heads that were asked for.
    pub width: usize,
    /// `[positions][width]`; none where the best tokens are told in their place.
    pub numbers: Vec<f32>,
    /// For each position the likeliest tokens, where these were asked for.
    pub best: Option<Vec<Vec<Candidate>>>,
}

/// Reason why the token at a position is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The position.
    pub position: usize,
    /// The choice; its token is the one that the settings choose, whatever stands in the text.
    pub explanation: Explanation,
}

impl Seen {
    /// Its name: `LAYER.NAME`, or `NAME` outside the layers.
    pub fn place(&self) -> String {
        self.layer.map_or_else(|| self.name.clone(), |layer| format!("{layer}.{}", self.name))
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers.chunks_exact(self.width.max(1))
    }
}
