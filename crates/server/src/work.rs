//! Work that takes its time: on threads of its own, with a place among the work of other clients.

use crate::error::ApiError;
use crate::limits::Limits;
use crate::registry::Lease;
use crate::service::Service;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Service {
    /// Does work on a text with a model.
    pub(crate) async fn text_work<T: Send + 'static>(
        self: &Arc<Self>,
        client: u64,
        lease: Lease,
        work: impl FnOnce(&Lease, &Limits, &AtomicBool) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(Lease, T), ApiError> {
        let service = Arc::clone(self);
        self.work(client, move |given_up| work(&lease, &service.limits, given_up).map(|value| (lease, value))).await?
    }

    /// Does work on a thread that may take its time. It holds its place among others' for as long as it lasts, also if
    /// nobody waits for it any more, which it is told.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        client: u64,
        work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.desks.take(client).await.ok_or_else(|| ApiError::internal("there is no place to work at"))?;
        let given_up = GivenUp::default();
        let told = Arc::clone(&given_up.0);
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&told)
        });
        done.await.map_err(|error| ApiError::internal(error.to_string()))
    }
}

/// Tells work that nobody waits for it any more, once this is dropped.
#[derive(Debug, Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Loaded, ModelCard};
    use std::sync::mpsc::channel;

    struct Nothing;

    impl Catalog for Nothing {
        fn models(&self) -> Vec<ModelCard> {
            Vec::new()
        }

        fn load(&self, name: &str) -> Result<Loaded, String> {
            Err(format!("no model {name}"))
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_place_until_it_ends() {
        let service = Service::new(Arc::new(Nothing), Limits::default(), None, None, None);
        let most = service.desks.most();
        let mut ends = Vec::new();
        for _ in 0..most {
            let (end, told) = channel::<()>();
            let (begun, begins) = tokio::sync::oneshot::channel();
            let work = {
                let service = Arc::clone(&service);
                tokio::spawn(async move {
                    service
                        .work(1, move |_| {
                            let _ = begun.send(());
                            told.recv()
                        })
                        .await
                })
            };
            begins.await.unwrap();
            work.abort();
            ends.push(end);
        }
        assert!(service.desks.try_take(1, 1).is_none());
        // Others have their own places.
        assert!(service.work(2, |_| 5).await.unwrap() == 5);
        drop(ends);
        assert_eq!(service.work(1, |_| 6).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn work_is_told_when_nobody_waits_for_it_any_more() {
        let service = Service::new(Arc::new(Nothing), Limits::default(), None, None, None);
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (seen, sees) = tokio::sync::oneshot::channel();
        let work = tokio::spawn(async move {
            service
                .work(1, move |given_up| {
                    let before = given_up.load(Ordering::Relaxed);
                    let _ = begun.send(before);
                    while !given_up.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                    let _ = seen.send(());
                })
                .await
        });
        assert_eq!(begins.await, Ok(false));
        work.abort();
        assert_eq!(sees.await, Ok(()));
    }
}
