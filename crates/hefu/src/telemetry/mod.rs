//! Traces of answers for a collector that the operator names (`--otlp-endpoint`). Only programs that were built with the
//! feature `opentelemetry` can send them, and nothing is sent without that flag.

#[cfg(not(feature = "opentelemetry"))]
#[path = "absent.rs"]
mod otlp;
#[cfg(feature = "opentelemetry")]
mod otlp;

pub(crate) use otlp::Sender;
