//! Codes that people read from a screen and type in.

use crate::refusal::Refusal;

/// Letters and digits that are not taken for one another.
const SIGNS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Signs of a code: 30 random bits.
const LENGTH: usize = 6;

/// A new code.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn random() -> Result<String, Refusal> {
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(Refusal::Random)?;
    Ok(bytes.iter().map(|byte| char::from(SIGNS[usize::from(byte % 32)])).collect())
}

/// Letters and digits of a typed code, in capitals, without what people put between them.
pub(crate) fn typed(text: &str) -> String {
    let signs = text.chars().filter(|sign| sign.is_alphanumeric()).take(2 * LENGTH);
    signs.map(|sign| sign.to_ascii_uppercase()).collect()
}

/// A code as it is shown: two groups of three.
pub(crate) fn shown(code: &str) -> String {
    match code.split_at_checked(LENGTH / 2) {
        Some((first, rest)) => format!("{first}-{rest}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_shown_or_typed_carelessly() {
        let code = random().unwrap();
        assert_eq!(code.len(), LENGTH);
        for text in [shown(&code), code.to_lowercase(), format!("  {} ", shown(&code).replace('-', " "))] {
            assert_eq!(typed(&text), code);
        }
        assert!(typed(&"A".repeat(1 << 20)).len() <= 2 * LENGTH);
        assert_ne!(random().unwrap(), code);
    }
}
