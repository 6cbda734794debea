//! What the engine asks of a model, and the sequence that a model holds in its cache.

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

    /// Appends `tokens` (at least one) to the sequence, and writes the logits of the last `rows` of them.
    ///
    /// `logits`: `[rows][vocabulary]`; `rows` is at most the number of tokens.
    ///
    /// # Errors
    /// What the model reports; the cache then holds the earlier positions and possibly some of the new ones.
    fn forward(&mut self, tokens: &[u32], rows: usize, logits: &mut [f32]) -> Result<(), Self::Error>;
}

/// A model and the tokens whose keys and values are in its cache, so that a prompt that begins as the last one did need
/// not be computed again.
#[derive(Debug)]
pub struct Session<M> {
    model: M,
    cached: Vec<u32>,
    logits: Vec<f32>,
}

impl<M: Forward> Session<M> {
    /// A session with an empty cache.
    pub fn new(mut model: M) -> Self {
        model.truncate(0);
        Self { model, cached: Vec::new(), logits: Vec::new() }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The tokens in the cache, in order.
    pub fn cached(&self) -> &[u32] {
        &self.cached
    }

    /// The logits of the last call to [`Session::extend`]: `[rows][vocabulary]`.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Forgets every position from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.cached.truncate(length);
        self.model.truncate(self.cached.len());
    }

    /// Keeps what the cache and `tokens` begin with in common, at most `most` positions, and returns how many that are.
    pub fn keep_common(&mut self, tokens: &[u32], most: usize) -> usize {
        let common = self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        self.truncate(common.min(most));
        self.cached.len()
    }

    /// Appends `tokens` and leaves the logits of the last `rows` of them in [`Session::logits`].
    ///
    /// # Errors
    /// What the model reports; the session then is as before the call, without logits.
    pub fn extend(&mut self, tokens: &[u32], rows: usize) -> Result<(), M::Error> {
        let before = self.cached.len();
        self.logits.clear();
        if tokens.is_empty() {
            return Ok(());
        }
        self.logits.resize(rows.min(tokens.len()) * self.model.vocabulary(), 0.0);
        let done = self.model.forward(tokens, rows.min(tokens.len()), &mut self.logits);
        match done {
            Ok(()) => self.cached.extend_from_slice(tokens),
            Err(_) => {
                self.logits.clear();
                self.model.truncate(before);
            }
        }
        done
    }
}
