//! Bounds of numbers, in the one form that the library carries out exactly.
//!
//! It holds bounds as doubles, writes zero where zero is excluded, and takes integers beyond 2^53 for their neighbours. So
//! every bound becomes an inclusive one that a double holds, moved inwards where it must move: answers may be fewer, never
//! more.

use super::Place;
use crate::Error;
use serde_json::{Map, Value};

/// The greatest integer that is written under a bound: the last double below 2^63.
const GREATEST_INTEGER: i128 = 9_223_372_036_854_774_784;
/// The greatest magnitude of a bound: its integers are exact, and its pattern spells every digit.
const GREATEST: f64 = 9e15;
/// The least magnitude of a bound that is not zero, for the same reason.
const LEAST: f64 = 1e-17;

/// Replaces the four bounds of a lowered schema by at most two.
///
/// # Errors
/// [`Error::Schema`] for a bound beyond which no number can be written.
pub(super) fn tighten(lowered: &mut Map<String, Value>, place: &Place) -> Result<(), Error> {
    let keys = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];
    if !keys.iter().any(|key| lowered.contains_key(*key)) {
        return Ok(());
    }
    let integer = is_integer(lowered.get("type"));
    for (inclusive, exclusive, lower) in [("minimum", "exclusiveMinimum", true), ("maximum", "exclusiveMaximum", false)]
    {
        let within = lowered.remove(inclusive).map(|bound| (inclusive, bound, false));
        let beyond = lowered.remove(exclusive).map(|bound| (exclusive, bound, true));
        let mut tightest: Option<f64> = None;
        for (key, bound, strict) in within.into_iter().chain(beyond) {
            let here = place.below(key);
            let bound = if integer { whole(&bound, strict, lower) } else { fraction(&bound, strict, lower) };
            let bound = bound.ok_or_else(|| here.refuse("no number beyond this bound can be written"))?;
            tightest = Some(match tightest {
                Some(other) if lower => other.max(bound),
                Some(other) => other.min(bound),
                None => bound,
            });
        }
        if let Some(bound) = tightest {
            lowered.insert(inclusive.to_owned(), number(bound));
        }
    }
    Ok(())
}

/// True if all numbers of these types are integers.
fn is_integer(types: Option<&Value>) -> bool {
    match types {
        Some(Value::String(name)) => name == "integer",
        Some(Value::Array(names)) => {
            names.iter().any(|name| name == "integer") && !names.iter().any(|name| name == "number")
        }
        _ => false,
    }
}

/// A double as JSON: without a fraction where it has none.
fn number(bound: f64) -> Value {
    let whole = bound as i64;
    if bound.abs() < 9e15 && whole as f64 == bound { whole.into() } else { bound.into() }
}

/// The outermost integer within a bound that a double holds; `None` if there is none that can be written.
fn whole(bound: &Value, strict: bool, lower: bool) -> Option<f64> {
    let exact = bound.as_i64().map(i128::from).or_else(|| bound.as_u64().map(i128::from));
    let integer = match exact {
        Some(integer) if strict => integer + if lower { 1 } else { -1 },
        Some(integer) => integer,
        None => {
            let bound = bound.as_f64()?;
            let inward = if lower { bound.ceil() } else { bound.floor() };
            // A conversion to an integer stops at its ends.
            let integer = inward as i128;
            if strict && inward == bound { integer.saturating_add(if lower { 1 } else { -1 }) } else { integer }
        }
    };
    let integer = match lower {
        true if integer > GREATEST_INTEGER => return None,
        false if integer < -GREATEST_INTEGER => return None,
        _ => integer.clamp(-GREATEST_INTEGER, GREATEST_INTEGER),
    };
    let nearest = integer as f64;
    Some(match (lower, (nearest as i128).cmp(&integer)) {
        (true, std::cmp::Ordering::Less) => nearest.next_up(),
        (false, std::cmp::Ordering::Greater) => nearest.next_down(),
        _ => nearest,
    })
}

/// The outermost double within a bound; every decimal from it on inwards reads as a double within the bound.
fn fraction(bound: &Value, strict: bool, lower: bool) -> Option<f64> {
    let bound = bound.as_f64()?;
    let inward = match (strict, lower) {
        (true, true) => bound.next_up(),
        (true, false) => bound.next_down(),
        (false, _) => bound,
    };
    let inward = if inward.abs() >= LEAST || inward == 0.0 {
        inward
    } else if (inward > 0.0) == lower {
        LEAST.copysign(inward)
    } else {
        0.0
    };
    match lower {
        true if inward > GREATEST => None,
        false if inward < -GREATEST => None,
        _ => Some(inward.clamp(-GREATEST, GREATEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tightened(schema: Value) -> Result<Value, Error> {
        let Value::Object(mut fields) = schema else { return Ok(Value::Null) };
        tighten(&mut fields, &Place::root())?;
        Ok(Value::Object(fields))
    }

    #[test]
    fn bounds_move_inwards_only() {
        let cases = [
            (json!({"exclusiveMinimum": 0}), json!({"minimum": 1e-17})),
            (json!({"exclusiveMaximum": 0}), json!({"maximum": -1e-17})),
            (json!({"minimum": 0, "maximum": 0.5}), json!({"minimum": 0, "maximum": 0.5})),
            (json!({"minimum": 3, "exclusiveMinimum": 0.5}), json!({"minimum": 3})),
            (json!({"exclusiveMaximum": 0.5}), json!({"maximum": 0.499_999_999_999_999_94})),
            (
                json!({"minimum": -1e-300, "maximum": 9_000_000_000_000_000.00}),
                json!({"minimum": 0, "maximum": 9_000_000_000_000_000.0}),
            ),
            (json!({"type": "integer", "exclusiveMinimum": 0}), json!({"type": "integer", "minimum": 1})),
            (json!({"type": "integer", "exclusiveMaximum": 2.5}), json!({"type": "integer", "maximum": 2})),
            (
                json!({"type": "integer", "minimum": 9_007_199_254_740_993_i64}),
                json!({"type": "integer", "minimum": 9_007_199_254_740_994.0}),
            ),
            (
                json!({"type": "integer", "maximum": u64::MAX}),
                json!({"type": "integer", "maximum": 9_223_372_036_854_774_784.0}),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(tightened(schema.clone()).unwrap(), expected, "{schema}");
        }
        assert!(
            tightened(json!({"type": "integer", "minimum": u64::MAX})).unwrap_err().to_string().contains("#/minimum")
        );
        assert!(tightened(json!({"exclusiveMaximum": -1e40})).is_err());
    }
}
