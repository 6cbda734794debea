//! Names for requests and answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

/// Milliseconds since 1970.
pub fn unix_milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// A UUID of version 7 (RFC 9562, section 5.7): milliseconds since 1970, then random bits; it sorts by time.
///
/// # Errors
/// If the system gives no random numbers.
pub fn uuid() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format_uuid(since_1970().as_millis(), u128::from_be_bytes(bytes)))
}

/// What dialects put before the id of an answer.
const PREFIXES: [&str; 4] = ["chatcmpl-", "cmpl-", "resp_", "msg_"];

/// The id of an answer without what a dialect puts before it.
pub fn bare(id: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn format_uuid(milliseconds: u128, random: u128) -> String {
    const RANDOM: u128 = (0xfff << 64) | (u64::MAX >> 2) as u128;
    let number = (milliseconds & 0xffff_ffff_ffff) << 80 | 7 << 76 | 2 << 62 | random & RANDOM;
    let digits = hex(&number.to_be_bytes());
    let part = |range| digits.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

fn since_1970() -> Duration {
    // A clock before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_laid_out_as_the_standard_says() {
        // RFC 9562, appendix A.6.
        let random = 0xcc3 << 64 | 0x18c4dc0c0c07398f_u128;
        assert_eq!(format_uuid(0x017f22e279b0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(format_uuid(0, u128::MAX), "00000000-0000-7fff-bfff-ffffffffffff");
        assert_ne!(uuid().unwrap(), uuid().unwrap());
    }
}
