//! What the engine asks of a model, and the sequence that a model holds in its cache.

use std::ops::Range;

/// A model with the cache of one sequence.
///
/// The logits of a position must not depend on how the tokens before it were cut into calls: the numeric contract says
/// so, and everything in this crate relies on it.
pub trait Forward {
    /// What can go wrong.
    type Error: std::error::Error;

    /// Number of logits per position.
    fn vocabulary(&self) -> usize;

    /// Most positions that the cache can hold.
    fn capacity(&self) -> usize;

    /// Forgets every position from `length` on.
    fn truncate(&mut self, length: usize);

    /// Appends `tokens` (at least one) to the sequence, and keeps the last `rows` of them for [`Forward::logits`]; `rows`
    /// is at most the number of tokens.
    ///
    /// # Errors
    /// What the model reports; the cache then holds the earlier positions and possibly some of the new ones.
    fn forward(&mut self, tokens: &[u32], rows: usize) -> Result<(), Self::Error>;

    /// The logits (`[rows][vocabulary]`) of some of the rows that the last call to [`Forward::forward`] kept. They are
    /// computed here, so asking for a few rows at a time keeps memory small.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that were not kept.
    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Self::Error>;
}

/// A model and the tokens whose keys and values are in its cache, so that a prompt that begins as the last one did need
/// not be computed again.
#[derive(Debug)]
pub struct Session<M> {
    model: M,
    cached: Vec<u32>,
    /// Tokens that the model holds after the cached ones, but that nobody has chosen yet.
    guessed: Vec<u32>,
    rows: usize,
}

impl<M: Forward> Session<M> {
    /// A session with an empty cache.
    pub fn new(mut model: M) -> Self {
        model.truncate(0);
        Self { model, cached: Vec::new(), guessed: Vec::new(), rows: 0 }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The tokens in the cache, in order; guesses that were not accepted do not count.
    pub fn cached(&self) -> &[u32] {
        &self.cached
    }

    /// How many rows the last call to [`Session::extend`] kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The logits (`[rows][vocabulary]`) of some of those rows.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that were not kept.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], M::Error> {
        self.model.logits(rows)
    }

    /// Forgets every position from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.cached.truncate(length);
        self.guessed.clear();
        self.model.truncate(self.cached.len());
    }

    /// Keeps what the cache and `tokens` begin with in common, at most `most` positions, and returns how many that are.
    pub fn keep_common(&mut self, tokens: &[u32], most: usize) -> usize {
        let common = self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        self.truncate(common.min(most));
        self.cached.len()
    }

    /// Appends `tokens` and keeps the last `rows` of them for [`Session::logits`].
    ///
    /// # Errors
    /// What the model reports; the session then is as before the call, without rows.
    pub fn extend(&mut self, tokens: &[u32], rows: usize) -> Result<(), M::Error> {
        self.rows = 0;
        self.drop_guesses();
        if tokens.is_empty() {
            return Ok(());
        }
        let rows = rows.min(tokens.len());
        self.forward(tokens, rows)?;
        self.cached.extend_from_slice(tokens);
        Ok(())
    }

    /// Appends `tokens` (at least one) and, after them, guesses at what follows; keeps the rows of the last token and of
    /// all guesses for [`Session::logits`]. A guess counts as cached once it is accepted; the others are overwritten by the next call that appends.
    ///
    /// # Errors
    /// What the model reports; the session then is as before the call, without rows and guesses.
    pub fn extend_guessing(&mut self, tokens: &[u32], guesses: &[u32]) -> Result<(), M::Error> {
        self.rows = 0;
        self.drop_guesses();
        self.forward(&[tokens, guesses].concat(), guesses.len() + 1)?;
        self.cached.extend_from_slice(tokens);
        self.guessed.extend_from_slice(guesses);
        Ok(())
    }

    /// The guesses that are neither accepted nor dropped, in order.
    pub fn guesses(&self) -> &[u32] {
        &self.guessed
    }

    /// Counts the first guess as cached from now on, and returns it.
    pub fn accept_guess(&mut self) -> Option<u32> {
        let first = (!self.guessed.is_empty()).then(|| self.guessed.remove(0))?;
        self.cached.push(first);
        Some(first)
    }

    /// Forgets all guesses that were not accepted.
    pub fn drop_guesses(&mut self) {
        if !self.guessed.is_empty() {
            self.guessed.clear();
            self.model.truncate(self.cached.len());
        }
    }

    /// Hands tokens to the model, which forgets them again if it fails.
    fn forward(&mut self, tokens: &[u32], rows: usize) -> Result<(), M::Error> {
        let done = self.model.forward(tokens, rows);
        match done {
            Ok(()) => self.rows = rows,
            Err(_) => self.model.truncate(self.cached.len()),
        }
        done
    }
}
