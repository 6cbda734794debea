//! Limits on what comes from elsewhere.

/// Largest file that is accepted from anywhere, in bytes (16 TiB): a length beyond it is a mistake or an attack.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 44;
