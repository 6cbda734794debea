//! Cost of compiling a schema, counted before it is done.
//!
//! `llguidance` bounds the size of its grammars; some of what it does grows faster than that. Each such construct is
//! counted here, and refused at its place where all of them together are too many.

use super::{KIND, Place};
use crate::Error;
use crate::limits::{MAX_CONJUNCTIONS, MAX_MULTIPLE, MAX_PAIRS, MAX_PATTERN_PROPERTIES};
use serde_json::{Map, Value};

/// Counts so far.
#[derive(Debug, Default)]
pub(super) struct Weight {
    /// Pairs of properties of one object, and of branches of one `oneOf`.
    pairs: usize,
    /// Pattern properties in all objects.
    patterns: usize,
    /// States of the automata that divide, one after the other.
    states: u64,
    /// States of one automaton that divides by all divisors at once.
    product: u64,
    /// Decimal places of the divisors counted in `product`.
    places: i32,
}

impl Weight {
    /// Counts the pairs of `count` things.
    pub(super) fn pairs(&mut self, count: usize, place: &Place) -> Result<(), Error> {
        self.pairs = self.pairs.saturating_add(count.saturating_mul(count));
        if self.pairs > MAX_PAIRS {
            return Err(place.refuse(format!(
                "too many properties or branches stand beside each other; the squares of their numbers may add up to {MAX_PAIRS}"
            )));
        }
        Ok(())
    }

    /// Counts the properties of a lowered object.
    pub(super) fn object(&mut self, lowered: &Map<String, Value>, place: &Place) -> Result<(), Error> {
        let count = |key: &str| lowered.get(key).and_then(Value::as_object).map_or(0, Map::len);
        self.pairs(count("properties"), &place.below("properties"))?;
        self.patterns = self.patterns.saturating_add(count("patternProperties"));
        if self.patterns > MAX_PATTERN_PROPERTIES {
            let here = place.below("patternProperties");
            return Err(here.refuse(format!("more than {MAX_PATTERN_PROPERTIES} pattern properties are too many")));
        }
        Ok(())
    }

    /// A divisor whose remainders can be told apart.
    pub(super) fn multiple(&mut self, value: &Value, place: &Place) -> Result<Value, Error> {
        let number = super::checks::checked_number(value, place)?;
        let (digits, places) = decimal(&number.to_string()).filter(|(digits, _)| *digits > 0).ok_or_else(|| {
            place.refuse(format!("{number} is no divisor; a number above 0 is, of at most 18 digits"))
        })?;
        self.states = self.states.saturating_add(digits);
        self.product = lcm(self.product.max(1), self.places, digits, places);
        self.places = self.places.max(places);
        if self.states > MAX_MULTIPLE {
            return Err(
                place.refuse(format!("all divisors together, written as integers, may be {MAX_MULTIPLE} at most"))
            );
        }
        Ok(number)
    }

    /// Checks what only the whole schema shows.
    ///
    /// # Errors
    /// Divisors and patterns that hold at once and make too large an automaton together.
    pub(super) fn check(&self, lowered: &Value) -> Result<(), Error> {
        let conjunctions = conjunctions(lowered, lowered);
        Error::check(KIND, "patterns, formats and lengths in one allOf", conjunctions, MAX_CONJUNCTIONS)?;
        if conjunctions > 0 && self.product > MAX_MULTIPLE {
            let reason =
                format!("the least common multiple of all divisors beside allOf may be {MAX_MULTIPLE} at most");
            return Err(Place::root().refuse(reason));
        }
        Ok(())
    }
}

/// Most schemas that restrict the same text or number at once, anywhere below `schema`.
fn conjunctions(schema: &Value, root: &Value) -> usize {
    match schema {
        Value::Object(fields) => {
            let at_once = fields.contains_key("allOf") || fields.contains_key("$ref");
            let here = if at_once { restrictions(schema, root, 0) } else { 0 };
            // A schema alone, with its format, is no conjunction.
            let here = if here > 1 { here } else { 0 };
            fields.values().map(|below| conjunctions(below, root)).fold(here, usize::max)
        }
        Value::Array(items) => items.iter().map(|below| conjunctions(below, root)).fold(0, usize::max),
        _ => 0,
    }
}

/// Most schemas that restrict one value by more than its type.
fn restrictions(schema: &Value, root: &Value, steps: usize) -> usize {
    let Some(fields) = schema.as_object().filter(|_| steps < MAX_CONJUNCTIONS) else { return 0 };
    let listed = |key: &str| fields.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |schema: &Value| restrictions(schema, root, steps + 1);
    let target =
        fields.get("$ref").and_then(Value::as_str).and_then(|place| root.pointer(place.trim_start_matches('#')));
    let own = ["pattern", "format", "minLength", "maxLength", "multipleOf"].iter().any(|key| fields.contains_key(*key));
    usize::from(own)
        + listed("allOf").iter().map(of).sum::<usize>()
        + listed("anyOf").iter().map(of).fold(0, usize::max)
        + target.map_or(0, of)
}

/// A decimal number as digits and how many of them stand behind the point.
fn decimal(text: &str) -> Option<(u64, i32)> {
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, 0), |(mantissa, exponent)| (mantissa, exponent.parse::<i32>().unwrap_or(i32::MAX)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if places >= 0 {
        return (places <= 18).then_some((digits, places));
    }
    Some((10u64.checked_pow(places.unsigned_abs())?.checked_mul(digits)?, 0))
}

/// The least common multiple of two decimals, as digits of the finer one's places.
fn lcm(left: u64, left_places: i32, right: u64, right_places: i32) -> u64 {
    let places = left_places.max(right_places);
    let scaled = |digits: u64, from: i32| {
        digits.saturating_mul(10u64.checked_pow((places - from).unsigned_abs()).unwrap_or(u64::MAX))
    };
    let (mut a, mut b) = (scaled(left, left_places), scaled(right, right_places));
    let product = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (product.0 / a.max(1)).saturating_mul(product.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_their_multiples() {
        assert_eq!(decimal("0.01"), Some((1, 2)));
        assert_eq!(decimal("1e-3"), Some((1, 3)));
        assert_eq!(decimal("2.50"), Some((25, 1)));
        assert_eq!(decimal("1e3"), Some((1000, 0)));
        assert_eq!(decimal("-3"), None);
        assert_eq!(decimal("1e300"), None);
        assert_eq!(lcm(6, 0, 4, 0), 12);
        assert_eq!(lcm(1, 2, 1, 0), 100);
    }
}
