//! Checks of the values of single keywords.

use super::Place;
use crate::Error;
use crate::limits::{MAX_DEPTH, MAX_REPETITIONS};
use serde_json::{Map, Value};

pub(super) fn checked_type(value: &Value, place: &Place) -> Result<Value, Error> {
    const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    let known = match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(is_type),
        name => is_type(name),
    };
    if known {
        Ok(value.clone())
    } else {
        Err(place.refuse(format!("{value} is no type; types are {}", TYPES.join(", "))))
    }
}

/// Values of `enum`, or that of `const`.
pub(super) fn checked_values(value: &Value, key: &str, place: &Place) -> Result<Value, Error> {
    if key == "enum" && value.as_array().is_none_or(Vec::is_empty) {
        return Err(place.refuse("a list of at least one value is needed"));
    }
    if !check_value_depth(value, place.depth) {
        return Err(place.refuse("a value is nested too deeply"));
    }
    check_numbers(value, place)?;
    Ok(value.clone())
}

/// Integers that a double does not hold would be written as their neighbours.
fn check_numbers(value: &Value, place: &Place) -> Result<(), Error> {
    match value {
        Value::Number(number) => {
            let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            match exact.filter(|exact| *exact as f64 as i128 != *exact) {
                Some(exact) => {
                    Err(place.refuse(format!("{exact} has more digits than can be written exactly; use a text")))
                }
                None => Ok(()),
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_numbers(item, place)),
        Value::Object(fields) => fields.values().try_for_each(|field| check_numbers(field, place)),
        _ => Ok(()),
    }
}

fn check_value_depth(value: &Value, depth: usize) -> bool {
    depth <= MAX_DEPTH
        && match value {
            Value::Array(items) => items.iter().all(|item| check_value_depth(item, depth + 1)),
            Value::Object(fields) => fields.values().all(|field| check_value_depth(field, depth + 1)),
            _ => true,
        }
}

pub(super) fn checked_names(value: &Value, place: &Place) -> Result<Value, Error> {
    let is_names = value.as_array().is_some_and(|names| names.iter().all(Value::is_string));
    if is_names { Ok(value.clone()) } else { Err(place.refuse("a list of names is needed")) }
}

/// A count may be written with a fraction of zero.
pub(super) fn checked_count(value: &Value, place: &Place) -> Result<Value, Error> {
    let count = value.as_u64().or_else(|| match value.as_f64() {
        // Exact: below 2^53 and without a fraction.
        Some(float) if float.fract() == 0.0 && (0.0..9e15).contains(&float) => Some(float as u64),
        _ => None,
    });
    let count = count.ok_or_else(|| place.refuse(format!("{value} is no count")))?;
    if count > MAX_REPETITIONS {
        return Err(place.refuse(format!("{count} is more than can be counted, {MAX_REPETITIONS}")));
    }
    Ok(count.into())
}

pub(super) fn checked_number(value: &Value, place: &Place) -> Result<Value, Error> {
    if value.is_number() { Ok(value.clone()) } else { Err(place.refuse(format!("{value} is no number"))) }
}

/// In draft 4 an exclusive bound says whether the other one is exclusive.
pub(super) fn bound(
    key: &str,
    value: &Value,
    fields: &Map<String, Value>,
    place: &Place,
    lowered: &mut Map<String, Value>,
) -> Result<(), Error> {
    let inclusive = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
    match value {
        Value::Bool(false) => return Ok(()),
        Value::Bool(true) => {
            let number = fields.get(inclusive).cloned().unwrap_or(Value::Null);
            lowered.insert(key.to_owned(), checked_number(&number, place)?);
        }
        number => {
            lowered.insert(key.to_owned(), checked_number(number, place)?);
        }
    }
    Ok(())
}

/// A key that the schema leaves open may come twice, which counts once. With one such key needed that is no matter.
pub(super) fn check_free_keys(lowered: &Map<String, Value>, place: &Place) -> Result<(), Error> {
    let least = lowered.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
    let required = lowered.get("required").and_then(Value::as_array);
    let required: std::collections::BTreeSet<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    if least > required.len() as u64 + 1 {
        return Err(place.below("minProperties").refuse(
            "more than one property is needed that the schema does not require by name; name them in required",
        ));
    }
    Ok(())
}
