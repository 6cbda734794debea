//! What a token takes, measured while nobody else is answered.
//!
//! To measure, the threads are used that answers are computed by. So it is begun only when no other request uses a model, and given
//! up as soon as one does; what was measured stays with the model.

use crate::error::{ApiError, Kind};
use crate::registry::Lease;
use crate::service::{Caller, Service};
use hefu_answer::Ask;
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Seconds after which a client may try again.
const RETRY_AFTER: u64 = 5;
/// The one request that asks for it.
const OWN: usize = 1;
/// How often, and how long apart, is looked whether others are there: those whose answer has just ended go in a moment.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

impl Service {
    /// Measures a model, and keeps what was found.
    ///
    /// # Errors
    /// A model that cannot be had or measured, or others who are being answered.
    pub(crate) async fn cost(
        self: &Arc<Self>,
        caller: &Caller,
        model: Option<String>,
    ) -> Result<(Lease, Value), ApiError> {
        let ask = Ask { model, ..Ask::default() };
        self.check(&ask)?;
        let lease = self.lease(caller.client, &ask).await?;
        let gauge = lease.worker.gauge.clone().ok_or_else(|| {
            let name = &lease.worker.text.name;
            ApiError::invalid(format!(
                "{name} cannot be measured here: only the CPU's limits are known, and only of what writes"
            ))
        })?;
        for _ in 0..LOOKS {
            if self.registry.is_quiet(OWN) {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let _alone = self.measuring.try_lock().map_err(|_| busy())?;
        let service = Arc::clone(self);
        let found = self.work(caller.client, move |given_up| {
            gauge.decode(&|| !given_up.load(Ordering::Relaxed) && service.registry.is_quiet(OWN))
        });
        let found = found.await?.map_err(ApiError::internal)?.ok_or_else(busy)?;
        *lease.worker.measured.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok((lease, found))
    }
}

fn busy() -> ApiError {
    let sentence = "others are being answered, and measuring would keep them waiting; try again in a moment";
    ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("others_answered")
}
