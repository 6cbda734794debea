//! Lark grammars as requests bring them: schemas inside are held to what schemas alone are held to, and what multiplies is
//! counted.

use crate::limits::{MAX_CONJUNCTIONS, MAX_RULES};
use crate::{Error, schema};
use serde_json::Value;

/// Keyword of a schema.
const JSON: &str = "%json";
/// Keyword of the library's settings.
const SETTINGS: &str = "%llguidance";

/// The grammar with its schemas lowered.
///
/// # Errors
/// Settings, too many rules or conjunctions, counts that cannot be counted, and what [`schema::lower`] refuses.
pub(crate) fn checked(kind: &'static str, source: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(source.len());
    let (mut rest, mut conjunctions, mut rules) = (source, 0, 0);
    while let Some(character) = rest.chars().next() {
        let taken = match character {
            '"' | '/' if !rest.starts_with("//") => quoted(rest, character),
            '/' | '#' => rest.find('\n').unwrap_or(rest.len()),
            '%' if rest.starts_with(JSON) => {
                let after = rest.get(JSON.len()..).unwrap_or_default();
                let (lowered, length) = lowered(kind, after)?;
                out.push_str(&lowered);
                rest = after.get(length..).unwrap_or_default();
                continue;
            }
            '%' if rest.starts_with(SETTINGS) => {
                return Err(Error::grammar(kind, format!("settings ({SETTINGS}) cannot be changed by a request")));
            }
            '&' | '~' => {
                conjunctions += 1;
                1
            }
            ':' => {
                rules += 1;
                1
            }
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        if character != '#' && !piece.starts_with("//") {
            check_counts(kind, character, piece, after)?;
        }
        out.push_str(piece);
        rest = after;
    }
    Error::check(kind, "& and ~", conjunctions, MAX_CONJUNCTIONS)?;
    Error::check(kind, "rules", rules, MAX_RULES)?;
    if out.matches("x-guidance").count() > source.matches(JSON).count() || source.contains("x-guidance") {
        return Err(Error::grammar(kind, "settings (x-guidance) cannot be changed by a request"));
    }
    Ok(out)
}

/// Bytes of a text or an expression with its marks.
fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == mark => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Counts in expressions, and behind rules and words.
fn check_counts(kind: &'static str, character: char, piece: &str, after: &str) -> Result<(), Error> {
    let fault = match character {
        '/' => schema::fault(piece),
        '{' => schema::fault(&format!("{{{}", after.split_inclusive('}').next().unwrap_or_default())),
        _ => None,
    };
    fault.map_or(Ok(()), |fault| Err(Error::grammar(kind, fault)))
}

/// A schema as the library takes it, and how many bytes it had.
fn lowered(kind: &'static str, after: &str) -> Result<(String, usize), Error> {
    let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let lowered = schema::lower(&value)?;
            Ok((format!("{JSON} {lowered}"), values.byte_offset()))
        }
        Some(Err(error)) => Err(Error::grammar(kind, format!("what follows {JSON} is no JSON: {error}"))),
        None => Err(Error::grammar(kind, format!("nothing follows {JSON}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::checked;

    fn refused(source: &str) -> String {
        checked("Lark grammar", source).unwrap_err().to_string()
    }

    #[test]
    fn schemas_inside_are_held_to_what_schemas_are_held_to() {
        let lowered =
            checked("Lark grammar", "start: \"%json\" j // %json x\nj: %json {\"exclusiveMinimum\": 0}\n").unwrap();
        assert!(lowered.starts_with("start: \"%json\" j // %json x\nj: %json {\"minimum\":1e-17"), "{lowered}");
        assert!(lowered.ends_with("}\n"), "{lowered}");
        assert!(refused("start: %json {\"multipleOf\": 999983}").contains("divisors"));
        assert!(refused("start: %json {\"x-guidance\": {}}").contains("x-guidance"));
        assert!(refused("start: %json x").contains("no JSON"));
        assert!(refused("%llguidance {\"no_forcing\": true}\nstart: \"a\"").contains("%llguidance"));
        assert!(checked("Lark grammar", "start: \"%llguidance\" // %llguidance\n").is_ok());
    }

    #[test]
    fn what_multiplies_is_counted() {
        let words = vec!["/(?s:.)*a(?s:.)*/"; 40].join(" & ");
        assert!(refused(&format!("start: A\nA: {words}\n")).contains("& and ~"));
        assert!(refused("start: a{99999999}\na: \"x\"\n").contains("counted"));
        assert!(refused("start: /a{99999999}/\n").contains("counted"));
        assert!(checked("Lark grammar", "start: \"{99999999}\" /[&~]/\n").is_ok());
    }
}
