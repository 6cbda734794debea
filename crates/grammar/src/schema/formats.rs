//! `format`: which texts have one. Formats bind here, whatever the draft says.

use super::Place;
use crate::Error;
use serde_json::{Map, Value, json};

/// Formats whose patterns are `llguidance`'s.
const KNOWN: &[&str] = &["duration", "ipv4", "ipv6", "uri", "uuid"];

/// Formats that it would take too widely, as patterns of our own: dates without 29 February in years that have none,
/// times without leap seconds, host names of no more than 253 bytes, addresses of no more than 254.
const OWN: &[(&str, &[&str])] = &[
    ("date", &["^", DATE, "$"]),
    ("time", &["^", TIME, "$"]),
    ("date-time", &["^", DATE, "[Tt]", TIME, "$"]),
    ("hostname", &["^", LABEL, "(\\.", LABEL, "){0,3}$"]),
    ("email", &["^(", LOCAL, ")@", LABEL, "(\\.", LABEL, "){0,2}$"]),
];

/// Puts the class of RFC 5322 `atext` before each of its arguments.
macro_rules! local {
    ($($count:literal),*) => { concat!($("[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]", $count),*) };
}

/// RFC 3339 `full-date`, in the years of the Gregorian calendar that four digits can write.
const DATE: &str = "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))\
     |([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
/// RFC 3339 `full-time`.
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
/// A label of RFC 1123 that does not look like an internationalised one.
const LABEL: &str =
    "([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]?[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-][A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9])";
/// RFC 5321 `Local-part` of at most 64 characters, without quotes: one, two or three runs of the characters that
/// [`local`] names.
const LOCAL: &str = local!("{1,64}|", "{1,31}\\.", "{1,32}|", "{1,20}\\.", "{1,20}\\.", "{1,20}");

/// Formats of numbers in OpenAPI, as the bounds that they are.
const NUMBERS: &[(&str, i64, u64)] = &[
    ("int8", i8::MIN as i64, i8::MAX as u64),
    ("int16", i16::MIN as i64, i16::MAX as u64),
    ("int32", i32::MIN as i64, i32::MAX as u64),
    ("int64", i64::MIN, i64::MAX as u64),
    ("uint8", 0, u8::MAX as u64),
    ("uint16", 0, u16::MAX as u64),
    ("uint32", 0, u32::MAX as u64),
    ("uint64", 0, u64::MAX),
];

/// Adds a format to the lowered schema.
///
/// # Errors
/// [`Error::Schema`] for a format that is not known.
pub(super) fn add(
    value: &Value,
    fields: &Map<String, Value>,
    place: &Place,
    lowered: &mut Map<String, Value>,
) -> Result<(), Error> {
    let name = value.as_str().ok_or_else(|| place.refuse("a text is needed"))?;
    if KNOWN.contains(&name) {
        lowered.insert("format".into(), value.clone());
        return Ok(());
    }
    if let Some((_, parts)) = OWN.iter().find(|(own, _)| *own == name) {
        let pattern = parts.concat();
        return also(json!({"pattern": pattern}), lowered, place);
    }
    let numbers = [json!("integer"), json!("number")];
    let is_number = fields.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| numbers.contains(kind)) && !kinds.contains(&json!("string")),
        kind => numbers.contains(kind),
    });
    match (name, NUMBERS.iter().find(|(number, _, _)| *number == name)) {
        (_, Some((_, least, most))) if is_number => {
            let kind = fields.get("type").filter(|kind| **kind == "integer").map_or("number", |_| "integer");
            let mut bounds = json!({"type": kind, "minimum": least, "maximum": most});
            if let Value::Object(bounds) = &mut bounds {
                super::numbers::tighten(bounds, place)?;
                bounds.remove("type");
            }
            also(bounds, lowered, place)
        }
        // Every JSON number is one.
        ("float" | "double", _) if is_number => Ok(()),
        _ => Err(place.refuse(format!("the format {name:?} is not supported"))),
    }
}

/// Asks for a further schema beside what is there.
fn also(schema: Value, lowered: &mut Map<String, Value>, place: &Place) -> Result<(), Error> {
    let all = lowered.entry("allOf").or_insert_with(|| Value::Array(Vec::new()));
    all.as_array_mut().ok_or_else(|| place.refuse("allOf must be a list"))?.push(schema);
    Ok(())
}
