//! `pattern`: what of JSON Schema's regular expressions has no place in a grammar.

use super::Place;
use crate::Error;
use crate::limits::MAX_REPETITIONS;
use serde_json::Value;

/// A pattern without look-around and back references, and with counts that can be counted.
///
/// # Errors
/// [`Error::Schema`] that says which of them there is.
pub(super) fn checked(value: &Value, place: &Place) -> Result<Value, Error> {
    let pattern = value.as_str().ok_or_else(|| place.refuse("a text is needed"))?;
    match fault(pattern) {
        None => Ok(value.clone()),
        Some(fault) => Err(place.refuse(fault)),
    }
}

/// Openings of look-ahead and look-behind, after the bracket.
const LOOKS: [&str; 4] = ["?=", "?!", "?<=", "?<!"];

/// Unsupported part of a regular expression.
pub(crate) fn fault(pattern: &str) -> Option<String> {
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        let width = character.len_utf8();
        let after = rest.get(width..).unwrap_or_default();
        match character {
            '\\' => {
                if !in_class && after.starts_with(|next: char| ('1'..='9').contains(&next) || next == 'k') {
                    return Some("back references cannot be carried out".to_owned());
                }
                let escaped = after.chars().next().map_or(0, char::len_utf8);
                rest = after.get(escaped..).unwrap_or_default();
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && LOOKS.iter().any(|look| after.starts_with(look)) => {
                return Some("look-ahead and look-behind cannot be carried out; leave them out".to_owned());
            }
            '{' if !in_class => {
                if let Some(count) = too_many(after) {
                    return Some(format!("{count} is more than can be counted, {MAX_REPETITIONS}"));
                }
            }
            _ => {}
        }
        rest = after;
    }
    None
}

/// A count that is too large, of those that `{` begins.
fn too_many(after: &str) -> Option<&str> {
    let (inside, _) = after.split_once('}')?;
    let mut counts = inside.split(',').map(str::trim).filter(|count| !count.is_empty());
    let are_counts = counts.clone().all(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    counts.find(|count| are_counts && count.parse::<u64>().map_or(true, |count| count > MAX_REPETITIONS))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn what_cannot_be_carried_out_is_named() {
        for (pattern, word) in [
            ("^(?!-)[a-z]+$", "look"),
            ("(?<=a)b", "look"),
            ("(a)\\1", "back"),
            ("a{99999999}", "counted"),
            ("a{1,99999999999999999999999}", "counted"),
        ] {
            assert!(fault(pattern).is_some_and(|fault| fault.contains(word)), "{pattern}");
        }
        for pattern in ["(?:a|b)", "[(?=]", "\\(?=", "a{2,3}", "{x}", "[\\1]", "\\{99999999}", "a{,5}"] {
            assert_eq!(fault(pattern), None, "{pattern}");
        }
    }
}
