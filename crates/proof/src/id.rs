//! Names for answers that no two answers share.

use crate::digest::to_hex;

/// A new UUID of version 7 (RFC 9562): the time in milliseconds, then random bits.
///
/// # Errors
/// A sentence, if the system gives no random numbers.
pub fn new_id() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let time = crate::clock::now().to_be_bytes();
    for (byte, time) in bytes.iter_mut().zip(time.iter().skip(2)) {
        *byte = *time;
    }
    bytes[6] = bytes[6] & 0x0F | 0x70;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits = to_hex(&bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_differ() {
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        assert_ne!(a, b);
        for id in [a, b] {
            let groups: Vec<&str> = id.split('-').collect();
            assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(groups[2].starts_with('7') && "89ab".contains(&groups[3][..1]), "{id}");
        }
    }
}
