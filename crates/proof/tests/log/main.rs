//! The audit log as its users see it: through the library, through SQLite, and through a power cut.

mod crash;
mod full;
mod keeping;
mod place;
mod support;
mod tampering;
