//! Earlier responses of a client.

use super::kept::ResponseStore;
use crate::error::ApiError;
use hefu_answer::Message;
use serde_json::Value;

/// Earlier responses of whoever asks.
pub(super) struct Earlier<'a> {
    pub(super) shelf: &'a ResponseStore,
    pub(super) client: &'a str,
}

impl Earlier<'_> {
    /// The conversation up to a response.
    pub(super) fn conversation(&self, id: &str) -> Result<Vec<Message>, ApiError> {
        let found = self.shelf.conversation(self.client, super::bare(id));
        found.ok_or_else(|| ApiError { param: Some("previous_response_id".to_owned()), ..super::not_kept(id) })
    }

    /// The answer that an item is part of, by the item's id.
    pub(super) fn answer(&self, item: &str) -> Option<Value> {
        let (_, rest) = item.split_once('_')?;
        let id = rest.split('_').next()?;
        let body: Value = serde_json::from_str(&self.shelf.find(self.client, id)?.body).ok()?;
        let items = body.get("output")?.as_array()?;
        items.iter().find(|found| found.get("id").and_then(Value::as_str) == Some(item)).cloned()
    }
}
