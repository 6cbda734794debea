//! Resources that all clients share, so that none of them has all: threads that work on texts, memory of large requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Clients are looked through for those that hold nothing once there are so many.
const MANY: usize = 256;

/// A number of places, of which one client holds at most half.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    /// Most places of one client.
    most: usize,
    clients: Mutex<HashMap<u64, Weak<Semaphore>>>,
}

/// Places that are held, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    /// Those that are left to the client are fewer by this.
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Shares {
    /// So many places, all of them free.
    pub(crate) fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(places)), most: places.div_ceil(2), clients: Mutex::default() }
    }

    /// Most places that one client can hold.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// A place, once the client has one left and one is free.
    pub(crate) async fn take(&self, client: u64) -> Option<Share> {
        // Neither is ever closed.
        let own = self.of(client).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Share { own, all })
    }

    /// So many places, if the client has them left and they are free.
    pub(crate) fn try_take(&self, client: u64, places: u32) -> Option<Share> {
        let own = self.of(client).try_acquire_many_owned(places).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(places).ok()?;
        Some(Share { own, all })
    }

    fn of(&self, client: u64) -> Arc<Semaphore> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MANY {
            clients.retain(|_, places| places.strong_count() > 0);
        }
        let known = clients.get(&client).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(self.most));
            clients.insert(client, Arc::downgrade(&places));
            places
        })
    }
}

impl Share {
    /// Holds the places of another share, too.
    pub(crate) fn merge(&mut self, other: Self) {
        self.own.merge(other.own);
        self.all.merge(other.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_half_and_gives_back_what_it_held() {
        let shares = Shares::new(8);
        let first = shares.try_take(1, 3).unwrap();
        assert!(shares.try_take(1, 2).is_none());
        let mut rest = shares.try_take(1, 1).unwrap();
        assert!(shares.try_take(1, 1).is_none());
        let other = shares.try_take(2, 4).unwrap();
        assert!(shares.try_take(3, 1).is_none());
        rest.merge(first);
        drop(rest);
        assert!(shares.try_take(3, 1).is_some());
        drop(other);
        assert!(shares.try_take(1, 4).is_some());
        // Clients that hold nothing are forgotten.
        for client in 0..10 * MANY as u64 {
            drop(shares.try_take(client, 1).unwrap());
        }
        assert!(shares.clients.lock().unwrap().len() <= MANY);
    }
}
