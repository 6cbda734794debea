//! Addresses of a part, and how long it is looked for at them.

use hefu_numerics::team::Team;
use std::sync::Arc;
use std::time::Duration;

use crate::channel::Key;

/// Addresses of a part.
pub trait Addresses: Send + Sync {
    /// The address (`HOST:PORT`) to try now, for which so many were tried in vain before.
    ///
    /// # Errors
    /// A sentence, if there is none now.
    fn find(&self, attempt: usize) -> Result<String, String>;

    /// Number of addresses to choose among, as far as is known.
    fn count(&self) -> usize {
        1
    }
}

impl Addresses for Vec<String> {
    fn find(&self, attempt: usize) -> Result<String, String> {
        let at = attempt.checked_rem(self.len()).and_then(|at| self.get(at));
        at.cloned().ok_or_else(|| "it has no address".to_owned())
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// Addresses, key and patience by which a part is placed again.
pub(crate) struct Shared {
    pub(crate) addresses: Arc<dyn Addresses>,
    pub(crate) key: Key,
    /// Time for which it is tried to place a lost part again.
    pub(crate) patience: Duration,
    pub(crate) team: Arc<dyn Team + Send + Sync>,
}
