//! In place of `otlp.rs` in a program that was built without OpenTelemetry: a sender that cannot be made.

use crate::failure::Failure;
use hefu_server::watch::{Account, Watcher};

/// There is none.
pub(crate) enum Sender {}

impl Sender {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn new(_: &str) -> Result<Self, Failure> {
        Err(Failure::Usage(
            "this program was built without OpenTelemetry, so --otlp-endpoint has nothing to send with; build it with \
             cargo build --release --features opentelemetry, or leave the flag out"
                .to_owned(),
        ))
    }

    /// Sends what was not sent yet.
    pub(crate) fn finish(&self) {
        match *self {}
    }
}

impl Watcher for Sender {
    fn answered(&self, _: Account) {
        match *self {}
    }
}
